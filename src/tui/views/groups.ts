// View 1: every group of listeners in scope, one row each; it knows nothing of single members.
import { findings } from '../../core/findings/diagnosis.js';
import { ownerOf } from '../../core/state/member.js';
import type { State } from '../../core/state/state.js';
import { formatEndpoint, formatProto } from '../../core/text/endpoint.js';
import { commandOf, placeOf } from '../../core/words/identity.js';
import { matches } from '../filter.js';
import { groupColumns } from '../groupcolumns.js';
import { goTo, type Model, selectedIndex } from '../model.js';
import { type GroupRow, groupRows, type Marks, marksOf } from '../rows.js';
import { problemsFirst, sortRows, tableLines } from '../table.js';
import { cut, type Line, line } from '../text.js';
import type { Context, View } from '../view.js';
import { emptyLines, isEmpty } from './empty.js';

const DEFAULT_SORT = { column: 'rate', isDescending: true } as const;

const shownGroups = (state: State, model: Model, marks: Marks): readonly GroupRow[] => {
  const wanted = groupRows(state, marks).filter(
    (facts) => (!model.isProblemsOnly || facts.mark !== ' ') && matches(model.filter, () => fieldsOf(facts)),
  );
  const rows = sortRows(wanted, groupColumns(state), model.sorts.groups ?? DEFAULT_SORT);
  return model.isSmall && model.sorts.groups === undefined ? problemsFirst(rows, (row) => row.mark) : rows;
};

const fieldsOf = ({ group, members, netns }: GroupRow): string[] => [
  formatEndpoint(group.laddr, group.lport),
  formatProto(group.proto, group.laddr),
  netns,
  ...members.flatMap((member) => [placeOf(member), commandOf(member)].filter((name) => name !== null)),
  ...members.flatMap((member) =>
    [ownerOf(member), ...member.holders].flatMap((actor) =>
      actor === null ? [] : [String(actor.pid), actor.comm],
    ),
  ),
];

const body = (context: Context, height: number): Line[] => {
  const { state, model } = context;
  if (isEmpty(state)) return emptyLines(context);
  const rows = shownGroups(state, model, marksOf(context.findings));
  if (rows.length === 0) return [line(' No group matches: Esc shows all of them.')];
  const note = rows.some(({ unit }) => unit === 'w') ? [line(cut(WAKE_UPS, context.columns))] : [];
  const table = tableLines({
    columns: groupColumns(state),
    rows,
    selected: selectedIndex(
      model,
      groupsView,
      rows.map((facts) => facts.group.key),
    ),
    markOf: (facts) => facts.mark,
    sort: model.sorts.groups ?? DEFAULT_SORT,
    skipped: model.columnsSkipped,
    width: context.columns,
    height: height - note.length,
  });
  return [...table, ...note];
};

/** What stands behind a `w`. */
const WAKE_UPS = ' w: of UDP this rung counts wake-ups, not datagrams; one may stand for several.';

export const groupsView: View = {
  name: 'groups',
  title: 'Groups',
  isOffered: () => true,
  rows: (state, model) => shownGroups(state, model, marksOf(findings(state))).map((facts) => facts.group.key),
  isLog: false,
  sortable: (state) => groupColumns(state).filter(({ sortBy }) => sortBy !== undefined),
  sort: DEFAULT_SORT,
  open: (model, _state, row) => goTo({ ...model, group: String(row) }, 'group'),
  body,
  corner: () => null,
  hints: () => [
    ['Enter', 'Open'],
    ['/', 'Filter'],
    ['s', 'Sort'],
    ['Space', 'Pause'],
    ['r', 'Reset'],
    ['w', 'Save'],
    ['e', 'Problems'],
  ],
};
