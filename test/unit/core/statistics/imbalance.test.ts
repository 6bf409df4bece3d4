import { describe, expect, it } from 'vitest';
import {
  connectionsForPower,
  expectedLargest,
  formatP,
  judge,
  largestNormal,
} from '../../../../src/core/statistics/imbalance.js';
import { addPicks, createRandom } from '../../random.js';

const evenly = (n: number, each: number): number[] => new Array<number>(n).fill(each);

describe('the verdict on counts', () => {
  it.each<[string, number[], string]>([
    [
      'luck',
      [41, 33, 28, 27, 30, 30, 30, 21],
      '8 workers, 240 connections: a largest share of 41 is ordinary, p = 0.38',
    ],
    [
      'equal counts',
      evenly(4, 1000),
      '4 workers, 4,000 connections: a largest share of 1,000 is ordinary, p = 1.00',
    ],
    [
      'one member that is picked too often',
      [690, 240, 250, 240, 245, 235, 250, 250],
      '8 workers, 2,400 connections: a largest share of 690 is 2.30x fair, p = 5e-121',
    ],
    [
      'one member that is never picked',
      [0, 300, 300, 300, 300],
      '5 workers, 1,200 connections: a smallest share of 0 is 0.00x fair, p = 1e-63',
    ],
    [
      'one member that gets all',
      [1_000_000, 0],
      '2 workers, 1.0M connections: a largest share of 1.0M is 2.00x fair, p = 5e-217151',
    ],
    [
      'a difference that only a large sample shows',
      [500_000, 505_000, 495_000, 500_000],
      '4 workers, 2.0M connections: more than chance, p = 2e-21, but no share beyond 1.01x fair',
    ],
    [
      'too few',
      [3, 4, 9, 2, 1, 0, 0, 0],
      '8 workers, 19 connections: too few to judge, 21 more for any verdict, 487 for 1.5x',
    ],
    [
      'none',
      evenly(3, 0),
      '3 workers, 0 connections: too few to judge, 15 more for any verdict, 103 for 1.5x',
    ],
  ])('on %s', (_, counts, expected) => expect(judge(counts)?.text).toBe(expected));

  it('is none on one member, or on nobody', () => {
    expect([judge([]), judge([100])]).toEqual([null, null]);
  });

  it('says of how many connections it knows', () => {
    expect(judge([20, 20], 100)?.text).toBe(
      '2 workers, 40 of 100 connections at this n: a largest share of 20 is ordinary, p = 1.00',
    );
  });

  it('has the numbers behind it', () => {
    // Pearson: (3^2 + 4^2 + 9^2) / (16 / 3) - 16 = 3.875; with two degrees of freedom p = exp(-3.875 / 2).
    const verdict = judge([3, 4, 9]);
    expect(verdict).toMatchObject({ kind: 'ordinary', largest: 9, smallest: 3, needed: 0, connections: 16 });
    expect(verdict?.chiSquare).toBeCloseTo(3.875, 12);
    expect(verdict?.logP).toBeCloseTo(-1.9375, 12);
  });

  it('calls one healthy group in a thousand more than ordinary, not more', () => {
    const random = createRandom(4);
    let beyond = 0;
    for (let group = 0; group < 4000; group++) {
      const verdict = judge(addPicks(evenly(8, 0), 400, evenly(8, 1), random));
      if (verdict?.kind !== 'ordinary') beyond++;
    }
    expect(beyond).toBeLessThanOrEqual(10);
  });
});

describe('the largest count that chance gives', () => {
  // Tippett, Biometrika 17 (1925): half of the mean range of n normals.
  it.each([
    [2, 0.56419],
    [3, 0.84628],
    [5, 1.16296],
    [10, 1.53875],
    [100, 2.50759],
  ])('of %d normals is %d', (n, expected) => expect(largestNormal(n)).toBeCloseTo(expected, 5));

  it.each([
    [2, 5],
    [2, 100],
    [3, 5],
    [8, 5],
    [8, 30],
    [32, 5],
    [128, 5],
    [128, 20],
  ])('of %d members with %d each is that of a simulation, within 2 %', (n, each) => {
    const random = createRandom(n * each);
    const trials = 1500;
    let sum = 0;
    for (let trial = 0; trial < trials; trial++) {
      const counts = evenly(n, 0);
      for (let k = 0; k < n * each; k++) {
        const index = Math.floor(random() * n);
        counts[index] = (counts[index] ?? 0) + 1;
      }
      sum += Math.max(...counts);
    }
    expect(Math.abs(expectedLargest(n, n * each) / (sum / trials) - 1)).toBeLessThan(0.02);
  });

  it.each([
    [1, 7, 7],
    [4, 0, 0],
    [8, 1, 1],
  ])('of %d members with %d connections is %d', (n, connections, expected) =>
    expect(expectedLargest(n, connections)).toBe(expected),
  );
});

// l (n - 1) / 0.25 with the exact noncentrality l of scipy 1.17 (ncx2), for 5 % and nine of ten.
it.each([
  [2, 10.507],
  [4, 14.171],
  [8, 18.284],
  [16, 23.583],
  [128, 54.576],
])('with %d workers the connections that show a share of 1.5x are close to exact', (n, exact) => {
  expect(Math.abs(connectionsForPower(n, 1.5) / ((exact * (n - 1)) / 0.25) - 1)).toBeLessThan(0.075);
});

it.each([
  [0, 'p = 1.00'],
  [Math.log(0.384), 'p = 0.38'],
  [Math.log(0.0042), 'p = 0.0042'],
  [Math.log(0.001), 'p = 0.001'],
  [Math.log(3.2e-17), 'p = 3e-17'],
  [-10_000, 'p = 1e-4343'],
])('ln p of %d is written %s', (logP, expected) => expect(formatP(logP)).toBe(expected));
