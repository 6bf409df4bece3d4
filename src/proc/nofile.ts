// How many descriptors a process has open, and how many it may have; asked when its accept() failed for want of one.

import { readdirSync, readFileSync } from 'node:fs';
import type { DescriptorsEvent } from '../core/event.js';

/** null when it has ended, or may not be read. `root` is usually /proc. */
export const readDescriptors = (root: string, pid: number, tsNs: number): DescriptorsEvent | null => {
  try {
    const limits = readFileSync(`${root}/${pid}/limits`, 'latin1');
    const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
    if (soft === undefined) return null;
    const open = readdirSync(`${root}/${pid}/fd`).length;
    return { kind: 'descriptors', tsNs, pid, open, limit: soft === 'unlimited' ? null : Number(soft) };
  } catch {
    return null;
  }
};
