// Whether those who held sockets at the last scan are still there: a reload ends workers without a word of their sockets.

import { existsSync } from 'node:fs';

/** Asked at once: each costs some microseconds, and a server has fewer. */
const MOST = 256;

/** `root` is usually /proc. */
export const createLiving = (root: string) => {
  let pids: readonly number[] = [];
  let next = 0;
  return {
    /** Who holds sockets now, in place of those known before. */
    know: (holders: Iterable<number>): void => {
      pids = [...new Set(holders)];
      next = 0;
    },
    /** Whether one of them has ended; of many some are asked, and the others the next time. */
    hasEnded: (): boolean => {
      const count = Math.min(MOST, pids.length);
      for (let i = 0; i < count; i++) {
        const pid = pids[next];
        next = (next + 1) % pids.length;
        if (pid !== undefined && !existsSync(`${root}/${pid}/stat`)) {
          // One reason is enough, and the scan that follows knows the others.
          pids = [];
          return true;
        }
      }
      return false;
    },
  };
};
