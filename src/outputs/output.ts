// What every output does with a run: takes each event after State has, and closes.
import type { Event } from '../core/event.js';
import type { State } from '../core/state/state.js';

export type Output = {
  readonly take: (state: State, event: Event) => void;
  /** Resolves when the reader has taken everything so far: a replay waits for it, a live run never does. Absent = nothing waits. */
  readonly flush?: () => Promise<void>;
  /** Prints the closing summary and waits until it is written. Called once, after the last event. */
  readonly end: (state: State) => Promise<void>;
  /** Lines that the reader was too slow to take. */
  readonly dropped: () => number;
};
