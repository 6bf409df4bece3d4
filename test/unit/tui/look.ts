// Draws a state as text after some keys, as the screen would; it opens no terminal.
import type { State } from '../../../src/core/state/state.js';
import { render } from '../../../src/tui/frame.js';
import { type Command, handleKey } from '../../../src/tui/keys.js';
import { createModel, type Model } from '../../../src/tui/model.js';
import { prepared } from '../../../src/tui/moves.js';
import { toPlain } from '../../../src/tui/paint.js';
import type { Line } from '../../../src/tui/text.js';
import type { Context } from '../../../src/tui/view.js';

export type Size = { readonly columns: number; readonly rows: number };

export const SMALL: Size = { columns: 40, rows: 10 };
export const USUAL: Size = { columns: 80, rows: 24 };
export const WIDE: Size = { columns: 120, rows: 40 };
export const SIZES: readonly Size[] = [SMALL, USUAL, WIDE];

/** A user in front of a state: presses keys, looks at the screen. */
export type Look = {
  readonly press: (...keys: readonly string[]) => Look;
  /** Changes the state, as events would, and draws once. */
  readonly later: (change: (state: State) => void) => Look;
  readonly lines: (change?: Partial<Context>) => Line[];
  readonly text: (change?: Partial<Context>) => string;
  readonly model: () => Model;
  readonly commands: readonly Command[];
};

export const look = (state: State, size: Size = USUAL): Look => {
  let model = prepared(createModel(state.scope.ports), state, size);
  const commands: Command[] = [];
  const self: Look = {
    press: (...keys) => {
      for (const key of keys) {
        const result = handleKey(model, key, state, size);
        model = prepared(result.model, state, size);
        if (result.command !== null) commands.push(result.command);
      }
      return self;
    },
    later: (change) => {
      change(state);
      model = prepared(model, state, size);
      return self;
    },
    lines: (change = {}) =>
      render({
        state,
        model,
        ...size,
        nowNs: state.nowNs,
        isReplay: false,
        elsewhere: () => [],
        ...change,
      }),
    text: (change = {}) => toPlain(self.lines(change), false),
    model: () => model,
    commands,
  };
  return self;
};

/** The row that is selected, without marks and spaces at its ends. */
export const selectedRow = (text: string): string =>
  text
    .split('\n')
    .find((row) => row.slice(0, 2).includes('▸'))
    ?.slice(2)
    .trim() ?? '';
