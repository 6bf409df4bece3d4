// Whole scenes for screens of any size: a run's beginning, groups, ticks, picks and accepts, with realistic values.
import type {
  AcceptEvent,
  CountEvent,
  Counter,
  Event,
  MetaEvent,
  PickEvent,
  Rung,
} from '../../../src/core/event.js';
import * as plain from '../events.js';

export { ALL, stateOf } from '../events.js';

export const SECOND = 1_000_000_000;
/** CLOCK_MONOTONIC at the start of the run, in seconds and in ns. */
const BOOTED = 417_000;
export const START = plain.at(BOOTED);
export const NETNS = 4_026_531_840;
/** 3 November 2026, 14:00:00 UTC. */
const WALL_MS = Date.UTC(2026, 10, 3, 14);

/** Seconds after the start. */
export const at = (seconds: number): number => plain.at(BOOTED + seconds);

export const meta = (change: Partial<MetaEvent> = {}): MetaEvent =>
  plain.meta({
    tsNs: START,
    wallMs: WALL_MS,
    kernel: '6.12.43+deb13-amd64',
    bpftrace: '0.23.2',
    ports: [],
    hostNetns: NETNS,
    ...change,
  });

/** Listeners of one group, found in /proc with their owners, as before the first pick. */
export const listeners = (group: {
  readonly n: number;
  readonly lport: number;
  readonly laddr?: string;
  readonly comm?: string;
  readonly netns?: number;
  readonly firstPid?: number;
  readonly firstIno?: number;
}): Event[] => {
  const { n, lport, laddr = '0.0.0.0', comm = 'nginx', netns = NETNS } = group;
  const { firstPid = 1201, firstIno = lport * 1000 } = group;
  return Array.from({ length: n }, (_, i): Event[] => [
    plain.socket(firstIno + i, { tsNs: at(0.2), netns, laddr, lport }),
    {
      kind: 'owners',
      tsNs: at(0.2),
      ino: firstIno + i,
      holders: [{ pid: firstPid + i, comm, fds: [6 + (i % 20)] }],
    },
  ]).flat();
};

/** The kernel's order of a group whose listeners have the inodes firstIno, firstIno + 1, ... */
export const slots = (
  lport: number,
  n: number,
  change: { laddr?: string; reuseport?: boolean; backlog?: number; tsNs?: number } = {},
): Event[] =>
  Array.from({ length: n }, (_, i) =>
    plain.slot(lport * 1000 + i, change.reuseport === false ? null : i, change.reuseport === false ? 0 : n, {
      tsNs: change.tsNs ?? at(1.1),
      netns: NETNS,
      laddr: change.laddr ?? '0.0.0.0',
      lport,
      backlog: change.backlog ?? 511,
    }),
  );

export const count = (ino: number, counter: Counter, total: number, seconds: number): CountEvent =>
  plain.count(ino, counter, total, BOOTED + seconds);

export const pick = (ino: number, seconds: number, change: Partial<PickEvent> = {}): PickEvent =>
  plain.pick(ino, BOOTED + seconds, {
    netns: NETNS,
    index: ino % 1000,
    n: 8,
    laddr: '10.0.0.5',
    lport: Math.floor(ino / 1000),
    raddr: '10.0.3.18',
    cpu: 3,
    ...change,
  });

/** The accept that completes a pick. */
export const accepted = (of: PickEvent, waitMs: number, pid: number, comm = 'nginx'): AcceptEvent => ({
  ...plain.acceptOf(of, waitMs, pid),
  comm,
});

/** attached, then one tick a second for `seconds` seconds. */
export const ticks = (seconds: number, from = 1): Event[] => [
  ...(from === 1 ? [{ kind: 'attached', tsNs: at(1) } as const] : []),
  ...Array.from({ length: seconds }, (_, i): Event => ({ kind: 'tick', tsNs: at(from + i) })),
];

/**
 * Twelve seconds of a group of n: every listener served but the last, which nobody accepts on; the fourth is slow and
 * gets a good part of its picks from one client.
 */
export const busyGroup = (n: number, lport = 8888, rung: Rung = 'tracepoint'): Event[] => {
  const first = lport * 1000;
  const perSecond = (i: number): number => (i === 3 ? 521 : 160 + 7 * (i % 8));
  const events: Event[] = [...listeners({ n, lport })];
  events.push({ kind: 'attached', tsNs: at(1) }, { kind: 'tick', tsNs: at(1) }, ...slots(lport, n));
  for (let second = 1; second <= 12; second++) {
    for (let i = 0; i < n; i++) {
      const picks = perSecond(i) * second;
      const isStuck = i === n - 1 && n > 1;
      events.push(count(first + i, 'picks', picks, second + 0.9));
      events.push(count(first + i, 'accepted', isStuck ? 0 : picks, second + 0.9));
      events.push(count(first + i, 'printed', Math.min(picks, second), second + 0.9));
      events.push(
        count(first + i, 'queue', isStuck ? Math.min(512, 90 * second) : i === 3 ? 96 : 0, second + 0.9),
      );
      const made = pick(first + i, second + 0.5 + i / 1000, {
        n,
        rport: i === 3 ? 40_012 : 33_000 + second * 17 + i,
        raddr: `10.0.3.${18 + (i % 4)}`,
        queue: isStuck ? Math.min(512, 90 * second) : i === 3 ? 96 : 1,
        ...(rung === 'tracepoint' ? {} : { hash: Math.floor(((i + 0.5) / n) * 2 ** 32), cause: 'hash' }),
      });
      events.push(made);
      if (!isStuck) events.push(accepted(made, i === 3 ? 47.1 : 0.3 + i / 10, 1201 + i));
    }
    events.push({ kind: 'tick', tsNs: at(second + 1) });
  }
  return [meta({ rung }), ...events];
};

/** Several groups of every kind beside the busy one. */
export const busyHost = (): Event[] => [
  ...busyGroup(8),
  ...Array.from({ length: 8 }, (_, i) =>
    count(8_888_000 + i, 'picks', (i === 3 ? 521 : 160 + 7 * i) * 13, 13.9),
  ),
  ...listeners({ n: 2, lport: 9000, laddr: '127.0.0.1', comm: 'php-fpm', firstPid: 2200 }),
  ...slots(9000, 2, { laddr: '127.0.0.1', backlog: 64, tsNs: at(10) }),
  count(9_000_001, 'queue', 65, 11),
  ...listeners({ n: 16, lport: 443, laddr: '::', comm: 'envoy', firstPid: 700 }),
  ...listeners({ n: 1, lport: 8081, comm: 'node', firstPid: 911 }),
  ...slots(8081, 1, { reuseport: false, tsNs: at(10) }),
  ...listeners({
    n: 1,
    lport: 8443,
    laddr: '2001:db8:85a3:1234:5678:8a2e:370:7334',
    comm: 'haproxy',
    netns: 4_026_532_301,
    firstPid: 3100,
  }),
  {
    kind: 'bind',
    tsNs: at(12.1),
    pid: 2310,
    tid: 2310,
    uid: 33,
    comm: 'python3',
    fd: 3,
    proto: 'tcp',
    netns: NETNS,
    laddr: '0.0.0.0',
    lport: 8888,
    reuseport: false,
    reuseaddr: false,
    ret: -98,
    ino: 55_001,
  },
  {
    kind: 'bind',
    tsNs: at(12.2),
    pid: 2311,
    tid: 2311,
    uid: 1001,
    comm: 'app',
    fd: 3,
    proto: 'tcp',
    netns: NETNS,
    laddr: '0.0.0.0',
    lport: 8888,
    reuseport: true,
    reuseaddr: false,
    ret: -98,
    ino: 55_002,
  },
  { kind: 'tick', tsNs: at(14) },
];
