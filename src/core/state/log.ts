// The log of picks and of the changes between them; what falls out of it is no longer waited for.
import { push } from './ring.js';
import type { LoggedBind, LoggedChange, LoggedPick, State } from './state.js';

/** Appends an entry; the oldest go when the log is full. */
export const log = (state: State, entry: LoggedPick | LoggedChange): void => {
  if (entry.kind === 'pick') state.waiting.set(entry.pick.tsNs, entry);
  for (const old of push(state.picks, entry)) {
    if (old.kind === 'pick') state.waiting.delete(old.pick.tsNs);
  }
};

/** The entries of a log from a time on. They come in order, but for milliseconds, so only the newest are looked at. */
export const entriesFrom = <T>(items: readonly T[], timeOf: (item: T) => number, fromNs: number): T[] => {
  let start = items.length;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    if (item === undefined || timeOf(item) < fromNs) break;
    start = i;
  }
  return items.slice(start);
};

/** When an entry of a log happened. */
export const timeOf = (entry: LoggedPick | LoggedBind): number =>
  entry.kind === 'pick' ? entry.pick.tsNs : entry.kind === 'change' ? entry.event.tsNs : entry.tsNs;
