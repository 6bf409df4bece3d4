// How the logs of picks and binds are read: positions that last, what became of a pick, time of day. It draws nothing.
import { clockOf as dayTime } from '../core/state/clock.js';
import type { Ring } from '../core/state/ring.js';
import type { LoggedPick, State } from '../core/state/state.js';
import { type Outcome, outcomeOf as outcomeInWords } from '../core/words/explain.js';
import { cells } from './text.js';

/** An entry and its position in the whole run, from 1: it stays when older entries go. */
export type Entry<T> = { readonly position: number; readonly item: T };

export const entriesOf = <T>(ring: Ring<T>): Entry<T>[] => {
  const before = ring.pushed - ring.items.length;
  return ring.items.map((item, index) => ({ position: before + index + 1, item }));
};

/** The entry at a position; null when it is gone. */
export const entryAt = <T>(ring: Ring<T>, position: number): T | null =>
  ring.items[position - 1 - (ring.pushed - ring.items.length)] ?? null;

/** Position of the newest pick of a listener that is still in the log. */
export const lastPickOf = (state: State, ino: number): number | null =>
  state.picks.items.findLast((item): item is LoggedPick => item.kind === 'pick' && item.pick.ino === ino)
    ?.number ?? null;

/** Newest picks for which the test holds, oldest first. */
export const newestPicks = (
  state: State,
  count: number,
  test: (pick: LoggedPick) => boolean,
): LoggedPick[] => {
  const found: LoggedPick[] = [];
  for (let i = state.picks.items.length - 1; i >= 0 && found.length < count; i--) {
    const item = state.picks.items[i];
    if (item?.kind === 'pick' && test(item)) found.unshift(item);
  }
  return found;
};

/** Key of the group whose member was picked; null when that socket is not known. */
export const groupOfPick = (state: State, { pick }: LoggedPick): string | null =>
  state.members.get(pick.ino)?.group ?? null;

/** What became of a pick by now, in cells. */
export const outcomeOf = (state: State, logged: LoggedPick, nowNs: number): Outcome => {
  const outcome = outcomeInWords(state, logged, nowNs);
  return { ...outcome, who: cells(outcome.who) };
};

/** Time of day of an event, from the wall clock at the start of the run or recording. */
export const clockOf = (state: State, tsNs: number, withMillis = true): string =>
  dayTime(state, tsNs, withMillis) ?? '-';

/** `61c88647`; `-` where this rung cannot know. */
export const hashText = (hash: number | null): string =>
  hash === null ? '-' : hash.toString(16).padStart(8, '0');
