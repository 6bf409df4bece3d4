// The rungs of the ladder, best first: what each sees, and what it cannot know.
import type { Rung } from './event.js';

/** Best first. */
export const RUNGS: readonly Rung[] = ['fentry', 'kprobe', 'tracepoint'];

/**
 * The rung probes kernel functions, so it sees SYNs, hashes, drops and the kernel's verdict on a port; the tracepoint rung
 * sees none of these. null (no rung was told yet) sees nothing.
 */
export const seesFunctions = (rung: Rung | null): boolean => rung === 'fentry' || rung === 'kprobe';

/** What a rung cannot know on any host. */
export const UNKNOWN: Readonly<Record<Rung, readonly string[]>> = {
  fentry: [],
  kprobe: [],
  tracepoint: [
    'the hash, until enough picks gave it away (Explain, predict, --learn-hash)',
    'why the kernel chose a member that the hash does not',
    'SYNs that are refused (full queue, BPF program) or never finish',
    'connections reset at a close (it sees how many waited or moved)',
    "the kernel's own verdict on a refused bind",
    'UDP datagrams and their clients (it sees wake-ups and reads)',
    'accepts by io_uring or by a 32-bit process',
  ],
};
