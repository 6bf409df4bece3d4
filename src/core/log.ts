// The log of picks and of the changes between them; what falls out of it is no longer waited for.
import { push } from './ring.js';
import type { LoggedChange, LoggedPick, State } from './state.js';

/** Appends an entry; the oldest go when the log is full. */
export const log = (state: State, entry: LoggedPick | LoggedChange): void => {
  if (entry.kind === 'pick') state.waiting.set(entry.pick.tsNs, entry);
  for (const old of push(state.picks, entry)) {
    if (old.kind === 'pick') state.waiting.delete(old.pick.tsNs);
  }
};
