import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import type { State } from '../../../src/core/state/state.js';
import { createLearner, type Learned, type Learner } from '../../../src/hash/learner.js';
import { close, listen, NETNS } from '../events.js';
import { createHunter, groupOf, hashOf, picked, SEED, slots, worldOf } from './world.js';

const many = (count: number, make: (i: number) => Event): Event[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** What is known in the end of the first group. */
const learned = async (learner: Learner, state: State): Promise<Learned> => {
  for (let i = 0; i < 10; i++) {
    const known = learner.learn(state, groupOf(state));
    if (known.kind !== 'searching') return known;
    await learner.settled();
  }
  throw new Error('it goes on searching');
};

const learnerOf = (hunter = createHunter()): Learner => createLearner(hunter.start, () => undefined);

describe('the learner', () => {
  it.each([2, 3, 5, 64])('learns from the indexes in a group of %i', async (n) => {
    const learner = learnerOf();
    const state = worldOf(...slots(n), ...many(60, (i) => picked(n, i)));
    expect((await learned(learner, state)).kind).toBe('known');
    const next = picked(n, 4711);
    expect(learner.hashOf(next)).toBe(hashOf(next));
  });

  it('learns from two picks whose hash was told', async () => {
    const learner = learnerOf();
    const told = (i: number) => ({ ...picked(2, i), hash: hashOf(picked(2, i)), cause: 'hash' as const });
    expect((await learned(learner, worldOf(...slots(2), told(0)))).kind).toBe('wanting');
    expect((await learned(learner, worldOf(...slots(2), told(0), told(1)))).kind).toBe('known');
  });

  it('says how many picks are missing, and searches no sooner', async () => {
    const hunter = createHunter();
    const learner = learnerOf(hunter);
    const state = worldOf(...slots(4), ...many(20, (i) => picked(4, i)));
    expect(await learned(learner, state)).toEqual({ kind: 'wanting', picks: 8, isUnsettled: false });
    expect(hunter.hunts).toBe(0);
  });

  it('counts a connection once', async () => {
    const state = worldOf(...slots(4), ...many(200, (i) => picked(4, i, { rport: 20_000 + (i % 10) })));
    expect(await learned(learnerOf(), state)).toEqual({ kind: 'wanting', picks: 18, isUnsettled: false });
  });

  it('says so where no seed explains them, and stops searching', async () => {
    const hunter = createHunter();
    const learner = learnerOf(hunter);
    // Round robin.
    const state = worldOf(
      ...slots(4),
      ...many(500, (i) => ({ ...picked(4, i), index: i % 4, ino: (i % 4) + 1 })),
    );
    expect(await learned(learner, state)).toEqual({ kind: 'contradicted', picks: 84, isFinal: true });
    expect(hunter.hunts).toBe(3);
    expect(learner.learn(state, groupOf(state)).kind).toBe('contradicted');
    expect(hunter.hunts).toBe(3);
  });

  it('gets over one pick that was not what it seemed', async () => {
    const learner = learnerOf();
    const wrong = picked(4, 90);
    const state = worldOf(...slots(4), ...many(90, (i) => picked(4, i)), {
      ...wrong,
      index: ((wrong.index ?? 0) + 1) % 4,
    });
    expect((await learned(learner, state)).kind).toBe('known');
  });

  it('passes over picks that came within a second of a change', async () => {
    const state = worldOf(...slots(4), listen(9, 4.9), ...many(100, (i) => picked(5, i)));
    expect(await learned(learnerOf(), state)).toEqual({ kind: 'wanting', picks: 25, isUnsettled: true });
    const later = worldOf(...slots(5), close(5, 3.9), ...many(100, (i) => picked(4, i)));
    expect((await learned(learnerOf(), later)).kind).toBe('known');
  });

  it('keeps each network namespace apart', async () => {
    const learner = learnerOf();
    const state = worldOf(...slots(4), ...many(60, (i) => picked(4, i)));
    await learned(learner, state);
    expect(learner.hashOf(picked(4, 1))).not.toBeNull();
    expect(learner.hashOf(picked(4, 1, { netns: NETNS + 1 }))).toBeNull();
  });

  it('holds no seed where something may print it', async () => {
    const learner = learnerOf();
    const state = worldOf(...slots(4), ...many(60, (i) => picked(4, i)));
    const known = await learned(learner, state);
    const printed = [state, learner, known]
      .map((each) => `${inspect(each, { depth: 20, showHidden: true })}`)
      .join();
    for (const seed of [SEED, SEED | 0].flatMap((value) => [String(value), value.toString(16)]))
      expect(printed).not.toContain(seed);
    expect(structuredClone(state)).toEqual(state);
  });
});
