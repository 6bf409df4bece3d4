// View 3: the log of picks, newest last, with the changes of the group between them; it counts nothing.

import { seesFunctions } from '../../core/rung.js';
import { picksOf } from '../../core/state/member.js';
import type { LoggedChange, LoggedPick, State } from '../../core/state/state.js';
import { formatEndpoint } from '../../core/text/endpoint.js';
import { formatCount } from '../../core/text/format.js';
import { queuedText } from '../../members/cells.js';
import { matches } from '../filter.js';
import { clockOf, type Entry, entriesOf, entryAt, groupOfPick, hashText, outcomeOf } from '../logs.js';
import { goTo, type Model, selectedIndex } from '../model.js';
import { type Column, tableLines } from '../table.js';
import { cells, type Line, line, wrap } from '../text.js';
import { type Context, isNarrow, type View } from '../view.js';

type Logged = LoggedPick | LoggedChange;
type Row = Entry<Logged>;

const isOfGroup = (state: State, model: Model, item: Logged): boolean => {
  if (model.group === null) return true;
  const ino = item.kind === 'pick' ? item.pick.ino : item.event.ino;
  return item.kind === 'pick'
    ? groupOfPick(state, item) === model.group
    : state.members.get(ino)?.group === model.group;
};

const fieldsOf = (item: Logged): string[] => {
  if (item.kind === 'change') {
    return [String(item.event.pid), item.event.comm, formatEndpoint(item.event.laddr, item.event.lport)];
  }
  const { pick, acceptedBy } = item;
  return [
    formatEndpoint(pick.raddr, pick.rport),
    formatEndpoint(pick.laddr, pick.lport),
    ...(pick.index === null ? [] : [`#${pick.index}`]),
    ...(acceptedBy === null ? ['waiting'] : [String(acceptedBy.pid), acceptedBy.comm]),
  ];
};

const isProblem = (state: State, item: Logged): boolean =>
  item.kind === 'change'
    ? item.event.kind === 'close' && item.event.queue > 0
    : outcomeOf(state, item, state.nowNs).mark !== ' ';

const shownEntries = (state: State, model: Model): Row[] =>
  entriesOf(state.picks).filter(
    ({ item }) =>
      isOfGroup(state, model, item) &&
      (!model.isProblemsOnly || isProblem(state, item)) &&
      matches(model.filter, () => fieldsOf(item)),
  );

/** Cells of picks only: a change is a sentence. */
const columns = (state: State, nowNs: number): Column<Row>[] => {
  const of =
    (text: (logged: LoggedPick) => string) =>
    ({ item }: Row): string =>
      item.kind === 'pick' ? text(item) : '';
  const outcome = (logged: LoggedPick): ReturnType<typeof outcomeOf> => outcomeOf(state, logged, nowNs);
  const all: Column<Row>[] = [
    {
      id: 'time',
      title: 'TIME',
      align: 'left',
      width: 12,
      drop: 6,
      text: of(({ pick }) => clockOf(state, pick.tsNs)),
    },
    {
      id: 'source',
      title: 'SOURCE',
      align: 'left',
      width: 21,
      widest: 47,
      isAddress: true,
      drop: 0,
      text: of(({ pick }) => formatEndpoint(cells(pick.raddr), pick.rport)),
    },
    {
      id: 'destination',
      title: 'DESTINATION',
      align: 'left',
      width: 21,
      widest: 47,
      isAddress: true,
      drop: 9,
      text: of(({ pick }) => formatEndpoint(cells(pick.laddr), pick.lport)),
    },
    {
      id: 'hash',
      title: 'HASH',
      align: 'left',
      width: 8,
      drop: 2,
      text: of(({ pick }) => hashText(pick.hash)),
    },
    { id: 'n', title: 'N', align: 'right', width: 3, drop: 4, text: of(({ pick }) => String(pick.n)) },
    {
      id: 'index',
      title: 'IDX',
      align: 'right',
      width: 4,
      drop: 0,
      text: of(({ pick }) => (pick.index === null ? '-' : String(pick.index))),
    },
    {
      id: 'queue',
      title: 'QUEUE',
      align: 'right',
      width: 9,
      drop: 7,
      text: of(({ pick }) => queuedText(pick.proto, pick.queue, pick.backlog)),
    },
    {
      id: 'who',
      title: 'ACCEPTED BY',
      align: 'left',
      width: 14,
      widest: 24,
      drop: 3,
      text: of((logged) => outcome(logged).who),
    },
    { id: 'cpu', title: 'CPU', align: 'right', width: 4, drop: 8, text: of(({ pick }) => String(pick.cpu)) },
    {
      id: 'after',
      title: 'AFTER',
      align: 'right',
      width: 8,
      drop: 0,
      text: of((logged) => outcome(logged).after),
    },
  ];
  return seesFunctions(state.rung) ? all : all.filter((column) => column.id !== 'hash');
};

/** `-- pid 1204 nginx left socks[3], #7 moved in, n 8 -> 7 --` */
const changeText = (item: LoggedChange): string => {
  const { event, index, movedFrom } = item;
  const who = `pid ${event.pid} ${cells(event.comm)}`;
  const slot = index === null ? '' : ` socks[${index}]`;
  if (event.kind === 'listen') return `-- ${who} joined${slot} --`;
  const moved = movedFrom === null ? '' : `, #${movedFrom} moved in`;
  const queued = event.queue > 0 ? `, ${formatCount(event.queue)} still queued` : '';
  return `-- ${who} left${slot}${moved}${queued} --`;
};

/** How much of what the kernel counted is in the log: details are sampled, counters are not. */
const sampling = (state: State, model: Model): string => {
  let [picks, shown] = [0, 0];
  for (const member of state.members.values()) {
    if (model.group !== null && member.group !== model.group) continue;
    picks += picksOf(member);
    shown += member.counters.shown;
  }
  if (picks === 0 && shown === 0) return 'no pick yet';
  return shown < picks * 0.95
    ? `showing 1 of ${formatCount(Math.max(2, picks / Math.max(1, shown)))} picks (sampled)`
    : 'showing every pick';
};

const body = (context: Context, height: number): Line[] => {
  const { state, model } = context;
  const rows = shownEntries(state, model);
  const selected = selectedIndex(
    model,
    picksView,
    rows.map(({ position }) => position),
  );
  const follow = model.isFollowing ? 'follow on' : 'follow off (f)';
  const head = isNarrow(context)
    ? []
    : [line(` ${sampling(state, model)}   ${formatCount(rows.length)} in this list   ${follow}`)];
  if (rows.length === 0) {
    const why =
      state.picks.items.length === 0
        ? 'No connection was picked a listener for yet.'
        : 'No pick in the log matches: Esc clears the filter, 1 leaves the group.';
    return [...head, ...wrap(why, context.columns - 2).map((row) => line(` ${row}`))];
  }
  const table = tableLines({
    columns: columns(state, context.nowNs),
    rows,
    selected,
    markOf: ({ item }) =>
      item.kind === 'pick' ? outcomeOf(state, item, context.nowNs).mark : isProblem(state, item) ? 'x' : ' ',
    sentenceOf: ({ item }) =>
      item.kind === 'change' ? `${clockOf(state, item.event.tsNs)} ${changeText(item)}` : null,
    sort: null,
    skipped: model.columnsSkipped,
    width: context.columns,
    height: height - head.length,
  });
  return [...head, ...table];
};

export const picksView: View = {
  name: 'picks',
  title: 'Picks',
  isOffered: () => true,
  rows: (state, model) => shownEntries(state, model).map(({ position }) => position),
  isLog: true,
  sortable: () => [],
  sort: null,
  open: (model, state, row) => {
    const item = typeof row === 'number' ? entryAt(state.picks, row) : null;
    if (item?.kind !== 'pick') return { ...model, notice: 'Only a pick can be explained.' };
    const chosen = {
      ...model,
      selected: { ...model.selected, explain: item.number },
      explainedFrom: model.view,
    };
    return goTo(chosen, 'explain');
  },
  body,
  corner: () => null,
  hints: () => [
    ['Enter', 'Explain'],
    ['/', 'Filter'],
    ['f', 'Follow'],
    ['Space', 'Pause'],
    ['Esc', 'Back'],
    ['w', 'Save'],
    ['e', 'Problems'],
  ],
};
