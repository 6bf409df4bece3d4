import { describe, expect, it } from 'vitest';
import {
  createFairness,
  type Fairness,
  look,
  mostPicks,
  weigh,
} from '../../../../src/core/statistics/fairness.js';
import { addPicks, createRandom } from '../../random.js';

const evenly = (n: number, each: number): number[] => new Array<number>(n).fill(each);
const inos = (n: number): number[] => Array.from({ length: n }, (_, i) => 100 + i);

/** A group that is looked at once a second. */
const createWatch = (n: number, seed = 1) => {
  const fairness = createFairness();
  const random = createRandom(seed);
  let [counts, second] = [evenly(n, 0), 0];
  look(fairness, inos(n), counts, 0);
  return {
    fairness,
    second: () => second,
    /** Goes on for so many seconds; returns how often an alarm began or ended. */
    run: (seconds: number, perSecond: number, weights: readonly number[] = evenly(n, 1)): number => {
      let changes = 0;
      for (let i = 0; i < seconds; i++) {
        const before = fairness.alarm;
        counts = addPicks(counts, perSecond, weights, random);
        second++;
        look(fairness, inos(n), counts, second * 1e9);
        if ((before === null) !== (fairness.alarm === null)) changes++;
      }
      return changes;
    },
  };
};

/** One member, that at index 3, at `ratio` times its fair share; the others share the rest. */
const oneAt = (ratio: number, n: number): number[] =>
  evenly(n, (n - ratio) / (n - 1)).map((each, i) => (i === 3 ? ratio : each));

describe('the evidence of a window', () => {
  it.each<[string, number[], ReturnType<typeof weigh>]>([
    // All 30 to one of two: 2^30 times the integral of p^30 is 2^30 / 31, and half of the weight.
    ['one of two has all', [30, 0], { accused: 0, isMore: true, evidence: Math.log(2 ** 30 / 31 / 2) }],
    // By hand: 5^80 4! 40! 10!^4 / 84! / 2.
    [
      'one of five has half',
      [10, 40, 10, 10, 10],
      { accused: 1, isMore: true, evidence: 12.916738953983964 },
    ],
    // One alone weighs more: scipy 1.17, betaln(1, 63 + 640) - betaln(1, 63) - 640 ln(1 - 1/64) - ln 64 - ln 2.
    [
      'one of 64 has nothing',
      [...evenly(63, 10), 0],
      {
        accused: 63,
        isMore: false,
        evidence: Math.log(63 / (63 + 630)) - 630 * Math.log1p(-1 / 64) - Math.log(64) - Math.LN2,
      },
    ],
  ])('when %s', (_, counts, expected) => {
    const found = weigh(counts, evenly(counts.length, 0));
    expect(found).toMatchObject({ accused: expected?.accused, isMore: expected?.isMore });
    expect(found?.evidence).toBeCloseTo(expected?.evidence ?? Number.NaN, 9);
  });

  it.each<[string, number[]]>([
    ['nobody', []],
    ['one member', [1000]],
    ['no picks', [0, 0, 0]],
    ['equal counts', [50, 50, 50]],
    ['fewer picks than anybody would balance', [29, 0]],
    ['shares that differ beyond any chance, but not by half', [1_400_000, 1_000_000, 1_000_000]],
  ])('is none for %s', (_, counts) => expect(weigh(counts, evenly(counts.length, 0))).toBeNull());

  it('is finite for more picks than a year has', () => {
    const window = weigh([9e12, 1e12, 1e12], [0, 0, 0]);
    expect(window?.accused).toBe(0);
    expect(Number.isFinite(window?.evidence)).toBe(true);
  });

  it('reaches x in a healthy group at most once in x runs, although one looks after every pick', () => {
    // Ville: P(sup E >= 20) <= 0.05. 2,000 runs of up to 400 picks; 5 % and three standard errors are 129.
    const random = createRandom(9);
    let reached = 0;
    for (let run = 0; run < 2000; run++) {
      const counts = evenly(4, 0);
      for (let k = 0; k < 400; k++) {
        const index = Math.floor(random() * 4);
        counts[index] = (counts[index] ?? 0) + 1;
        if ((weigh(counts, [0, 0, 0, 0])?.evidence ?? 0) < Math.log(20)) continue;
        reached++;
        break;
      }
    }
    expect(reached).toBeLessThan(129);
    expect(reached).toBeGreaterThan(0);
  });
});

describe('a group that is looked at every second', () => {
  it.each([
    [2, 50],
    [8, 3],
    [8, 100],
    [64, 40],
  ])('of %d members and %d connections a second gives no alarm in two healthy hours', (n, perSecond) => {
    const watch = createWatch(n);
    expect(watch.run(7200, perSecond)).toBe(0);
  });

  it('gives one when all goes to one member', () => {
    const watch = createWatch(4);
    expect(watch.run(1, 30, [0, 0, 1, 0])).toBe(1);
    expect(watch.fairness.alarm).toMatchObject({ accused: 2, isMore: true });
  });

  it('gives one when a member is never picked', () => {
    const watch = createWatch(16);
    watch.run(60, 20, [...evenly(7, 1), 0, ...evenly(8, 1)]);
    expect(watch.fairness.alarm).toMatchObject({ accused: 7, isMore: false, tsNs: expect.any(Number) });
  });

  it('finds a skew that begins after three healthy hours within a minute, and when it began', () => {
    const watch = createWatch(8);
    expect(watch.run(10_803, 40)).toBe(0);
    expect(watch.run(60, 40, oneAt(2, 8))).toBe(1);
    const { accused, isMore, fromNs = 0 } = watch.fairness.alarm ?? {};
    expect([accused, isMore]).toEqual([3, true]);
    expect(Math.abs(fromNs / 1e9 - 10_803)).toBeLessThan(60);
  });

  it('keeps its alarm while the skew is there or nearly, and clears it once when it has gone', () => {
    const watch = createWatch(8);
    expect(watch.run(60, 100, oneAt(2, 8))).toBe(1);
    expect(watch.run(600, 100, oneAt(2, 8))).toBe(0);
    // 1.35x: less than raises an alarm, more than clears one.
    expect(watch.run(600, 100, oneAt(1.35, 8))).toBe(0);
    expect(watch.run(60, 100)).toBe(1);
    expect(watch.fairness.alarm).toBeNull();
    expect(watch.run(3600, 100)).toBe(0);
  });

  it('clears one of a member that got nothing, too', () => {
    const watch = createWatch(8);
    expect(watch.run(60, 100, [0, ...evenly(7, 1)])).toBe(1);
    expect(watch.run(60, 100)).toBe(1);
    expect(watch.fairness.alarm).toBeNull();
  });

  it('has few windows however long it is watched, and none more while nobody connects', () => {
    const watch = createWatch(3);
    watch.run(100_000, 1);
    const marks = watch.fairness.marks.length;
    expect(marks).toBeLessThan(40);
    watch.run(1000, 0);
    expect(watch.fairness.marks.length).toBe(marks);
  });
});

describe('what must not break it', () => {
  const lookAt = (looks: readonly (readonly [number, readonly number[], readonly number[]])[]): Fairness => {
    const fairness = createFairness();
    for (const [seconds, members, counts] of looks) look(fairness, members, counts, seconds * 1e9);
    return fairness;
  };

  it('members that come or go: their counts are of another n', () => {
    const joined = lookAt([
      [0, [1, 2], [0, 0]],
      [1, [1, 2], [5000, 5000]],
      [2, [1, 2, 3], [5000, 5000, 0]],
      [3, [1, 2, 3], [5030, 5030, 30]],
    ]);
    expect(joined.alarm).toBeNull();
    expect(mostPicks(joined, [1, 2, 3], [5030, 5030, 30])).toEqual([5000, 5000]);
    const exchanged = lookAt([
      [0, [1, 2], [0, 0]],
      [1, [1, 3], [5000, 0]],
      [2, [1, 3], [5100, 100]],
    ]);
    expect(exchanged.alarm).toBeNull();
    expect(mostPicks(exchanged, [1, 3], [5150, 160])).toEqual([150, 160]);
  });

  it('an alarm when members come or go: it is of another n', () => {
    const before = [
      [0, [1, 2], [0, 0]],
      [1, [1, 2], [100, 0]],
    ] as const;
    expect(lookAt(before).alarm).not.toBeNull();
    expect(lookAt([...before, [2, [1], [101]]]).alarm).toBeNull();
  });

  it('counters that go back', () => {
    const fairness = lookAt([
      [0, [1, 2], [0, 0]],
      [1, [1, 2], [100, 0]],
      [2, [1, 2], [3, 0]],
      [3, [1, 2], [10, 9]],
    ]);
    expect(fairness.alarm).toBeNull();
    expect(mostPicks(fairness, [1, 2], [10, 9])).toEqual([7, 9]);
  });

  it.each<[string, readonly number[]]>([
    ['one member', [1]],
    ['nobody', []],
  ])('%s', (_, members) => {
    const counts = members.map(() => 1000);
    const fairness = lookAt([
      [0, members, counts.map(() => 0)],
      [1, members, counts],
      [2, members, counts],
    ]);
    expect([fairness.alarm, mostPicks(fairness, members, counts)]).toEqual([null, []]);
  });

  it('a computer that slept: many healthy picks in one look, no larger part of the alarm rate', () => {
    const fairness = lookAt([
      [0, [1, 2], [0, 0]],
      [1, [1, 2], [10, 12]],
      [90_000, [1, 2], [5010, 5032]],
    ]);
    expect(fairness.alarm).toBeNull();
    expect(fairness.marks.map(({ seconds }) => seconds)).toEqual([10, 10]);
  });

  it('members that come and go every second: each begins with the alarm rate of one second', () => {
    const fairness = createFairness();
    for (let i = 0; i < 100; i++) look(fairness, [1, 100 + i], [i, 0], i * 1e9);
    expect(fairness.marks.map(({ seconds }) => seconds)).toEqual([1]);
  });
});
