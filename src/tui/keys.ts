// What each key does to the model, as a pure function; what must happen outside comes back as a command.
import type { State } from '../core/state/state.js';
import { INTERVALS_MS, type Model, shownState } from './model.js';
import { back, moved, neighbour, openView, type Size } from './moves.js';
import { typed } from './prompt.js';
import { helpRows, pageRows } from './view.js';
import { lastTop } from './views/help.js';
import { VIEWS, viewOf } from './views.js';

/** What the screen must do; everything else a key does is in the model. */
export type Command = 'quit' | 'sigint' | 'reset' | 'restart' | 'snapshot' | 'repaint';

export type KeyResult = { readonly model: Model; readonly command: Command | null };

/** A key as node:readline reports it. */
export type Keypress = {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
  readonly shift?: boolean | undefined;
  readonly meta?: boolean | undefined;
  readonly sequence?: string | undefined;
};

/** One name for each key: the character itself where it is one, else `up`, `C-c`, `S-tab`; empty = none of ours. */
export const keyName = (text: string | undefined, key: Keypress): string => {
  const { name = '', sequence = '' } = key;
  if (key.meta === true && name !== 'escape') return '';
  if (key.ctrl === true) return name === '' ? '' : `C-${name}`;
  if (name === 'return' || name === 'enter') return 'return';
  if (name === 'tab') return key.shift === true ? 'S-tab' : 'tab';
  const char = text ?? sequence;
  // A character is one code point; a control character has a name.
  if ([...char].length === 1 && char >= ' ' && char !== '\u007f') return char;
  return name;
};

/** Applies one key. `state` is the live State. */
export const handleKey = (model: Model, key: string, state: State, size: Size): KeyResult => {
  if (key === 'C-c') return { model, command: 'sigint' };
  if (key === 'C-l') return { model, command: 'repaint' };
  if (model.prompt !== null) return only(typed(model, key));
  const quiet = { ...model, notice: null };
  if (model.helpTop !== null) return inHelp(quiet, key, size);
  switch (key) {
    case 'q':
      return { model: quiet, command: 'quit' };
    case 'w':
      return { model: quiet, command: 'snapshot' };
    case 'r':
      return { model: { ...quiet, frozen: null, notice: 'Counters set to zero.' }, command: 'reset' };
    case 'R':
      return state.status === 'ended'
        ? { model: { ...quiet, frozen: null }, command: 'restart' }
        : only({ ...quiet, notice: 'bpftrace is running: R restarts it after it ended.' });
    default:
      return only(changed(quiet, key, state, size));
  }
};

const only = (model: Model): KeyResult => ({ model, command: null });

const changed = (model: Model, key: string, state: State, size: Size): Model => {
  const shown = shownState(model, state);
  const digit = VIEWS[Number(key) - 1];
  if (digit !== undefined) return openView(model, digit, shown);
  switch (key) {
    case '?':
    case 'h':
    case 'f1':
      return { ...model, helpTop: 0 };
    case 'escape':
      return back(model);
    case 'tab':
      return openView(model, neighbour(model, shown, 1), shown);
    case 'S-tab':
      return openView(model, neighbour(model, shown, -1), shown);
    case ' ':
    case 'p':
      return { ...model, frozen: model.frozen === null ? structuredClone(state) : null };
    case '/':
      return { ...model, prompt: { asks: 'filter', text: model.filter } };
    case 'e':
      return { ...model, isProblemsOnly: !model.isProblemsOnly };
    case 'f':
      return viewOf(model.view).isLog ? { ...model, isFollowing: !model.isFollowing } : model;
    case '+':
    case '=':
      return withInterval(model, model.interval + 1);
    case '-':
      return withInterval(model, model.interval - 1);
    case 's':
    case '>':
      return sortedBy(model, shown, 1);
    case '<':
      return sortedBy(model, shown, -1);
    case 'I':
      return reversed(model);
    case 'right':
      return { ...model, columnsSkipped: Math.min(MOST_SKIPPED, model.columnsSkipped + 1) };
    case 'left':
      return { ...model, columnsSkipped: Math.max(0, model.columnsSkipped - 1) };
    case 'm':
      return model.view === 'explain' ? { ...model, prompt: { asks: 'n', text: '' } } : model;
    case 'c':
      return model.view === 'group' ? { ...model, isReaching: !model.isReaching } : model;
    default:
      return moved(model, key, shown, size);
  }
};

/** More columns than any table can drop. */
const MOST_SKIPPED = 9;

const inHelp = (model: Model, key: string, size: Size): KeyResult => {
  const top = model.helpTop ?? 0;
  const last = lastTop(size.columns, helpRows(size));
  switch (key) {
    case 'q':
      return { model, command: 'quit' };
    case 'up':
    case 'k':
      return only({ ...model, helpTop: Math.max(0, Math.min(top, last) - 1) });
    case 'down':
    case 'j':
      return only({ ...model, helpTop: Math.min(last, top + 1) });
    case 'pageup':
      return only({ ...model, helpTop: Math.max(0, top - pageRows(size)) });
    case 'pagedown':
    case ' ':
      return only({ ...model, helpTop: Math.min(last, top + pageRows(size)) });
    case '?':
    case 'h':
    case 'f1':
    case 'escape':
      return only({ ...model, helpTop: null });
    default:
      return only(model);
  }
};

const withInterval = (model: Model, index: number): Model => {
  const interval = Math.max(0, Math.min(INTERVALS_MS.length - 1, index));
  return {
    ...model,
    interval,
    notice: `The screen refreshes every ${(INTERVALS_MS[interval] ?? 1000) / 1000} s.`,
  };
};

const sortedBy = (model: Model, state: State, step: number): Model => {
  const view = viewOf(model.view);
  const columns = view.sortable(state, model);
  const now = model.sorts[view.name] ?? view.sort;
  if (columns.length === 0 || now === null) return model;
  const at = columns.findIndex(({ id }) => id === now.column);
  const column = columns[(at + step + columns.length) % columns.length];
  if (column === undefined) return model;
  const sort = { column: column.id, isDescending: column.isAscending !== true };
  return { ...model, sorts: { ...model.sorts, [view.name]: sort } };
};

const reversed = (model: Model): Model => {
  const view = viewOf(model.view);
  const now = model.sorts[view.name] ?? view.sort;
  return now === null
    ? model
    : { ...model, sorts: { ...model.sorts, [view.name]: { ...now, isDescending: !now.isDescending } } };
};
