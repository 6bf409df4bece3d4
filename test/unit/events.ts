// Events with plain values for tests of the state: a time in seconds, an inode, and what matters to the test.

import { apply } from '../../src/core/apply.js';
import type {
  AcceptEvent,
  CloseEvent,
  CountEvent,
  Counter,
  DeviceEvent,
  Event,
  ListenEvent,
  MetaEvent,
  OwnersEvent,
  PickEvent,
  SlotEvent,
  SocketEvent,
} from '../../src/core/event.js';
import { createState, type Scope, type State } from '../../src/core/state/state.js';

export const NETNS = 4_026_531_833;
export const ALL: Scope = { ports: [], family: null, netns: null, pid: null };

/** Nanoseconds of a time in seconds. */
export const at = (seconds: number): number => Math.round(seconds * 1e9);

const address = { netns: NETNS, laddr: '0.0.0.0', lport: 8888 };

export const meta = (change: Partial<MetaEvent> = {}): MetaEvent => ({
  kind: 'meta',
  tsNs: 0,
  wallMs: new Date(2026, 10, 3, 14, 3, 7).getTime(),
  version: '0.1.0',
  host: 'web-07',
  kernel: '6.18.44',
  bpftrace: '0.17.0',
  rung: 'tracepoint',
  rejected: [],
  ports: [8888],
  hostNetns: NETNS,
  budgetPerSecond: 1000,
  ...change,
});

export const tick = (seconds: number): Event => ({ kind: 'tick', tsNs: at(seconds) });
export const attached = (seconds: number): Event => ({ kind: 'attached', tsNs: at(seconds) });
export const ended = (seconds: number, why = 'bpftrace ended (exit 1)'): Event => ({
  kind: 'ended',
  tsNs: at(seconds),
  exitCode: 1,
  why,
});

export const socket = (ino: number, change: Partial<SocketEvent> = {}): SocketEvent => ({
  kind: 'socket',
  tsNs: at(1),
  proto: 'tcp',
  ...address,
  ino,
  uid: 33,
  queue: 0,
  ...change,
});

export const owners = (ino: number, ...pids: readonly number[]): OwnersEvent => ({
  kind: 'owners',
  tsNs: at(1),
  ino,
  holders: pids.map((pid) => ({ pid, comm: 'nginx', fds: [6] })),
});

export const listen = (ino: number, seconds = 1, change: Partial<ListenEvent> = {}): ListenEvent => ({
  kind: 'listen',
  tsNs: at(seconds),
  ...address,
  ino,
  uid: 33,
  reuseport: true,
  pid: 1000 + ino,
  comm: 'nginx',
  ...change,
});

export const close = (ino: number, seconds = 2, change: Partial<CloseEvent> = {}): CloseEvent => ({
  kind: 'close',
  tsNs: at(seconds),
  ...address,
  ino,
  queue: 0,
  pid: 1000 + ino,
  comm: 'nginx',
  ...change,
});

/** That a socket is bound to an interface: before its slot or listen. */
export const device = (ino: number, ifindex: number, seconds = 1): DeviceEvent => ({
  kind: 'device',
  tsNs: at(seconds),
  ino,
  ifindex,
});

export const slot = (
  ino: number,
  index: number | null,
  n: number,
  change: Partial<SlotEvent> = {},
): SlotEvent => ({
  kind: 'slot',
  tsNs: at(1),
  ...address,
  ino,
  uid: 33,
  reuseport: index !== null,
  index,
  n,
  queue: 0,
  backlog: 511,
  ...change,
});

export const pick = (ino: number, seconds = 1.5, change: Partial<PickEvent> = {}): PickEvent => ({
  kind: 'pick',
  tsNs: at(seconds),
  ino,
  netns: NETNS,
  uid: 33,
  index: 0,
  n: 4,
  queue: 1,
  backlog: 511,
  laddr: '127.0.0.1',
  lport: 8888,
  raddr: '127.0.0.1',
  rport: 40_012,
  cpu: 0,
  hash: null,
  cause: null,
  ...change,
});

/** The accept that completes a pick. */
export const acceptOf = (picked: PickEvent, waitMs = 1, pid = 1000 + picked.ino): AcceptEvent => ({
  kind: 'accept',
  tsNs: picked.tsNs + Math.round(waitMs * 1e6),
  ino: picked.ino,
  pid,
  tid: pid,
  comm: 'nginx',
  fd: 21,
  pickNs: picked.tsNs,
  waitNs: Math.round(waitMs * 1e6),
});

export const count = (ino: number, counter: Counter, total: number, seconds = 2): CountEvent => ({
  kind: 'count',
  tsNs: at(seconds),
  ino,
  counter,
  total,
});

export const malformed = (lines: number, sample = 'pick 1'): Event => ({
  kind: 'malformed',
  tsNs: 0,
  lines,
  sample,
});

export const stateOf = (events: readonly Event[], scope: Scope = ALL): State => {
  const state = createState(scope);
  for (const event of events) apply(state, event);
  return state;
};
