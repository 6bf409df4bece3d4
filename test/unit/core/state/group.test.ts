import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import {
  type Group,
  groupKey,
  groupPerSecond,
  inOrder,
  livePicks,
  skewOf,
} from '../../../../src/core/state/group.js';
import type { State } from '../../../../src/core/state/state.js';
import { at, close, count, listen, NETNS, pick, slot, socket, stateOf, tick } from '../../events.js';

const KEY = groupKey({ proto: 'tcp', netns: NETNS, laddr: '0.0.0.0', lport: 8888 });
const groupIn = (state: State): Group | undefined => state.groups.get(KEY);

/** Inode by index, as far as it is known. */
const order = (state: State): (number | null)[] => {
  const group = groupIn(state);
  return group === undefined
    ? []
    : Array.from(
        { length: group.n ?? 0 },
        (_, i) => inOrder(group).find(({ index }) => index === i)?.ino ?? null,
      );
};

const where = { tsNs: at(1), netns: NETNS, laddr: '0.0.0.0', lport: 8888, pid: 1, comm: 'nginx' };
const join = (ino: number, index: number, n: number): Event => ({
  kind: 'join',
  ...where,
  ino,
  index,
  n,
  reuseportId: 1,
});
const leaveOf = (ino: number, index: number, n: number, movedIno: number): Event => ({
  kind: 'leave',
  ...where,
  ino,
  index,
  n,
  movedIno,
});

describe('the order of socks[]', () => {
  it.each<[string, Event[], (number | null)[]]>([
    ['one that joins an empty port is the first', [listen(1)], [1]],
    ['each that joins is the last', [listen(1), listen(2), listen(3)], [1, 2, 3]],
    ['in the middle', [listen(1), listen(2), listen(3), listen(4), close(2)], [1, 4, 3]],
    ['the last one leaves and nobody moves', [listen(1), listen(2), listen(3), close(3)], [1, 2]],
    ['the first one leaves', [listen(1), listen(2), close(1)], [2]],
    ['everybody leaves', [listen(1), listen(2), close(1), close(2)], []],
    ['a group begins anew', [listen(1), close(1), listen(2), listen(3)], [2, 3]],
    ['a listener without SO_REUSEPORT has no index', [listen(1, 1, { reuseport: false })], []],
    ['slots tell it', [socket(1), socket(2), slot(2, 0, 2), slot(1, 1, 2)], [2, 1]],
    ['a slot takes the place from who was thought there', [listen(1), listen(2), slot(2, 0, 2)], [2, null]],
    ['who joins a group of unknown order has no index yet', [socket(1), listen(2)], []],
    ['one that leaves a read group', [slot(5, 0, 3), slot(6, 1, 3), slot(7, 2, 3), close(5)], [7, 6]],
    ['one that joins a read group', [slot(5, 0, 1), listen(6)], [5, 6]],
    ['a second listen() of a member changes nothing', [listen(1), listen(2), listen(1)], [1, 2]],
    ['a second close() changes nothing', [listen(1), listen(2), listen(3), close(1), close(1)], [3, 2]],
    [
      'a pick tells its member',
      [socket(1), slot(1, 0, 2), socket(2), pick(2, 2, { index: 1, n: 2 })],
      [1, 2],
    ],
  ])('%s', (_, events, expected) => expect(order(stateOf(events))).toEqual(expected));

  it.each<[string, Event[], (number | null)[]]>([
    ['a join says the index and n', [join(1, 2, 3)], [null, null, 1]],
    ['a join corrects what listen() made believe', [listen(1), listen(2), join(2, 0, 2)], [2, null]],
    ['a leave before its close says who moves', [socket(1), socket(2), leaveOf(1, 0, 2, 2), close(1)], [2]],
    ['a leave of the last one moves nobody', [listen(1), listen(2), leaveOf(2, 1, 2, 0), close(2)], [1]],
    ['a leave of a stranger changes nothing', [listen(1), leaveOf(9, 0, 1, 0)], [1]],
  ])('on the function rungs: %s', (_, events, expected) => expect(order(stateOf(events))).toEqual(expected));

  it('follows __reuseport_add_sock and __reuseport_detach_sock through any joins and leaves', () => {
    const step = fc.record({ joins: fc.boolean(), which: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const state = stateOf([]);
        // The reference: the array of the kernel, append at the end, the last into the hole.
        const socks: number[] = [];
        let inode = 0;
        for (const { joins, which } of steps) {
          if (joins || socks.length === 0) {
            socks.push(++inode);
            apply(state, listen(inode, inode));
          } else {
            const index = which % socks.length;
            const [ino = 0, last = 0] = [socks[index], socks.at(-1)];
            socks[index] = last;
            socks.pop();
            apply(state, close(ino, inode));
          }
          expect(order(state)).toEqual(socks);
          expect(groupIn(state)?.members.size ?? 0).toBe(socks.length);
        }
      }),
    );
  });

  it('remembers the last change of n', () => {
    const changes = (events: readonly Event[]) => groupIn(stateOf(events))?.changed ?? null;
    expect([
      changes([listen(1)]),
      changes([listen(1), listen(2, 3)]),
      changes([listen(1), listen(2, 3), close(1, 7)]),
      changes([slot(1, 0, 1), slot(1, 0, 5, { tsNs: at(9) })]),
      changes([slot(1, 0, 1), slot(1, 0, 1, { tsNs: at(9) })]),
    ]).toEqual([
      null,
      { tsNs: at(3), from: 1, to: 2 },
      { tsNs: at(7), from: 2, to: 1 },
      { tsNs: at(9), from: 1, to: 5 },
      null,
    ]);
  });

  it('writes each change into both logs, with the index and who moved', () => {
    const state = stateOf([listen(1), listen(2), listen(3), close(1)]);
    const moves = state.picks.items.map((entry) =>
      entry.kind === 'change'
        ? { kind: entry.event.kind, ino: entry.event.ino, index: entry.index, movedFrom: entry.movedFrom }
        : entry,
    );
    expect(moves).toEqual([
      { kind: 'listen', ino: 1, index: 0, movedFrom: null },
      { kind: 'listen', ino: 2, index: 1, movedFrom: null },
      { kind: 'listen', ino: 3, index: 2, movedFrom: null },
      { kind: 'close', ino: 1, index: 0, movedFrom: 2 },
    ]);
    expect(state.binds.items).toEqual(state.picks.items.slice(3));
  });
});

describe('which sockets are one group', () => {
  it.each([
    ['another port', { lport: 80 }],
    ['another address', { laddr: '127.0.0.1' }],
    ['the IPv6 wildcard', { laddr: '::' }],
    ['another network namespace', { netns: 7 }],
  ])('not those of %s', (_, change) =>
    expect(stateOf([listen(1), listen(2, 1, change)]).groups.size).toBe(2),
  );

  it('a v4-mapped address is that IPv4 address', () => {
    const state = stateOf([listen(1, 1, { laddr: '10.0.0.1' }), listen(2, 1, { laddr: '::ffff:10.0.0.1' })]);
    expect([...state.groups.keys()]).toEqual([`tcp ${NETNS} 10.0.0.1 8888`]);
  });
});

describe('numbers of a group', () => {
  const counted = (...picks: readonly number[]): Event[] => [
    ...picks.map((_, i) => listen(i + 1)),
    ...picks.map((total, i) => count(i + 1, 'picks', total)),
  ];

  it.each<[string, number[], number | null]>([
    ['none with one member', [9], null],
    ['none without a pick', [0, 0, 0], null],
    ['1 when all are equal', [7, 7, 7, 7], 1],
    ['n when one has all', [0, 0, 0, 12], 4],
    ['the largest over the mean', [10, 20, 30], 1.5],
  ])('the skew is %s', (_, picks, skew) => {
    const group = groupIn(stateOf(counted(...picks)));
    expect(group === undefined ? group : skewOf(group)).toBe(skew);
  });

  it('counts the picks of those that are there now', () => {
    const group = groupIn(stateOf([...counted(3, 5, 7), close(2)]));
    expect(group === undefined ? group : livePicks(group)).toBe(10);
  });

  it('has no rate before the second tick, then the sum of its members', () => {
    const before = [...counted(3, 5), tick(3)];
    const after = [...before, count(1, 'picks', 9, 4.9), count(2, 'picks', 7, 4.9), tick(5)];
    const rates = [before, after].map((events) => {
      const group = groupIn(stateOf(events));
      return group === undefined ? group : groupPerSecond(group);
    });
    expect(rates).toEqual([null, 4]);
  });
});
