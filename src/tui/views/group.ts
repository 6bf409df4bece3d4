// View 2: one group, its members as the kernel orders them, and below them what the selected one is like.
import { findings } from '../../core/findings/diagnosis.js';
import { type Group, groupPerSecond, skewOf } from '../../core/state/group.js';
import { picksOf, takenOf } from '../../core/state/member.js';
import type { State } from '../../core/state/state.js';
import { formatCount, formatRate } from '../../core/text/format.js';
import { commandOf, inCommon, placeOf } from '../../core/words/identity.js';
import { countCauses, steeringText } from '../../core/words/steering.js';
import { membersText, wordsOf } from '../../members/heading.js';
import { memberColumns } from '../columns.js';
import { matches } from '../filter.js';
import { clockOf, lastPickOf } from '../logs.js';
import { goTo, type Model, selectedIndex } from '../model.js';
import { chooserOf, groupName, type Marks, type MemberRow, marksOf, memberRows, membersOf } from '../rows.js';
import { problemsFirst, sortRows, tableLines } from '../table.js';
import { BOLD, cells, type Line, line, percent, span, wrap } from '../text.js';
import { type Context, isNarrow, isShort, type View } from '../view.js';
import { emptyLines, isEmpty } from './empty.js';
import { groupsView } from './groups.js';
import { panelLines } from './panels.js';
import { reachLines } from './reach.js';

const DEFAULT_SORT = { column: 'index', isDescending: false } as const;

/** The group that view 2 shows: the open one, else the one selected in view 1; null when there is none. */
const openGroup = (state: State, model: Model): Group | null => {
  if (model.group !== null) return state.groups.get(model.group) ?? null;
  const rows = groupsView.rows(state, { ...model, filter: '', isProblemsOnly: false });
  const key = rows.find((row) => row === model.selected.groups) ?? rows[0];
  return key === undefined ? null : (state.groups.get(String(key)) ?? null);
};

const shownMembers = (state: State, model: Model, marks: Marks): readonly MemberRow[] => {
  const group = openGroup(state, model);
  if (group === null) return [];
  const wanted = memberRows(state, group, marks).filter(
    (facts) => (!model.isProblemsOnly || facts.mark !== ' ') && matches(model.filter, () => fieldsOf(facts)),
  );
  const columns = memberColumns(state, membersOf(state, group));
  const rows = sortRows(wanted, columns, model.sorts.group ?? DEFAULT_SORT);
  return model.isSmall && model.sorts.group === undefined ? problemsFirst(rows, (row) => row.mark) : rows;
};

const fieldsOf = ({ member, owner }: MemberRow): string[] => [
  member.laddr,
  String(member.lport),
  ...(member.index === null ? [] : [`#${member.index}`]),
  ...[owner, ...member.holders].flatMap((actor) => (actor === null ? [] : [String(actor.pid), actor.comm])),
  ...[placeOf(member), commandOf(member)].filter((name) => name !== null),
];

const body = (context: Context, height: number): Line[] => {
  const { state, model } = context;
  const group = openGroup(state, model);
  if (group === null || isEmpty(state)) return emptyLines(context);
  if (membersOf(state, group).length === 0) {
    const since = group.changed === null ? '' : ` at ${clockOf(state, group.changed.tsNs, false)}`;
    return [
      line(` The last listener of ${groupName(state, group)} closed${since} (4: closes, 1: other groups).`),
    ];
  }
  const marks = marksOf(context.findings);
  const rows = shownMembers(state, model, marks);
  const selected = selectedIndex(
    model,
    groupView,
    rows.map(({ member }) => String(member.ino)),
  );
  const head = [...summary(context, group), ...steering(context, group), ...notes(context, group)];
  if (rows.length === 0) return [...head, line(' No listener matches: Esc shows all of them.')];
  const room = Math.max(0, height - head.length);
  const table = tableLines({
    columns: memberColumns(state, membersOf(state, group)),
    rows,
    selected,
    markOf: (facts) => facts.mark,
    sort: model.sorts.group ?? DEFAULT_SORT,
    skipped: model.columnsSkipped,
    width: context.columns,
    height: Math.min(room, rows.length + 1),
  });
  const chosen = selected === null ? null : (rows[selected] ?? null);
  const below = room - table.length;
  const panel =
    model.isReaching && chosen !== null
      ? reachLines(context, chosen.member, below)
      : panelLines(context, rows, chosen, below);
  return [...head, ...table, ...panel];
};

const summary = (context: Context, group: Group): Line[] => {
  const { state } = context;
  const picks = [...group.members.values()].reduce((sum, member) => sum + picksOf(member), 0);
  const taken = [...group.members.values()].reduce((sum, member) => sum + takenOf(member), 0);
  const words = wordsOf(state, group);
  const skew = skewOf(group);
  const count = group.members.size;
  if (isNarrow(context)) {
    const skewText = skew === null ? '' : ` skew ${skew.toFixed(2)}x`;
    return [
      line(
        ` ${count} ${group.proto === 'udp' ? 'sockets' : 'lsn'} ${formatRate(groupPerSecond(group))}/s${skewText} ${words.picks} ${formatCount(picks)}`,
      ),
    ];
  }
  const fair = 1 / count;
  // Three sigma of a member's share when every pick is independent.
  const chance = picks > 0 ? ` ±${percent(3 * Math.sqrt((fair * (1 - fair)) / picks))}` : '';
  const uids = new Set([...group.members.values()].map((member) => member.uid));
  const [uid] = uids;
  const place = inCommon(membersOf(state, group), placeOf);
  const hidden = count - membersOf(state, group).length;
  return [
    [
      span(membersText(words, count), BOLD),
      span(hidden > 0 ? ` (${hidden} of other processes not shown)` : ''),
      span(group.n !== null && group.n > 0 && group.n !== count ? ` (the kernel counts ${group.n})` : ''),
      span(count > 1 ? `  fair ${percent(fair)}%${chance}` : ''),
      span(`  ${words.picks} ${formatCount(picks)}  ${words.taken} ${formatCount(taken)}`),
      span(count > 1 && chooserOf(state, group) !== '-' ? `  select: ${chooserOf(state, group)}` : ''),
      span(skew === null ? '' : `  skew ${skew.toFixed(2)}x`),
      span(uids.size === 1 && uid !== null && uid !== undefined ? `  uid ${uid}` : ''),
      span(place === null ? '' : `  in ${cells(place)}`),
    ],
  ];
};

/** What chooses in place of the hash, and how often. */
const steering = (context: Context, group: Group): Line[] => {
  const text = steeringText(group, countCauses(context.state).get(group.key));
  if (text === null || isNarrow(context)) return [];
  return wrap(cells(text), context.columns - 1)
    .slice(0, isShort(context) ? 1 : 3)
    .map((row) => line(` ${row}`));
};

/** What must be said of a group that shares nothing. */
const notes = (context: Context, group: Group): Line[] => {
  const say = (text: string): Line[] =>
    isNarrow(context) || isShort(context)
      ? [line(` ${text.split(/[:;]/)[0] ?? text}.`, { color: 'yellow' })]
      : wrap(text, context.columns - 2).map((row) => line(` ${row}`, { color: 'yellow' }));
  const members = [...group.members.values()];
  const [first] = members;
  if (first === undefined) return [];
  if (members.some((member) => member.reuseport === false)) {
    const others = members.filter((member) => member.reuseport === false).length;
    return say(
      others === members.length
        ? group.proto === 'udp'
          ? 'No SO_REUSEPORT here: the kernel has nothing to choose; of several sockets the one bound last gets all.'
          : 'No SO_REUSEPORT here: the kernel has nothing to choose, every connection goes to this listener.'
        : `${others} of them without SO_REUSEPORT: they are in no group and take no share.`,
    );
  }
  if (members.length > 1) return [];
  const holders = first.holders.length;
  const [noun, unit] = group.proto === 'udp' ? ['socket', 'datagram'] : ['listener', 'connection'];
  return first.reuseport === null
    ? say(`One ${noun}; SO_REUSEPORT or not is known from its first ${unit} on.`)
    : say(
        holders > 1
          ? `SO_REUSEPORT is set but shares nothing: ${holders} processes hold this one socket.`
          : `SO_REUSEPORT is set but shares nothing: there is one ${noun}.`,
      );
};

export const groupView: View = {
  name: 'group',
  title: 'Group',
  isOffered: () => true,
  rows: (state, model) =>
    shownMembers(state, model, marksOf(findings(state))).map(({ member }) => String(member.ino)),
  isLog: false,
  sortable: (state, model) => {
    const group = openGroup(state, model);
    const columns = memberColumns(state, group === null ? [] : membersOf(state, group));
    return columns.filter(({ sortBy }) => sortBy !== undefined);
  },
  sort: DEFAULT_SORT,
  open: (model, state, row) => {
    const number = lastPickOf(state, Number(row));
    if (number === null)
      return { ...model, notice: 'No pick of this listener in the log yet: nothing to explain.' };
    const chosen = { ...model, selected: { ...model.selected, explain: number }, explainedFrom: model.view };
    return goTo(chosen, 'explain');
  },
  body,
  corner: () => null,
  hints: () => [
    ['Enter', 'Explain'],
    ['c', 'Reach'],
    ['Esc', 'Back'],
    ['s', 'Sort'],
    ['/', 'Filter'],
    ['Space', 'Pause'],
    ['r', 'Reset'],
    ['w', 'Save'],
    ['e', 'Problems'],
  ],
};
