// One whole screen as rows of exactly the terminal's size: header, view, findings, keys. It decides what has room.
import { findings } from '../core/findings/diagnosis.js';
import type { State } from '../core/state/state.js';
import { findingLines, keyLine } from './footer.js';
import { headerLines } from './header.js';
import { type Model, shownState } from './model.js';
import { cells, cutLine, EMPTY, type Line, line, wrap } from './text.js';
import { type Context, helpRows, isShort } from './view.js';
import { helpLines } from './views/help.js';
import { viewOf } from './views.js';

/** Below this nothing can be read: one sentence instead. */
const LEAST = { columns: 40, rows: 8 } as const;

/** What a frame is drawn from; the rest of a Context follows from it. */
export type Scene = Pick<
  Context,
  'model' | 'columns' | 'rows' | 'nowNs' | 'isReplay' | 'elsewhere' | 'answers'
> & {
  readonly state: State;
};

/** Exactly `rows` rows, none longer than `columns` cells. Any state, any size. */
export const render = (scene: Scene): Line[] => {
  const { columns, rows, model } = scene;
  if (columns < LEAST.columns || rows < LEAST.rows) return tooSmall(columns, rows);
  const state = shownState(model, scene.state);
  const context: Context = {
    ...scene,
    state,
    live: scene.state,
    findings: findings(state),
    nowNs: model.frozen === null ? scene.nowNs : state.nowNs,
  };
  if (model.helpTop !== null) return withHelp(context, model.helpTop);
  const rule = isShort(scene) ? [] : [line('─'.repeat(columns))];
  const top = [...headerLines(context), ...rule];
  const bottom = [...rule, ...findingLines(context), keyLine(context)];
  const room = rows - top.length - bottom.length;
  const body = bodyLines(context, room);
  return exactly([...top, ...exactly(body, room), ...bottom], rows).map((row) => cutLine(row, columns));
};

/** The overlay takes all but the header and the keys: it has much to say, and is soon closed. */
const withHelp = (context: Context, top: number): Line[] => {
  const { columns, rows } = context;
  const header = headerLines(context);
  const help = helpLines(columns, helpRows(context), top);
  return [...exactly([...header, ...help], rows - 1), keyLine(context)].map((row) => cutLine(row, columns));
};

const bodyLines = (context: Context, room: number): Line[] => {
  const restriction = restrictionOf(context.model);
  const head = restriction === '' ? [] : [line(` ${restriction}`, { bold: true })];
  return [...head, ...viewOf(context.model.view).body(context, room - head.length)];
};

/** What is hidden, said as long as it is: an empty table must not look like a quiet server. */
const restrictionOf = (model: Model): string =>
  [
    model.filter === '' ? '' : `filter: ${cells(model.filter)}`,
    model.isProblemsOnly ? (model.view === 'binds' ? 'refused and lost only (e)' : 'problems only (e)') : '',
  ]
    .filter((part) => part !== '')
    .join('   ');

const exactly = (lines: readonly Line[], height: number): Line[] =>
  Array.from({ length: Math.max(0, height) }, (_, index) => lines[index] ?? EMPTY);

const tooSmall = (columns: number, rows: number): Line[] => {
  const text = `reuseport-trace: ${columns}x${rows} is too small, needs ${LEAST.columns}x${LEAST.rows} (plain output: --output lines)`;
  return exactly(
    wrap(text, Math.max(1, columns)).map((row) => line(row)),
    rows,
  );
};
