// Asks the kernel how many runs of a bpftrace's probes it has skipped.
import { missedRuns, type Tracer } from '../bpftrace/tracer.js';
import type { Event } from '../core/event.js';

const MISSED_EVERY_MS = 2000;

/** Probe runs that the kernel skipped, watched. */
export type Missed = {
  /** Looks now. */
  readonly look: () => void;
  readonly end: () => void;
};

/** Reports probe runs that the kernel skipped, as they grow. */
export const watchMissed = (
  tracer: Tracer,
  put: (events: readonly Event[]) => void,
  nowNs: () => number,
): Missed => {
  let known = 0;
  const look = (): void => {
    const missed = tracer.pid === null ? 0 : missedRuns(tracer.pid);
    if (missed > known) put([{ kind: 'lost', tsNs: nowNs(), by: 'missed', events: missed - known }]);
    known = Math.max(known, missed);
  };
  const timer = setInterval(look, MISSED_EVERY_MS);
  timer.unref();
  return { look, end: () => clearInterval(timer) };
};
