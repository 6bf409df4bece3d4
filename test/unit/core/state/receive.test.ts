// UDP members in State, and what is found of their receive buffers.
import { describe, expect, it } from 'vitest';
import type { Event, SocketEvent } from '../../../../src/core/event.js';
import { findings } from '../../../../src/core/findings/diagnosis.js';
import { sharing } from '../../../../src/core/state/group.js';
import { clientsOf, droppedOf, queueOf, takenOf } from '../../../../src/core/state/member.js';
import type { State } from '../../../../src/core/state/state.js';
import { unpicked } from '../../../../src/core/state/totals.js';
import { ALL, at, attached, count, ended, meta, owners, slot, socket, stateOf, tick } from '../../events.js';

const bound = (ino: number, seconds: number, change: Partial<SocketEvent> = {}): Event =>
  socket(ino, { proto: 'udp', tsNs: at(seconds), drops: 0, ...change });
const place = (ino: number, index: number, n = 2, reuseport = true): Event =>
  slot(ino, index, n, { proto: 'udp', reuseport, backlog: 212_992 });
const ticks = (from: number, to: number): Event[] =>
  Array.from({ length: to - from + 1 }, (_, i) => tick(from + i));
const BEGIN = [meta({ rung: 'tracepoint' }), attached(1)];
const rulesOf = (state: State): string[] => findings(state).map(({ rule }) => rule);
const member = (state: State, ino: number) => {
  const found = state.members.get(ino);
  if (found === undefined) throw new Error(`no member ${ino}`);
  return found;
};

describe('a UDP member', () => {
  it('has the clients of its bits, which are a set: no reset and no other bpftrace adds to them', () => {
    const run = [meta({ rung: 'fentry' }), attached(1), bound(1, 2), count(1, 'client_bits', 97, 3), tick(3)];
    const clients = (...more: readonly Event[]): number | undefined =>
      clientsOf(member(stateOf([...run, ...more]), 1), 'fentry')?.about;
    expect(clients()).toBe(102);
    expect(clients({ kind: 'reset', tsNs: at(3) })).toBe(102);
    expect(clients(ended(4), attached(5), count(1, 'client_bits', 97, 6))).toBe(102);
  });

  it('is in a group apart from TCP on the same port', () => {
    const state = stateOf([...BEGIN, bound(1, 2), socket(2, { tsNs: at(2) })]);
    expect([...state.groups.values()].map(({ proto, members }) => [proto, members.size])).toEqual([
      ['udp', 1],
      ['tcp', 1],
    ]);
  });

  it('has bytes waiting, which are no connections that were not picked', () => {
    const state = stateOf([...BEGIN, bound(1, 2, { queue: 768 }), count(1, 'received', 5)]);
    expect([queueOf(member(state, 1)), takenOf(member(state, 1)), unpicked(state, member(state, 1))]).toEqual(
      [768, 5, 0],
    );
  });

  it('dropped what /proc counts since the start, not before', () => {
    const state = stateOf([meta(), bound(1, 0.5, { drops: 40 }), attached(1), bound(1, 2, { drops: 47 })]);
    expect(droppedOf(member(state, 1), 'tracepoint')).toBe(7);
  });

  it('shares nothing while it is connected', () => {
    const peer = { raddr: '10.0.0.9', rport: 9 };
    const state = stateOf([...BEGIN, bound(1, 2), bound(2, 2, { peer }), place(1, 0), place(2, 1)]);
    const [group] = state.groups.values();
    expect(group === undefined ? null : sharing(group).map(({ ino }) => ino)).toEqual([1]);
  });
});

describe('of a receive buffer is found', () => {
  const two = [...BEGIN, bound(1, 2), bound(2, 2), place(1, 0), place(2, 1)];

  it('that nobody reads what waits in it', () => {
    const events = [...two, tick(2), bound(1, 2.5, { queue: 7680 }), ...ticks(3, 8)];
    expect(findings(stateOf(events)).filter(({ rule }) => rule === 'stuck')).toMatchObject([{ ino: 1 }]);
  });

  it('nothing while somebody reads', () => {
    const read = [3, 4, 5, 6, 7, 8].flatMap((second) => [
      bound(1, second, { queue: 7680 }),
      count(1, 'received', second, second),
      tick(second),
    ]);
    expect(rulesOf(stateOf([...two, tick(2), ...read]))).toEqual([]);
  });

  it('that it refused datagrams', () => {
    const state = stateOf([...two, ...ticks(2, 4), bound(1, 4.5, { drops: 12 }), tick(5)]);
    expect(findings(state)).toMatchObject([{ rule: 'overflow', ino: 1, evidence: { dropped: 12 } }]);
  });

  it('that its socket is connected, after a while', () => {
    const peer = { raddr: '10.0.0.9', rport: 9 };
    const events = [...two, owners(1, 71), owners(2, 72), bound(1, 3, { peer })];
    expect(rulesOf(stateOf([...events, ...ticks(3, 5)]))).toEqual([]);
    expect(findings(stateOf([...events, ...ticks(3, 9)]))).toMatchObject([
      { rule: 'connected', ino: 1, evidence: { peer: '10.0.0.9:9' } },
    ]);
  });

  it('that SO_REUSEADDR stands in place of SO_REUSEPORT', () => {
    const events = [...BEGIN, bound(1, 2), bound(2, 2), place(2, 0, 0, false), count(2, 'picks', 5)];
    expect(findings(stateOf([...events, ...ticks(2, 4)], ALL))).toMatchObject([
      { rule: 'not-sharing', detail: 'reuseaddr' },
    ]);
  });

  it('that one socket with SO_REUSEADDR alone stands beside a group, and takes everything', () => {
    const rest = [bound(3, 2.5), place(3, 0, 0, false)];
    const picks = (ino: number): Event[] =>
      [3, 4, 5, 6, 7, 8, 9].flatMap((second) => [count(ino, 'picks', 10 * second, second), tick(second)]);
    const mixed = (ino: number) =>
      findings(stateOf([...two, ...rest, tick(2), ...picks(ino)])).filter(
        ({ rule }) => rule === 'not-sharing',
      );
    expect(mixed(3)).toMatchObject([
      {
        detail: 'reuseaddr',
        evidence: { sockets: 3, without: 1 },
        text: expect.stringMatching(/ino 3 gets every datagram/),
      },
    ]);
  });

  it('nothing of sockets with SO_REUSEADDR that get copies of multicast', () => {
    const plain = [bound(1, 2), bound(2, 2), place(1, 0, 0, false), place(2, 0, 0, false)];
    const copies = [1, 2].map((ino) => count(ino, 'copies', 40, 3));
    expect(
      rulesOf(stateOf([...BEGIN, ...plain, ...copies, count(1, 'received', 40, 3), ...ticks(3, 9)])),
    ).toEqual([]);
  });
});
