// The rungs of the ladder, best first: what each sees, and what it cannot know.
import type { PartName, Rung } from './event.js';

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

/** What stays unknown without a part. */
export const UNKNOWN_WITHOUT: Readonly<Record<PartName, string>> = {
  listen: 'when a socket begins or ends to listen (/proc tells later)',
  group: 'when a member joins or leaves, and programs attached to groups',
  drop: 'what full queues drop, and what a close kills or moves',
  udp: 'everything of UDP but what /proc tells',
  bind: 'binds and listens, and which were refused',
  refuse: 'accept() that fails for want of descriptors or memory',
  conflict: "the kernel's own verdict on a port",
  attach: 'programs attached to groups',
  steer: 'sk_lookup programs of network namespaces',
};

/** What is out, why and what stays unknown, in one line. */
export const withoutPart = ({ part, why }: { readonly part: PartName; readonly why: string }): string => {
  const [first = ''] = why.split('\n');
  return `running without the ${part} probes: ${first}; not known: ${UNKNOWN_WITHOUT[part]}`;
};
