// How the logs of picks and binds are read: positions that last, what became of a pick, time of day. It draws nothing.
import { formatClock, formatWait } from '../core/format.js';
import { queueOf } from '../core/member.js';
import type { Ring } from '../core/ring.js';
import type { LoggedPick, State } from '../core/state.js';
import type { Mark } from './table.js';
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

/** What became of the connection: who has it and after how long, or where it is. */
export type Outcome = { readonly who: string; readonly after: string; readonly mark: Mark };

/** An empty accept queue is believed only this long after the pick: counters come once a second. */
const SETTLED_NS = 2e9;
/** From here on a wait is worth a mark. */
const LONG_WAIT_NS = 1e9;

const FAILURES = {
  'syn-dropped': { who: 'queue full', after: 'dropped' },
  // The client has its SYN-ACK and believes that it is connected.
  'ack-dropped': { who: 'queue full, ACK', after: 'dropped' },
  killed: { who: 'listener closed', after: 'reset' },
} as const;

export const outcomeOf = (state: State, logged: LoggedPick, nowNs: number): Outcome => {
  const { pick, acceptedBy, waitNs } = logged;
  if (acceptedBy !== null) {
    const mark = waitNs !== null && waitNs >= LONG_WAIT_NS ? '!' : ' ';
    return { who: `${acceptedBy.pid} ${cells(acceptedBy.comm)}`, after: formatWait(waitNs), mark };
  }
  if (logged.failure !== null) return { ...FAILURES[logged.failure], mark: 'x' };
  const member = state.members.get(pick.ino);
  if (member !== undefined && member.closedNs !== null && member.closedNs >= pick.tsNs) {
    return { who: 'listener closed', after: '-', mark: 'x' };
  }
  const age = nowNs - pick.tsNs;
  if (age > SETTLED_NS && (member === undefined || queueOf(member) === 0)) {
    return { who: 'accept not seen', after: '-', mark: ' ' };
  }
  return { who: 'waiting', after: formatWait(Math.max(0, age)), mark: age >= LONG_WAIT_NS ? '!' : ' ' };
};

/** Time of day of an event, from the wall clock at the start of the run or recording. */
export const clockOf = (state: State, tsNs: number, withMillis = true): string =>
  state.meta === null ? '-' : formatClock(state.meta.wallMs + (tsNs - state.meta.tsNs) / 1e6, withMillis);

/** `61c88647`; `-` where this rung cannot know. */
export const hashText = (hash: number | null): string =>
  hash === null ? '-' : hash.toString(16).padStart(8, '0');
