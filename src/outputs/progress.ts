// One line on a terminal that says how far long work has come, and goes when it is done; it knows no work.
import type { Writable } from 'node:stream';
import { clockOf } from '../core/state/clock.js';
import type { State } from '../core/state/state.js';
import { totals } from '../core/state/totals.js';
import { formatCount } from '../core/text/format.js';

export type Progress = {
  /** Says how far it is, a few times a second at most: `text` is asked for only then. */
  readonly show: (text: () => string) => void;
  /** Takes the line away, so that something else can be printed. */
  readonly clear: () => void;
};

/** What is done sooner needs no line. */
const PATIENCE_MS = 500;
const EVERY_MS = 200;

/** `null` = nobody looks: nothing is printed. */
export const createProgress = (stream: Writable | null, nowMs: () => number): Progress => {
  let dueMs = nowMs() + PATIENCE_MS;
  let isShown = false;
  return {
    show: (text) => {
      if (stream === null || nowMs() < dueMs || stream.writableLength > 0) return;
      dueMs = nowMs() + EVERY_MS;
      isShown = true;
      stream.write(`\r${text()}\u001b[K`);
    },
    clear: () => {
      if (isShown) stream?.write('\r\u001b[K');
      isShown = false;
    },
  };
};

/** `42%  03:12:45  1,234,567 picks`; `part` is null where nobody knows how much there is. */
export const progressText = (state: State, part: number | null): string => {
  const clock = clockOf(state, state.nowNs, false) ?? '-';
  const percent = part === null ? '' : `${String(Math.floor(100 * part)).padStart(3)}%  `;
  return `${percent}${clock}  ${formatCount(totals(state).picks)} picks`;
};
