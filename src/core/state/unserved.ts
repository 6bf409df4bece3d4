// How long an accept queue has held connections that nobody takes, by what the ticks show; whether that is too long is not its question.

/** What is known of a queue that waits. */
export type Unserved = {
  /**
   * Of the time since member.waitingSinceNs, nanoseconds in which ticks came, at most WATCHED_NS for each: while a computer
   * sleeps or is stopped nobody accepts, and nobody is to blame.
   */
  watchedNs: number;
  /** How long connections wait here until somebody accepts one, in the way of a running mean: half of it is the last time. */
  paceNs: number;
  /** Time in which the queue was at least half full, counted in the same way; null = it is not. */
  crowdedNs: number | null;
  /** For how long no look found it empty, though it was accepted from, counted in the same way; and the least length meanwhile. */
  heldNs: number;
  leastQueue: number;
  /** Finished handshakes at the last look. */
  lastEstablished: number;
  /** Finished handshakes and queue when it began to wait. */
  established: number;
  queue: number;
};

/** What of a member is watched. */
type Watched = {
  waitingSinceNs: number | null;
  readonly unserved: Unserved;
  readonly backlog: number | null;
};

/** Ticks come every second; one that is later than this says that somebody did not run, perhaps not only bpftrace. */
const WATCHED_NS = 1.2e9;
/** A worker that stood still for an hour once is not slow ever after. */
const LONGEST_PACE_NS = 60e9;

export const createUnserved = (): Unserved => ({
  watchedNs: 0,
  paceNs: 0,
  crowdedNs: null,
  heldNs: 0,
  leastQueue: 0,
  lastEstablished: 0,
  established: 0,
  queue: 0,
});

/** What a tick saw of a queue: how long it is (0 when unknown), finished handshakes in all, and whether anything was accepted since the last tick. */
export const watch = (
  member: Watched,
  seen: {
    readonly tsNs: number;
    /** Since the last tick; null = this is the first. */
    readonly stepNs: number | null;
    readonly queue: number;
    readonly established: number;
    readonly isServed: boolean;
  },
): void => {
  const { unserved, backlog } = member;
  const { queue, established } = seen;
  const stepNs = Math.min(seen.stepNs ?? 0, WATCHED_NS);
  if (seen.isServed) {
    const waitedNs = member.waitingSinceNs === null ? unserved.watchedNs : unserved.watchedNs + stepNs;
    unserved.paceNs = Math.min((unserved.paceNs + waitedNs) / 2, LONGEST_PACE_NS);
  }
  if (member.waitingSinceNs !== null && queue > 0 && !seen.isServed) unserved.watchedNs += stepNs;
  else {
    // What is left after an accept() waits from now on: perhaps that was the last one.
    member.waitingSinceNs = queue === 0 ? null : seen.tsNs;
    Object.assign(unserved, { watchedNs: 0, established, queue });
  }
  // Who accepts while nobody comes works off what waits: slow, but awake.
  const isAwake = seen.isServed && established === unserved.lastEstablished;
  unserved.lastEstablished = established;
  const isHeld = queue > 0 && !isAwake && (seen.isServed || unserved.heldNs > 0);
  unserved.leastQueue = !isHeld ? 0 : unserved.heldNs === 0 ? queue : Math.min(unserved.leastQueue, queue);
  unserved.heldNs = isHeld ? unserved.heldNs + stepNs : 0;
  const isCrowded = backlog !== null && backlog > 0 && queue >= backlog / 2;
  unserved.crowdedNs = !isCrowded ? null : unserved.crowdedNs === null ? 0 : unserved.crowdedNs + stepNs;
};

/**
 * Whether most connections that came since it began to wait have left the queue although no accept() was seen: on the
 * tracepoint rung one by io_uring or by a 32-bit process is not. One alone may be a count that came before the other.
 */
export const isServedUnseen = (
  { unserved }: Pick<Watched, 'unserved'>,
  queue: number,
  established: number,
): boolean => {
  const came = established - unserved.established;
  const stayed = queue - unserved.queue;
  return came >= 2 && (came - stayed) * 2 > came;
};
