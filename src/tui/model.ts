// What the user chose to look at: view, selection, sort, filter, pause. Plain values; it reads no State but the frozen one.
import type { State } from '../core/state/state.js';

/** The views, in the order of their number keys. A new one needs a name here, a file in views/ and a line in views.ts. */
export type ViewName = 'groups' | 'group' | 'picks' | 'binds' | 'explain' | 'findings';

/** What a selection sticks to: key of a group, inode of a socket as text, position in a log. Never a row number. */
export type RowId = string | number;

export type Sort = { readonly column: string; readonly isDescending: boolean };

/** Text being typed in the last row. */
export type Prompt = { readonly asks: 'filter' | 'n'; readonly text: string };

export type Model = {
  readonly view: ViewName;
  /** False until a view was chosen, by key or by settle(): with --port the first groups decide. */
  readonly isSettled: boolean;
  /** Key of the group that is open; null = all of them. */
  readonly group: string | null;
  readonly selected: Readonly<Partial<Record<ViewName, RowId>>>;
  readonly sorts: Readonly<Partial<Record<ViewName, Sort>>>;
  /** Plain text; a leading `!` inverts. Empty = everything. */
  readonly filter: string;
  readonly prompt: Prompt | null;
  /** Logs stay at their newest entry. */
  readonly isFollowing: boolean;
  /** The State as it was when paused; null = live. */
  readonly frozen: State | null;
  readonly isProblemsOnly: boolean;
  /** The screen is so small that problems come first in the tables that nobody sorted. */
  readonly isSmall: boolean;
  /** First row of the help shown; null = closed. */
  readonly helpTop: number | null;
  /** How many columns the right arrow has moved past. */
  readonly columnsSkipped: number;
  /** Index into INTERVALS_MS. */
  readonly interval: number;
  /** Explain: the members that a "what if n = ..." asks about; null = none. */
  readonly otherN: number | null;
  /** Group: how the selected member is reached is shown below, in place of its picks. */
  readonly isReaching: boolean;
  /** Explain: the view that Esc returns to. */
  readonly explainedFrom: ViewName;
  /** Group: the view that Esc returns to. */
  readonly openedFrom: 'groups' | 'findings';
  /** One sentence in the last row until the next key. */
  readonly notice: string | null;
};

/** How often the screen may be redrawn from the clock; keys redraw at once. */
export const INTERVALS_MS: readonly number[] = [500, 1000, 2000, 5000, 10_000];

export const createModel = (ports: readonly number[]): Model => ({
  view: ports.length === 1 ? 'group' : 'groups',
  isSettled: ports.length !== 1,
  group: null,
  selected: {},
  sorts: {},
  filter: '',
  prompt: null,
  isFollowing: true,
  frozen: null,
  isProblemsOnly: false,
  isSmall: false,
  helpTop: null,
  columnsSkipped: 0,
  interval: 1,
  otherN: null,
  isReaching: false,
  explainedFrom: 'picks',
  openedFrom: 'groups',
  notice: null,
});

/** The State that is on the screen: the live one, or the one kept when the user paused. */
export const shownState = (model: Model, state: State): State => model.frozen ?? state;

/** With one port asked for: opens its group, or the list when there are several addresses, as soon as there are any. */
export const settle = (model: Model, state: State): Model => {
  if (model.isSettled || state.status === 'attaching') return model;
  const keys = [...state.groups.values()].filter((group) => group.members.size > 0).map((group) => group.key);
  const [first] = keys;
  if (first === undefined) return model;
  return keys.length === 1
    ? { ...model, isSettled: true, group: first }
    : { ...model, isSettled: true, view: 'groups' };
};

/** Another view; what is half typed or shown on top goes away. */
export const goTo = (model: Model, view: ViewName): Model => ({
  ...model,
  view,
  isSettled: true,
  helpTop: null,
  prompt: null,
  columnsSkipped: 0,
  isReaching: false,
  openedFrom: view === 'group' || view === 'explain' ? model.openedFrom : 'groups',
  group: view === 'groups' ? null : model.group,
  selected:
    view === 'groups' && model.group !== null ? { ...model.selected, groups: model.group } : model.selected,
});

export const select = (model: Model, row: RowId): Model => ({
  ...model,
  selected: { ...model.selected, [model.view]: row },
});

/**
 * Where a selection is among the rows shown: a row that is gone from a log leaves its neighbour, from a table the first row.
 * null when there are no rows.
 */
export const indexOf = (rows: readonly RowId[], selected: RowId | undefined): number | null => {
  if (rows.length === 0) return null;
  const at = selected === undefined ? 0 : rows.indexOf(selected);
  if (at >= 0) return at;
  if (typeof selected !== 'number') return 0;
  const next = rows.findIndex((row) => typeof row === 'number' && row > selected);
  return next >= 0 ? next : rows.length - 1;
};

/** Row that is selected: in a log that is followed, or that nobody has moved in, the newest. */
export const selectedIndex = (
  model: Model,
  view: { readonly name: ViewName; readonly isLog: boolean },
  rows: readonly RowId[],
): number | null => {
  const selected = model.selected[view.name];
  if (view.isLog && (model.isFollowing || selected === undefined))
    return rows.length > 0 ? rows.length - 1 : null;
  return indexOf(rows, selected);
};
