import { describe, expect, it } from 'vitest';
import type { BindEvent, Event, SocketEvent } from '../../../../../src/core/event.js';
import { inOrder } from '../../../../../src/core/state/group.js';
import { at, attached, close, count, meta, NETNS, owners, slot, socket, stateOf } from '../../../events.js';
import { beats, found, said } from './said.js';

const BEGIN = [meta(), attached(1)];
const peer = { raddr: '10.0.0.9', rport: 9 };

const seen = (ino: number, seconds: number, change: Partial<SocketEvent> = {}): Event =>
  socket(ino, { proto: 'udp', tsNs: at(seconds), drops: 0, ...change });
const bind = (ino: number, seconds: number): BindEvent => ({
  kind: 'bind',
  tsNs: at(seconds),
  pid: 70,
  tid: 70,
  uid: 33,
  comm: 'dtls',
  fd: 6,
  proto: 'udp',
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  reuseport: true,
  reuseaddr: false,
  ret: 0,
  ino,
});
const place = (ino: number, index: number | null, n: number, seconds = 1): Event =>
  slot(ino, index, n, { proto: 'udp', tsNs: at(seconds), reuseport: true });

/** Workers 1 and 2, which are seen to be picked until second 9; each is a process of its own. */
const workers: Event[] = [
  ...BEGIN,
  seen(1, 1),
  seen(2, 1),
  owners(1, 71),
  owners(2, 72),
  place(1, 0, 2),
  place(2, 1, 2),
];
const picked = (...inos: readonly number[]): Event[] =>
  [2, 3, 4, 5, 6, 7, 8, 9].flatMap((second) => [
    ...inos.map((ino) => count(ino, 'picks', 10 * second, second)),
    ...beats(second, second),
  ]);

/** A client's socket, bound and connected at once by worker 1, in a group of its own for the kernel. */
const client = (ino: number, seconds: number): Event[] => [
  bind(ino, seconds),
  place(ino, 0, 1, seconds + 0.01),
  seen(ino, seconds + 0.5, { peer }),
  { ...owners(ino, 71), tsNs: at(seconds + 0.5) },
];

const quiet = ['connected', 'split', 'renumbered', 'skew', 'not-sharing'] as const;

describe('a server that gives each client a connected socket', () => {
  const run = [...workers, ...client(3, 1.5), ...client(4, 1.6), ...client(5, 1.7), ...picked(1, 2)];

  it('is healthy: no alarm of any kind, and n is that of those who share', () => {
    for (const rule of quiet) expect([rule, said(rule, run)]).toEqual([rule, []]);
    const [group] = stateOf(run).groups.values();
    expect(group?.n).toBe(2);
    expect(group === undefined ? [] : inOrder(group).map(({ ino, index }) => [ino, index])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect([...(group?.connected.keys() ?? [])]).toEqual([3, 4, 5]);
  });

  it('keeps n when the kernel is read between bind() and connect() of clients', () => {
    const late = [
      ...workers,
      ...[3, 4, 5].flatMap((ino) => [bind(ino, 1.5), place(1, 0, 2, 1.6)]),
      ...[3, 4, 5].map((ino) => seen(ino, 1.7, { peer })),
    ];
    expect([...stateOf(late).groups.values()].map(({ n }) => n)).toEqual([2]);
  });

  it('is healthy when the clients go', () => {
    const gone = [3, 4, 5].map((ino) => close(ino, 9.5, { proto: 'udp' }));
    for (const rule of quiet)
      expect([rule, said(rule, [...run, ...gone, ...beats(10, 14)])]).toEqual([rule, []]);
    expect([...stateOf([...run, ...gone]).groups.values()].map(({ n }) => n)).toEqual([2]);
  });

  it('doubles a share where the kernel keeps them in the group', () => {
    const kept = [
      ...workers,
      ...[3, 4].map((ino) => seen(ino, 1.5, { peer })),
      place(1, 0, 4, 2),
      place(2, 1, 4, 2),
      ...picked(1, 2),
    ];
    expect(said('connected', kept)).toEqual([
      '! udp 0.0.0.0:8888 has 2 connected sockets in its group (n = 4, 2 of them take new clients): the next in order gets their share too',
    ]);
    expect(said('split', kept)).toEqual([]);
  });
});

describe('a worker that connects its only socket', () => {
  const three = [...workers, seen(3, 1), owners(3, 73), place(1, 0, 3), place(2, 1, 3), place(3, 2, 3)];

  it('is a note: it takes no new clients, and its share went to all', () => {
    const events = [
      ...three,
      seen(2, 2, { peer }),
      place(1, 0, 2, 2.5),
      place(3, 1, 2, 2.5),
      ...picked(1, 3),
    ];
    expect(said('connected', events)).toEqual([
      'i udp 0.0.0.0:8888: pid 72 nginx is connected to 10.0.0.9:9: no new client goes to it, 2 of 3 share what comes',
    ]);
    expect(found('split', events)).toEqual([]);
  });

  it('left its group for good: connect(AF_UNSPEC) does not bring it back', () => {
    const back = [...three, seen(2, 2, { peer }), place(1, 0, 2, 2.5), place(3, 1, 2, 2.5), seen(2, 3)];
    expect(said('connected', [...back, ...picked(1, 3)])).toEqual([
      '! udp 0.0.0.0:8888: pid 72 nginx has SO_REUSEPORT and is in no group: it left its group when it was connected, and connect(AF_UNSPEC) did not bring it back; it gets none',
    ]);
    const all = [...back, place(2, null, 0, 3.5), ...picked(2)];
    expect(said('connected', all)).toEqual([
      '! udp 0.0.0.0:8888: pid 72 nginx has SO_REUSEPORT and is in no group: it left its group when it was connected, and connect(AF_UNSPEC) did not bring it back; it gets every datagram, the others none',
    ]);
    for (const rule of ['split', 'skew'] as const) expect(said(rule, all)).toEqual([]);
  });
});
