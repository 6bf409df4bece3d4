// Which accept queues do not move: a reason to ask /proc for their true length. It asks nobody itself.
import type { Event } from '../core/event.js';
import { COUNTERS_KEPT } from '../core/state/state.js';

/**
 * Queues that hold connections and do not move: an accept() whose probe the kernel skipped looks just like a worker
 * that is stuck, and /proc knows better. Each is a reason to look there once until it moves.
 */
export const createStanding = () => {
  const queues = new Map<number, 'moved' | 'still' | 'asked'>();
  return {
    /** Whether this event says that such a queue did not move from one tick to the next. */
    hasStoodStill: (event: Event): boolean => {
      if (event.kind === 'count' && event.counter === 'queue') {
        if (event.total === 0 || queues.size >= COUNTERS_KEPT) queues.delete(event.ino);
        else queues.set(event.ino, 'moved');
      }
      if (event.kind !== 'tick') return false;
      let isReason = false;
      for (const [ino, was] of queues) {
        if (was === 'still') isReason = true;
        queues.set(ino, was === 'moved' ? 'still' : 'asked');
      }
      return isReason;
    },
  };
};
