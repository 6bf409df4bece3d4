import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { COUNTERS_KEPT, createState, DEPARTED_KEPT, NAMES_KEPT } from '../../../../src/core/state/state.js';
import { totals } from '../../../../src/core/state/totals.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  owners,
  pick,
  slot,
  socket,
  stateOf,
  tick,
} from '../../events.js';

const GROUPS_KEPT = 1024;

describe('a run without an end', () => {
  it('keeps 100,000 short-lived listeners in bounded memory and loses none of their counts', () => {
    const state = createState(ALL);
    apply(state, attached(0));
    for (let ino = 1; ino <= 100_000; ino++) {
      const seconds = ino / 1000;
      const picked = pick(ino, seconds, { lport: 1 + (ino % 5000) });
      const where = { lport: 1 + (ino % 5000) };
      apply(state, listen(ino, seconds, where));
      apply(state, owners(ino, ino));
      apply(state, picked);
      apply(state, count(ino, 'picks', 3));
      apply(state, count(ino, 'printed', 1));
      apply(state, count(ino, 'accepted', 2));
      apply(state, acceptOf(picked));
      apply(state, close(ino, seconds, where));
      if (ino % 1000 === 0) apply(state, tick(seconds + 1));
    }
    expect(totals(state)).toEqual({
      picks: 300_000,
      accepted: 200_000,
      shown: 100_000,
      sampledAway: 200_000,
      lost: 0,
    });
    const { members, groups, counters, departed, pastGroups, holders, waiting, early, left, picks, binds } =
      state;
    const sizes = [members, groups, holders].map((map) => map.size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(GROUPS_KEPT);
    expect(departed.size).toBeLessThanOrEqual(DEPARTED_KEPT);
    expect(pastGroups.size).toBeLessThanOrEqual(NAMES_KEPT);
    expect(counters.size).toBe(members.size + departed.size);
    expect([waiting.size, early.size]).toEqual([0, 0]);
    expect([left, picks, binds].filter((ring) => ring.items.length > ring.capacity)).toEqual([]);
  }, 60_000);

  it.each([
    [
      'of which none is in scope, where the kernel counts more than that',
      { ...ALL, family: 4 } as const,
      700,
    ],
    ['all of which are in scope, where the kernel counts nothing else', { ...ALL, ports: [8888] }, 100_700],
  ])(
    'keeps room for counters of sockets that come, although a hundred thousand strangers were counted, %s',
    (_, scope, picks) => {
      const state = createState(scope);
      for (let ino = 1; ino <= 100_000; ino++) apply(state, count(ino, 'picks', 1));
      expect(state.counters.size).toBeLessThanOrEqual(3 * COUNTERS_KEPT);
      for (let ino = 200_000; ino < 200_100; ino++) {
        apply(state, listen(ino));
        apply(state, count(ino, 'picks', 7));
      }
      expect(totals(state).picks).toBe(picks);
    },
    60_000,
  );
});

it('survives any order of events, with sums that never go below zero and groups that hold their members', () => {
  const ino = fc.integer({ min: 0, max: 6 });
  const seconds = fc.integer({ min: 0, max: 40 });
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.tuple(ino, seconds).map(([i, s]) => listen(i, s)),
    fc.tuple(ino, seconds).map(([i, s]) => close(i, s)),
    fc.tuple(ino, fc.option(fc.nat(6)), fc.nat(7)).map(([i, index, n]) => slot(i, index, n)),
    fc.tuple(ino, seconds, fc.option(fc.nat(6))).map(([i, s, index]) => pick(i, s, { index })),
    fc.tuple(ino, seconds).map(([i, s]) => acceptOf(pick(i, s))),
    fc
      .tuple(ino, fc.constantFrom('picks', 'printed', 'accepted', 'queue'), fc.nat(99))
      .map(([i, c, n]) => count(i, c, n)),
    fc.tuple(ino, seconds).map(([i, s]) => socket(i, { queue: s })),
    ino.map((i) => owners(i, i)),
    seconds.map(tick),
    seconds.map(attached),
    seconds.map((s) => ended(s)),
    seconds.map((s): Event => ({ kind: 'reset', tsNs: at(s) })),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const state = stateOf(events);
      const live = [...state.members.values()].filter((member) => member.closedNs === null);
      const grouped = [...state.groups.values()].flatMap((group) => [...group.members.values()]);
      expect(new Set(grouped)).toEqual(new Set(live));
      const { sampledAway, lost, shown } = totals(state);
      expect(Math.min(sampledAway, lost, shown)).toBeGreaterThanOrEqual(0);
    }),
    { numRuns: 500 },
  );
});
