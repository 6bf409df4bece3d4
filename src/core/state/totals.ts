// Sums over a run, and the account of its details: picks = shown + sampled away + lost.
import { type Departed, establishedOf, type Member, picksOf, total } from './member.js';
import { isShown, isWholeScope, type State } from './state.js';

/** Sums over everything in scope since the start or the last reset. */
export type Totals = {
  readonly picks: number;
  readonly accepted: number;
  readonly shown: number;
  readonly sampledAway: number;
  readonly lost: number;
};

/**
 * picks = shown + sampledAway + lost: the kernel counts every pick and every printed line, we count those that came.
 * While a run goes on the lines under way make it approximate; after bpftrace ended it is exact.
 */
export const totals = (state: State): Totals => {
  const { picks, printed, accepted, shown } = sums(state);
  const lost = state.status === 'ended' ? Math.max(0, printed - shown) : state.lostReconciled;
  const sampledAway = Math.max(0, picks - Math.max(printed, shown));
  return { picks, accepted, shown, sampledAway, lost };
};

/** Datagrams that processes took, of members that are kept and those that are gone. */
export const receivedOf = (state: State): number => sums(state).received;

/**
 * Over the members that are kept and those that are gone: sockets out of scope have no part in it, those of which nothing
 * was told have, where all that the kernel counts is in scope.
 */
const sums = (state: State): State['gone'] => {
  const { members, departed, counters, outside } = state;
  const sum = { ...state.gone };
  for (const member of members.values()) if (isShown(state, member)) addTo(sum, member);
  for (const member of departed.values()) addTo(sum, member);
  if (!isWholeScope(state.scope) || counters.size <= members.size + departed.size) return sum;
  for (const [ino, its] of counters) {
    if (ino === 0 || members.has(ino) || departed.has(ino) || outside.has(ino)) continue;
    addTo(sum, { proto: 'tcp', counters: its, reuseport: null });
  }
  return sum;
};

/** Adds one member's counts to sums. */
export const addTo = (
  sum: State['gone'],
  member: Pick<Departed, 'proto' | 'counters' | 'reuseport'>,
): void => {
  sum.picks += picksOf(member);
  sum.printed += total(member.counters.printed);
  sum.accepted += total(member.counters.accepted);
  sum.received += total(member.counters.received);
  sum.shown += member.counters.shown;
};

/**
 * Picks that were not counted: accepted and queued connections beyond those that were picked or waited already. The
 * kernel skips a probe that interrupts another BPF program on its CPU; recursion_misses says how often, but counts probes
 * that count nothing as well, so both bounds together are the account.
 */
export const uncounted = (state: State): number => {
  if (state.missed === 0) return 0;
  let beyond = 0;
  for (const member of state.members.values()) {
    // While they move the queue is older than the counts that are printed after it: it may hold what those have, too.
    const waiting = isAtRest(state, member) ? 0 : waitingOf(member);
    beyond += Math.max(0, unpicked(state, member) - waiting - member.owed);
  }
  return Math.min(state.missed, beyond);
};

/**
 * Connections that were accepted although no accept() was counted, for the same reason: what was established is neither
 * in the queue nor counted. Told of members at rest only: elsewhere it may be under way.
 */
export const unaccepted = (state: State): number => {
  if (state.missed === 0) return 0;
  let short = 0;
  for (const member of state.members.values()) {
    if (isAtRest(state, member) && !acceptsUnseen(state, member))
      short += Math.max(0, -unpicked(state, member));
  }
  // Whose these were is not known, but counted they are.
  return Math.min(state.missed, Math.max(0, short - state.acceptedUnknown));
};

/** Whether nothing came and nothing was taken in the last second: then its counts are all of one moment. */
const isAtRest = ({ status }: State, { perSecond, acceptsPerSecond }: Member): boolean =>
  status === 'ended' || (perSecond === 0 && acceptsPerSecond === 0);

/** Connections that wait, and those that waited when it closed. */
const waitingOf = ({ counters, queueAtClose, reopened }: Member): number =>
  (queueAtClose ?? counters.queue ?? 0) + (reopened?.queue ?? 0);

/** Whether somebody may accept on it by io_uring, which the tracepoint rung does not see: then nothing is missing. */
const acceptsUnseen = ({ rung }: State, { holders }: Member): boolean =>
  rung === 'tracepoint' && holders.some(({ uring }) => uring === true);

/**
 * Connections of a member that were accepted or wait, beyond those that were picked or moved to it; negative while counts are under way.
 * Of datagrams nobody counts how many wait.
 */
export const unpicked = (state: State, member: Member): number => {
  if (member.proto === 'udp') return 0;
  const { accepted, moved_to } = member.counters;
  const came = establishedOf(member, state.rung) + total(moved_to);
  return total(accepted) + waitingOf(member) - came;
};

/**
 * What was printed by the last tick but one and has not come by now never will: lines are under way for less than that.
 * Where bpftrace was held up it brings several ticks at once, and before the lines of another CPU: what came after all is
 * no loss, which is never more than what was printed by now beyond what had come by the tick before.
 */
export const reconcile = (state: State): void => {
  const { printed, shown } = sums(state);
  const claimed = Math.max(state.lostReconciled, state.printedAtTick - shown);
  state.lostReconciled = Math.max(0, Math.min(claimed, printed - state.shownAtTick));
  state.printedAtTick = printed;
  state.shownAtTick = shown;
};
