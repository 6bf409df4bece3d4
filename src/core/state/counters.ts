// The exact counters: what the kernel printed, over restarts of bpftrace and resets by the user, and rates at each tick.
import type { CountEvent } from '../event.js';
import { createFairness, look } from '../statistics/fairness.js';
import { prolong } from './burst.js';
import { type Group, sharing } from './group.js';
import {
  type Counters,
  CUMULATIVE,
  createCounters,
  establishedOf,
  type Member,
  picksOf,
  queueOf,
  type Total,
  TROUBLES,
  takenOf,
  total,
} from './member.js';
import { weighOpen } from './openconnections.js';
import { push } from './ring.js';
import { COUNTERS_KEPT, isWholeScope, type State } from './state.js';
import { createSums } from './sums.js';
import { addTo, reconcile, unpicked } from './totals.js';
import { watch } from './unserved.js';

/** A counter's new value; 0 stands for an unknown listener. */
export const onCount = (state: State, event: CountEvent): void => {
  const counters = countersOf(state, event.ino);
  if (event.counter === 'queue') {
    counters.queue = event.total;
    counters.queueNs = event.tsNs;
  } else if (event.counter === 'client_bits') {
    counters.client_bits = event.total;
  } else {
    const grown = advance(counters[event.counter], event.total);
    const trouble = TROUBLES.find((each) => each === event.counter);
    if (trouble !== undefined && grown > 0)
      counters.spells[trouble] = prolong(counters.spells[trouble], event.tsNs, grown);
    const member = event.counter === 'picks' && grown > 0 ? state.members.get(event.ino) : undefined;
    if (member !== undefined) member.lastPickNs = event.tsNs;
  }
  if (event.ino === 0) state.acceptedUnknown = total(counters.accepted);
};

/**
 * Returns by how much it grew. A total that went back is one that began again at 0: the kernel's keys of a closed socket go
 * after a while.
 */
const advance = (counter: Total, kernel: number): number => {
  const before = kernel < counter.kernel ? 0 : counter.kernel;
  if (kernel < counter.kernel) counter.base += counter.kernel;
  counter.kernel = kernel;
  return kernel - before;
};

/** bpftrace (again) counts from 0: what was counted before stays in the sums. */
export const onAttached = (state: State, tsNs: number): void => {
  // While bpftrace was away the queues went on without us: what /proc said of them before is no longer so.
  for (const member of state.members.values()) {
    member.owed += member.proto === 'tcp' ? (queueOf(member) ?? 0) : 0;
    if (state.attachedNs !== null) member.queueAtScan = null;
  }
  state.status = 'attached';
  state.ended = null;
  state.attachedNs = tsNs;
  state.countedNs ??= tsNs;
  for (const counters of state.counters.values()) {
    for (const name of CUMULATIVE) rebase(counters[name], total(counters[name]));
    counters.client_bits = 0;
    counters.queue = null;
  }
};

/** Makes the counter read `value` now, whatever the kernel's next value counts on from. */
const rebase = (counter: Total, value: number): void => {
  counter.base = value;
  counter.kernel = 0;
};

/** Pick lines of a socket that came before the count they are in. */
export const ahead = ({ shown, printed }: Counters): number => Math.max(0, shown - total(printed));

/** The user wants to count from here. */
export const onReset = (state: State, tsNs: number): void => {
  state.countedNs = tsNs;
  for (const counters of state.counters.values()) {
    // Lines that came since the kernel last said how many it printed belong to what it will say next.
    counters.shown = ahead(counters);
    for (const name of CUMULATIVE) counters[name].base = -counters[name].kernel;
  }
  Object.assign(state.gone, { picks: 0, printed: 0, accepted: 0, received: 0, shown: 0 });
  for (const group of state.groups.values()) Object.assign(group.gone, createSums());
  state.pastGroups.clear();
  for (const past of state.departed.values()) {
    Object.assign(past, { queueAtClose: null, reopened: null });
    if (past.drops !== null) past.drops.before = past.drops.now;
  }
  for (const member of state.members.values()) {
    member.tickPicks = 0;
    member.tickAccepted = 0;
    // What waits now, or waited when it closed, was picked before.
    member.owed = member.proto === 'tcp' ? (member.queueAtClose ?? queueOf(member) ?? 0) : 0;
    if (member.reopened !== null) member.reopened = { ...member.reopened, queue: 0 };
    if (member.drops !== null) member.drops.before = member.drops.now;
    member.waits.buckets.fill(0);
    Object.assign(member.waits, { count: 0, maxNs: 0, sumNs: 0 });
  }
  // Else the picks until the next look would be missing in the shares, as if other members had got them.
  for (const group of state.groups.values()) compare(group, tsNs);
  state.printedAtTick = 0;
  state.shownAtTick = 0;
  state.lostReconciled = 0;
  state.acceptedUnknown = 0;
};

/** The beat of a run: rates, and since when queues wait. */
export const onTick = (state: State, tsNs: number): void => {
  const seconds = state.lastTickNs === null ? null : (tsNs - state.lastTickNs) / 1e9;
  state.ticks++;
  // The first tick is the sign of attachment; a tick sooner than half a second after another gives no rate.
  if (seconds !== null && seconds < 0.5) return;
  for (const member of state.members.values()) {
    if (member.closedNs === null) beat(state, member, tsNs, seconds);
    if (state.attachedNs !== null && tsNs - state.attachedNs < SETTLING_NS) {
      member.owed = Math.max(member.owed, unpicked(state, member));
    }
  }
  for (const group of state.groups.values()) {
    compare(group, tsNs);
    weighOpen(group);
  }
  reconcile(state);
  state.lastTickNs = tsNs;
};

/** The first seconds of a run show what was accepted without a pick for want of a probe. */
const SETTLING_NS = 5.5e9;

const beat = (state: State, member: Member, tsNs: number, seconds: number | null): void => {
  const picks = picksOf(member);
  const accepted = takenOf(member);
  if (seconds !== null && member.tickPicks !== null && member.tickAccepted !== null) {
    member.perSecond = Math.max(0, picks - member.tickPicks) / seconds;
    member.acceptsPerSecond = Math.max(0, accepted - member.tickAccepted) / seconds;
    push(member.history, member.perSecond);
  }
  const isServed = member.tickAccepted !== null && accepted > member.tickAccepted;
  watch(member, {
    tsNs,
    stepNs: seconds === null ? null : seconds * 1e9,
    queue: queueOf(member) ?? 0,
    established: establishedOf(member, state.rung),
    isServed,
  });
  member.tickPicks = picks;
  member.tickAccepted = accepted;
};

/** One more look at the shares of a group. */
const compare = (group: Group, tsNs: number): void => {
  const members = sharing(group);
  if (group.fairness === null && members.length < 2) return;
  group.fairness ??= createFairness();
  look(
    group.fairness,
    members.map((member) => member.ino),
    members.map(picksOf),
    tsNs,
  );
};

/** The counters of a socket, made when they are new. When the store is full they are not kept. */
export const countersOf = (state: State, ino: number): Counters => {
  const known = state.counters.get(ino);
  if (known !== undefined) return known;
  const counters = createCounters();
  // The kernel's maps hold as many as are kept of each kind: members, those that left, and strangers.
  if (state.counters.size >= MOST_COUNTERS) forgetStrangers(state);
  if (state.counters.size < MOST_COUNTERS) state.counters.set(ino, counters);
  return counters;
};

const MOST_COUNTERS = 3 * COUNTERS_KEPT;

/** Makes room: what sockets counted that are no members goes into the sums, where it is in scope; 0 is no socket. */
const forgetStrangers = (state: State): void => {
  for (const [ino, counters] of state.counters) {
    if (ino === 0 || state.members.has(ino) || state.departed.has(ino)) continue;
    if (isWholeScope(state.scope) && !state.outside.has(ino))
      addTo(state.gone, { proto: 'tcp', counters, reuseport: null });
    state.counters.delete(ino);
  }
};

/** The counters of a socket that listens anew: the kernel may count on (the same socket) or from 0 (its inode given anew); we begin at zero. */
export const restartCounters = (state: State, ino: number): Counters => {
  const before = countersOf(state, ino);
  const counters = createCounters();
  for (const name of CUMULATIVE)
    Object.assign(counters[name], { kernel: before[name].kernel, base: -before[name].kernel });
  state.counters.set(ino, counters);
  return counters;
};
