import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../src/core/event.js';
import { queueOf } from '../../../../src/core/state/member.js';
import { unaccepted, uncounted } from '../../../../src/core/state/totals.js';
import { at, attached, close, count, ended, meta, slot, socket, stateOf, tick } from '../../events.js';

const missed = { kind: 'lost', tsNs: 1, by: 'missed', events: 3 } as const;

describe('an accept() whose probe the kernel skipped', () => {
  const seen = [
    attached(0),
    slot(1, 0, 1),
    tick(1),
    count(1, 'picks', 5),
    count(1, 'accepted', 4),
    count(1, 'queue', 1),
    missed,
    tick(2),
  ];

  it('looks like a queued connection until /proc tells the length', () => {
    expect(queueOf(stateOf(seen).members.get(1) as never)).toBe(1);
    const state = stateOf([...seen, socket(1, { tsNs: at(4), queue: 0 }), tick(5), tick(6)]);
    expect([queueOf(state.members.get(1) as never), unaccepted(state)]).toEqual([0, 1]);
  });

  it('is not concluded from a scan as old as the count', () => {
    const state = stateOf([...seen, socket(1, { tsNs: at(0.5), queue: 0 })]);
    expect(queueOf(state.members.get(1) as never)).toBe(1);
  });

  it('is told at the end, and never beyond what the kernel skipped', () => {
    const state = stateOf([...seen, count(1, 'queue', 0), count(1, 'picks', 50), ended(3, '')]);
    expect(unaccepted(state)).toBe(3);
  });

  it('is not told of a member on which somebody may accept by io_uring, which this rung does not see', () => {
    const holders = [{ pid: 7, comm: 'echo', fds: [6], uring: true } as const];
    const run: Event[] = [
      meta(),
      ...seen,
      count(1, 'queue', 0),
      { kind: 'owners', tsNs: at(2), ino: 1, holders },
      ended(3, ''),
    ];
    expect(unaccepted(stateOf(run))).toBe(0);
    expect(unaccepted(stateOf(run.filter(({ kind }) => kind !== 'owners')))).toBe(1);
  });

  it('is not told where an accept() of nobody knows whom was counted', () => {
    const state = stateOf([...seen, count(1, 'queue', 0), count(0, 'accepted', 1), ended(3, '')]);
    expect(unaccepted(state)).toBe(0);
  });

  it('is not told where the kernel skipped nothing', () => {
    const state = stateOf([...seen.filter((event) => event !== missed), count(1, 'queue', 0), ended(3, '')]);
    expect(unaccepted(state)).toBe(0);
  });
});

it('what waited when its listener closed was picked before the counters began anew', () => {
  const run = [
    attached(0),
    slot(1, 0, 1),
    count(1, 'established', 5),
    count(1, 'picks', 5),
    count(1, 'queue', 5),
    { kind: 'lost', tsNs: 1, by: 'missed', events: 100 } as const,
    tick(3),
    close(1, 9, { queue: 5 }),
    tick(10),
  ];
  expect(uncounted(stateOf(run))).toBe(0);
  expect(uncounted(stateOf([...run, { kind: 'reset', tsNs: at(10) }, tick(11)]))).toBe(0);
});
