// A small run that every output is tested with: four listeners as one of this kernel's runs had them, and one that left.
import type { Event } from '../../../src/core/event.js';
import {
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  meta,
  owners,
  pick,
  slot,
  tick,
} from '../events.js';

const picks = [
  pick(11, 2.1, { raddr: '127.0.0.1', rport: 40_012, index: 0 }),
  pick(12, 2.2, { raddr: '192.168.100.100', rport: 65_535, index: 1 }),
  pick(13, 2.3, { raddr: '::ffff:10.0.3.18', rport: 33_001, index: 2, queue: 512 }),
] as const;

export const RUN: readonly Event[] = [
  meta(),
  attached(1),
  ...[11, 12, 13, 14].map((ino) => listen(ino, 1)),
  owners(14, 1201, 1202),
  ...[11, 12, 13, 14].map((ino, index) => slot(ino, index, 4)),
  ...picks,
  acceptOf(picks[0], 0.3),
  acceptOf(picks[1], 47.1),
  {
    kind: 'bind',
    tsNs: at(2.6),
    pid: 4_194_304,
    tid: 4_194_304,
    uid: 0,
    comm: 'fifteen-bytes-x',
    fd: 3,
    proto: 'tcp',
    netns: 1,
    laddr: '0.0.0.0',
    lport: 8888,
    reuseport: false,
    reuseaddr: false,
    ret: -98,
    ino: 99,
  },
  ...[11, 12, 13, 14].map((ino, i) => count(ino, 'picks', [30_001, 20_212, 1_204_000, 0][i] ?? 0)),
  count(11, 'printed', 1),
  count(12, 'printed', 1),
  count(13, 'printed', 2),
  ...[11, 12, 13].map((ino, i) => count(ino, 'accepted', [30_001, 20_211, 1_203_488][i] ?? 0)),
  count(13, 'queue', 512),
  close(12, 2.8, { queue: 1 }),
  tick(3),
  ended(9.5, ''),
];
