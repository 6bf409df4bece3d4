import { describe, expect, it } from 'vitest';
import { scale } from '../../../src/core/cause.js';
import type { Event, PickEvent } from '../../../src/core/event.js';
import type { State } from '../../../src/core/state/state.js';
import { tupleOf } from '../../../src/hash/jhash.js';
import { createLearner } from '../../../src/hash/learner.js';
import { dialledOf, type Judgement, judge } from '../../../src/hash/predict.js';
import { close, meta, NETNS, slot } from '../events.js';
import { createHunter, groupOf, hashOf, picked, slots, worldOf } from './world.js';

const many = (count: number, make: (i: number) => PickEvent): Event[] =>
  Array.from({ length: count }, (_, i) => make(i));

const judged = async (state: State): Promise<Judgement> => {
  const learner = createLearner(createHunter().start, () => undefined);
  for (let i = 0; i < 10; i++) {
    const judgement = judge(state, groupOf(state), learner);
    if (judgement.kind !== 'pending' || learner.look(state, groupOf(state)).kind !== 'searching')
      return judgement;
    await learner.settled();
  }
  throw new Error('it goes on searching');
};

const whyNot = async (state: State): Promise<string> => {
  const judgement = await judged(state);
  if (judgement.kind === 'ready') throw new Error('it predicts');
  return `${judgement.kind}: ${judgement.why}`;
};

const tupleOfPick = (pick: PickEvent) => {
  const tuple = tupleOf(pick);
  if (tuple === null) throw new Error('no tuple');
  return tuple;
};

describe('judge', () => {
  it.each([2, 3, 5, 8])(
    'tells the member of any connection to a group of %i, and with other numbers',
    async (n) => {
      const judgement = await judged(worldOf(...slots(n), ...many(60, (i) => picked(n, i))));
      if (judgement.kind !== 'ready') throw new Error(judgement.why);
      const { oracle } = judgement;
      expect(oracle.members.map(({ ino }) => ino)).toEqual(Array.from({ length: n }, (_, i) => i + 1));
      for (let i = 1000; i < 2000; i++) {
        const pick = picked(n, i);
        expect(oracle.indexOf(tupleOfPick(pick))).toBe(pick.index);
        expect(oracle.indexOf(tupleOfPick(pick), n + 1)).toBe(scale(hashOf(pick), n + 1));
      }
    },
  );

  it('goes by the order that the kernel has once a member left', async () => {
    const left = slot(1, 0, 5);
    const state = worldOf(...slots(5), ...many(60, (i) => picked(5, i)), close(left.ino, 6));
    const judgement = await judged(state);
    if (judgement.kind !== 'ready') throw new Error(judgement.why);
    // The last moved into the hole.
    expect(judgement.oracle.members.map(({ ino }) => ino)).toEqual([5, 2, 3, 4]);
  });

  it('says that the only member gets everything, without a hash', async () => {
    const judgement = await judged(worldOf(...slots(1)));
    if (judgement.kind !== 'ready') throw new Error(judgement.why);
    const tuple = tupleOfPick(picked(1, 1));
    expect([judgement.oracle.indexOf(tuple), judgement.oracle.indexOf(tuple, 2)]).toEqual([0, null]);
  });

  it('says how many picks are missing', async () => {
    expect(await whyNot(worldOf(...slots(4), ...many(20, (i) => picked(4, i))))).toBe(
      'pending: 8 more picks are needed to learn the hash',
    );
    expect(await whyNot(worldOf(...slots(2), ...many(55, (i) => picked(2, i))))).toBe(
      'pending: 1 more pick is needed to learn the hash',
    );
  });

  it('wants picks of the group itself where the hash was learned from another', async () => {
    const other = (i: number) => picked(5, i, { lport: 9999 });
    const events = [
      ...slots(4),
      ...slots(5, { lport: 9999 }).map((each, i) => ({ ...each, ino: 100 + i }) as Event),
    ];
    const others = many(60, (i) => ({ ...other(i), ino: 99 + other(i).ino }));
    expect(await whyNot(worldOf(...events, ...others))).toBe(
      'pending: 5 more picks are needed to see that the hash decides in this group',
    );
    const own = many(5, (i) => picked(4, 100 + i));
    expect((await judged(worldOf(...events, ...others, ...own))).kind).toBe('ready');
  });

  it('predicts nothing where some picks went elsewhere', async () => {
    const steered = (i: number): PickEvent => {
      const pick = picked(4, i);
      return i % 40 === 0 ? { ...pick, index: ((pick.index ?? 0) + 1) % 4 } : pick;
    };
    expect(await whyNot(worldOf(...slots(4), ...many(200, steered)))).toBe(
      'never: of its last 200 picks 5 went elsewhere than the hash says: SO_INCOMING_CPU or a program decides at times',
    );
  });

  it('predicts nothing where SO_INCOMING_CPU decides', async () => {
    const all = many(200, (i) => ({ ...picked(4, i), index: 2, ino: 3 }));
    expect(await whyNot(worldOf(...slots(4), ...all))).toBe(
      'never: no seed explains 84 picks of it: not the hash alone decides (SO_INCOMING_CPU, or a program now and then)',
    );
  });

  it('predicts nothing where the kernel named another cause, though the index is that of the hash', async () => {
    const told = (i: number): PickEvent => ({
      ...picked(4, i),
      hash: hashOf(picked(4, i)),
      cause: i === 7 ? 'incoming-cpu' : 'hash',
    });
    expect(await whyNot(worldOf(meta({ rung: 'fentry' }), ...slots(4), ...many(10, told)))).toMatch(
      /^never: of its last 10 picks 1 went/,
    );
  });

  it('predicts with two picks whose hash and cause were told', async () => {
    const told = (i: number): PickEvent => ({ ...picked(2, i), hash: hashOf(picked(2, i)), cause: 'hash' });
    expect((await judged(worldOf(meta({ rung: 'fentry' }), ...slots(2), ...many(2, told)))).kind).toBe(
      'ready',
    );
  });

  it.each([
    [
      'a program',
      [...slots(4), { kind: 'program', tsNs: 0, ino: 1, type: 21, id: 81, name: 'quic' } as Event],
      `never: not the hash decides, but the group's sk_reuseport program id 81 "quic"`,
    ],
    [
      'an sk_lookup program',
      [...slots(4), { kind: 'lookup', tsNs: 0, netns: NETNS, place: 0, id: 9, name: 'x' } as Event],
      'never: an sk_lookup program of its network namespace is asked before the hash',
    ],
    [
      'IPv6',
      [slot(1, 0, 2, { laddr: 'fd00::1' })],
      'never: the hash of IPv6 has two seeds, which cannot be learned in reasonable time',
    ],
    [
      'UDP on the tracepoint rung',
      [slot(1, 0, 2, { proto: 'udp' })],
      'never: of UDP the tracepoint rung sees neither datagrams nor their clients',
    ],
    [
      'a listener alone',
      [slot(1, null, 0)],
      'never: a listener there is in no SO_REUSEPORT group, so nothing is chosen',
    ],
  ] as const)('says why not of %s', async (_, events, why) => {
    expect(await whyNot(worldOf(...events))).toBe(why);
  });

  it('waits for a member whose index is not known', async () => {
    const state = worldOf(
      ...slots(4).slice(1),
      ...many(60, (i) => picked(4, i)).filter((pick) => pick.kind === 'pick' && pick.index !== 0),
    );
    expect(await whyNot(state)).toBe('pending: the index of a member is not known yet: the next picks tell');
  });
});

describe('dialledOf', () => {
  it('is the address of the group, or the one that its clients dial', () => {
    const state = worldOf(...slots(4), ...many(3, (i) => picked(4, i, { laddr: '10.0.0.5' })));
    expect(dialledOf(state, groupOf(state), null)).toBe('10.0.0.5');
    expect(dialledOf(state, { ...groupOf(state), laddr: '10.0.0.9' }, null)).toBe('10.0.0.9');
  });

  it('is that of the client where there are several', () => {
    const state = worldOf(
      ...slots(4),
      picked(4, 1, { laddr: '10.0.0.5', raddr: '10.0.0.7' }),
      picked(4, 2, { laddr: '10.0.0.6', raddr: '10.0.0.8' }),
    );
    expect(
      ['10.0.0.7', '10.0.0.8', '10.0.0.9'].map((raddr) => dialledOf(state, groupOf(state), raddr)),
    ).toEqual(['10.0.0.5', '10.0.0.6', null]);
  });
});
