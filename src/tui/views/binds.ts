// View 4: every bind(), listen() and close on the ports, newest last, and why the selected one was refused.

import type { LoggedBind, State } from '../../core/state/state.js';
import { formatEndpoint } from '../../core/text/endpoint.js';
import { errnoName } from '../../core/text/errno.js';
import { formatCount } from '../../core/text/format.js';
import { netnsName } from '../../core/words/netns.js';
import { explainRefusal } from '../../core/words/refusal.js';
import { box } from '../box.js';
import { matches } from '../filter.js';
import { clockOf, type Entry, entriesOf } from '../logs.js';
import { type Model, selectedIndex } from '../model.js';
import { type Column, tableLines } from '../table.js';
import { cells, EMPTY, type Line, line, wrap } from '../text.js';
import { type Context, isNarrow, isShort, type View } from '../view.js';

type Row = Entry<LoggedBind>;

const isRefused = (item: LoggedBind): boolean => item.kind !== 'change' && item.ret < 0;

const isProblem = (item: LoggedBind): boolean =>
  isRefused(item) || (item.kind === 'change' && item.event.kind === 'close' && item.event.queue > 0);

const partsOf = (item: LoggedBind): { pid: number; comm: string; laddr: string; lport: number } =>
  item.kind === 'change' ? item.event : item;

const shownEntries = (state: State, model: Model): Row[] =>
  entriesOf(state.binds).filter(({ item }) => {
    const { pid, comm, laddr, lport } = partsOf(item);
    const fields = [String(pid), comm, formatEndpoint(laddr, lport), callOf(item), resultOf(item)];
    return (!model.isProblemsOnly || isProblem(item)) && matches(model.filter, () => fields);
  });

const callOf = (item: LoggedBind): string => {
  if (item.kind === 'bind') return 'bind';
  if (item.kind === 'listened') return 'listen';
  return item.event.kind === 'close' ? 'close' : 'join';
};

const resultOf = (item: LoggedBind): string => {
  if (item.kind !== 'change' && item.ret < 0) return errnoName(item.ret);
  if (item.kind === 'bind') return item.verdict === null ? 'ok' : `ok, ${PATHS[item.verdict.path]}`;
  if (item.kind === 'listened') return `ok, backlog ${item.backlog}`;
  const { event, index, movedFrom } = item;
  const slot = index === null ? '' : `#${index} `;
  if (event.kind === 'listen') return `${slot}joined`;
  const moved = movedFrom === null || index === null ? '' : `, #${movedFrom} -> #${index}`;
  return `${slot}left${event.queue > 0 ? `, ${formatCount(event.queue)} queued` : ''}${moved}`;
};

/** How the kernel came to let a socket in. */
const PATHS = {
  free: 'port was free',
  fast: 'same as the last',
  checked: 'no conflict',
  refused: 'after a refusal',
} as const;

const reuseportOf = (item: LoggedBind): string => {
  if (item.kind === 'change') return item.event.kind === 'listen' ? yesNo(item.event.reuseport) : '-';
  return yesNo(item.reuseport);
};

const yesNo = (is: boolean): string => (is ? 'yes' : 'NO');

const uidOf = (item: LoggedBind): string => {
  if (item.kind === 'change') return item.event.kind === 'listen' ? String(item.event.uid) : '-';
  return String(item.uid);
};

const tsOf = (item: LoggedBind): number => (item.kind === 'change' ? item.event.tsNs : item.tsNs);

const columns = (state: State): readonly Column<Row>[] => [
  {
    id: 'time',
    title: 'TIME',
    align: 'left',
    width: 12,
    drop: 4,
    text: ({ item }) => clockOf(state, tsOf(item)),
  },
  {
    id: 'pid',
    title: 'PID',
    align: 'right',
    width: 7,
    drop: 0,
    text: ({ item }) => String(partsOf(item).pid),
  },
  {
    id: 'comm',
    title: 'COMM',
    align: 'left',
    width: 8,
    widest: 16,
    drop: 2,
    text: ({ item }) => cells(partsOf(item).comm),
  },
  { id: 'uid', title: 'UID', align: 'right', width: 5, drop: 5, text: ({ item }) => uidOf(item) },
  { id: 'call', title: 'CALL', align: 'left', width: 6, drop: 0, text: ({ item }) => callOf(item) },
  {
    id: 'address',
    title: 'ADDRESS',
    align: 'left',
    width: 15,
    widest: 47,
    isAddress: true,
    drop: 1,
    text: ({ item }) => formatEndpoint(cells(partsOf(item).laddr), partsOf(item).lport),
  },
  {
    id: 'reuseport',
    title: 'RPORT',
    align: 'left',
    width: 5,
    drop: 3,
    text: ({ item }) => reuseportOf(item),
  },
  {
    id: 'result',
    title: 'RESULT',
    align: 'left',
    width: 18,
    widest: 34,
    drop: 0,
    text: ({ item }) => resultOf(item),
  },
];

const body = (context: Context, height: number): Line[] => {
  const { state, model } = context;
  const rows = shownEntries(state, model);
  if (rows.length === 0) {
    const why =
      state.binds.items.length === 0
        ? 'No bind(), listen() or close seen yet: sockets that were there before the tool started are in view 1.'
        : 'No entry matches: Esc clears the filter.';
    return wrap(why, context.columns - 2).map((row) => line(` ${row}`));
  }
  const selected = selectedIndex(
    model,
    bindsView,
    rows.map(({ position }) => position),
  );
  const chosen = selected === null ? null : (rows[selected]?.item ?? null);
  const panel = chosen === null ? [] : whyLines(context, chosen);
  // The reason may take all but the header and three rows of the table.
  const hasPanel = panel.length > 0 && height - panel.length >= (isShort(context) ? 2 : 4);
  const room = height - (hasPanel ? panel.length : 0);
  const table = tableLines({
    columns: columns(state),
    rows,
    selected,
    markOf: ({ item }) => (isRefused(item) ? '!' : isProblem(item) ? 'x' : ' '),
    sort: null,
    skipped: model.columnsSkipped,
    width: context.columns,
    height: Math.min(room, rows.length + 1),
  });
  return [...table, ...(hasPanel ? panel : [])];
};

/** What is said of a refused call; nothing for one that worked. */
const whyLines = (context: Context, item: LoggedBind): Line[] => {
  if (item.kind === 'change' || item.ret >= 0) return [];
  const { state, columns: width } = context;
  const { reasons, fix } = explainRefusal(state, item);
  const netns = netnsName(state, item.netns);
  const where = netns === 'host' ? '' : `In network namespace ${cells(netns)}. `;
  const texts = [...(where === '' ? [] : [where]), ...reasons, ...(fix === null ? [] : [`Fix: ${fix}`])];
  if (isNarrow(context) || isShort(context)) {
    return texts.slice(0, 2).flatMap((text) =>
      wrap(text, width - 2)
        .slice(0, 2)
        .map((row) => line(` ${row}`)),
    );
  }
  const rows = texts.flatMap((text) => wrap(text, width - 4)).map((row) => line(row));
  const who = `pid ${item.pid} ${cells(item.comm)}, ${clockOf(state, item.tsNs)}`;
  return [EMPTY, ...box(`why ${errnoName(item.ret)}`, who, rows, width)];
};

export const bindsView: View = {
  name: 'binds',
  title: 'Binds',
  isOffered: () => true,
  rows: (state, model) => shownEntries(state, model).map(({ position }) => position),
  isLog: true,
  sortable: () => [],
  sort: null,
  open: (model) => model,
  body,
  corner: ({ state }) => {
    const calls = state.binds.items.filter((item) => item.kind !== 'change');
    return `${calls.length} calls, ${calls.filter(isRefused).length} refused`;
  },
  hints: () => [
    ['e', 'Errors only'],
    ['/', 'Filter'],
    ['f', 'Follow'],
    ['Space', 'Pause'],
    ['Esc', 'Back'],
    ['w', 'Save'],
  ],
};
