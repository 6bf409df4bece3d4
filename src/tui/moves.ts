// Moving: rows, pages, views, deeper and back; a pure function of model and State. It knows no key that only changes a setting.
import type { State } from '../core/state/state.js';
import {
  goTo,
  type Model,
  type RowId,
  select,
  selectedIndex,
  settle,
  shownState,
  type ViewName,
} from './model.js';
import { isShort, pageRows, type View } from './view.js';
import { VIEWS, viewOf } from './views.js';

export type Size = { readonly columns: number; readonly rows: number };

/** A key that moves within a view, or Enter; any other changes nothing. */
export const moved = (model: Model, key: string, state: State, size: Size): Model => {
  const view = viewOf(model.view);
  const rows = view.rows(state, model);
  const at = selectedIndex(model, view, rows);
  if (at === null) return model;
  if (key === 'return') {
    const row = rows[at];
    return row === undefined ? model : view.open(select(model, row), state, row);
  }
  const to = target(key, at, rows.length, pageRows(size), model.view);
  if (to === null) return model;
  const row: RowId | undefined = rows[Math.max(0, Math.min(rows.length - 1, to))];
  if (row === undefined) return model;
  // The newest entry chosen by hand is followed on; any other one stops it.
  const isFollowing = view.isLog ? to >= rows.length - 1 : model.isFollowing;
  return { ...select(model, row), isFollowing };
};

const target = (key: string, at: number, count: number, page: number, view: ViewName): number | null => {
  switch (key) {
    case 'up':
    case 'k':
      return at - 1;
    case 'down':
    case 'j':
      return at + 1;
    case 'pageup':
      return at - page;
    case 'pagedown':
      return at + page;
    case 'home':
    case 'g':
      return 0;
    case 'end':
    case 'G':
      return count - 1;
    case '[':
      return view === 'explain' ? at - 1 : null;
    case ']':
      return view === 'explain' ? at + 1 : null;
    default:
      return null;
  }
};

/** What a number key or Tab does. */
export const openView = (model: Model, view: View, state: State): Model => {
  if (!view.isOffered(state))
    return { ...model, notice: `${view.title}: there is nothing to show there yet.` };
  if (view.name === 'explain' && model.view !== 'explain') return openExplain(model, state);
  if (view.name !== 'group' || model.view === 'group' || model.group !== null) return goTo(model, view.name);
  const key = rowUnderCursor({ ...model, view: 'groups' }, state);
  return goTo(key === null ? model : { ...model, group: String(key) }, 'group');
};

/** What Enter would explain; from elsewhere the newest pick. */
const openExplain = (model: Model, state: State): Model => {
  const view = viewOf(model.view);
  const row = view.name === 'picks' || view.name === 'group' ? rowUnderCursor(model, state) : null;
  const opened = row === null ? model : view.open(model, state, row);
  if (opened.view === 'explain') return opened;
  const newest = viewOf('explain')
    .rows(state, { ...model, selected: {} })
    .at(-1);
  return select(goTo({ ...model, explainedFrom: model.view }, 'explain'), newest ?? 0);
};

const rowUnderCursor = (model: Model, state: State): RowId | null => {
  const view = viewOf(model.view);
  const rows = view.rows(state, model);
  return rows[selectedIndex(model, view, rows) ?? -1] ?? null;
};

/** Before a frame: takes the size, opens what was asked for, and makes a selection stick to its row before the order changes. */
export const prepared = (before: Model, state: State, size: Size): Model => {
  const settled = settle(before, state);
  const model = settled.isSmall === isShort(size) ? settled : { ...settled, isSmall: isShort(size) };
  const shown = shownState(model, state);
  if (viewOf(model.view).isLog || model.selected[model.view] !== undefined) return model;
  const row = rowUnderCursor(model, shown);
  return row === null ? model : select(model, row);
};

/** The view that Tab goes to. */
export const neighbour = (model: Model, state: State, step: number): View => {
  const offered = VIEWS.filter((view) => view.isOffered(state));
  const at = offered.findIndex((view) => view.name === model.view);
  return offered[(at + step + offered.length) % offered.length] ?? viewOf('groups');
};

/** One level up; what hides rows goes first. Never out of the program. */
export const back = (model: Model): Model => {
  if (model.filter !== '' || model.isProblemsOnly) return { ...model, filter: '', isProblemsOnly: false };
  if (model.isReaching) return { ...model, isReaching: false };
  if (model.view === 'explain') return goTo(model, model.explainedFrom);
  if (model.view === 'group' && model.openedFrom === 'findings')
    return goTo({ ...model, group: null }, 'findings');
  if (model.view === 'group') return goTo(model, 'groups');
  if (model.group === null) return goTo(model, 'groups');
  return goTo(model, 'group');
};
