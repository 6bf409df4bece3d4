import { describe, expect, it } from 'vitest';
import {
  logChiSquareTail,
  logFactorial,
  logGamma,
  logUpperGamma,
  normalBelow,
} from '../../../../src/core/statistics/gamma.js';

describe('the logarithm of the gamma function', () => {
  // 40 digits of mpmath 1.3.
  it.each([
    [0.1, 2.25271265173421],
    [0.5, 0.5723649429247],
    [1, 0],
    [1.5, -0.120782237635245],
    [2, 0],
    [3.7, 1.42807232666539],
    [16, 27.8992713838409],
    [100.5, 361.435540467778],
    [1e6, 12_815_504.5691476],
    [1e12, 26_631_021_115_915.6],
  ])('of %d is %d', (x, expected) => {
    expect(Math.abs(logGamma(x) - expected)).toBeLessThan(2e-14 * Math.max(1, Math.abs(expected)));
  });

  it('gives factorials, in and beyond the table', () => {
    let exact = 0;
    for (let k = 1; k < 3000; k++) {
      exact += Math.log(k);
      expect(Math.abs(logFactorial(k) - exact)).toBeLessThan(1e-11 * Math.max(1, exact));
    }
    expect(logFactorial(0)).toBeCloseTo(0, 14);
  });
});

describe('the chi-square tail', () => {
  /** Q(k, x) = exp(-x) sum of x^i / i! for i < k, exact for 2 k degrees of freedom (Abramowitz and Stegun 26.4.21). */
  const exactLogTail = (chiSquare: number, freedom: number): number => {
    const x = chiSquare / 2;
    let term = -x;
    const terms = [term];
    for (let i = 1; i < freedom / 2; i++) {
      term += Math.log(x / i);
      terms.push(term);
    }
    const largest = Math.max(...terms);
    return largest + Math.log(terms.reduce((sum, each) => sum + Math.exp(each - largest), 0));
  };

  it('agrees with the exact closed form for even degrees of freedom to 1e-9', () => {
    for (const freedom of [2, 4, 6, 8, 14, 30, 62, 126, 254, 510, 1022, 4094]) {
      for (const factor of [0.01, 0.1, 0.5, 0.9, 0.99, 1, 1.01, 1.1, 1.5, 2, 5, 20, 100]) {
        const chiSquare = freedom * factor;
        // The difference of logarithms is the relative error of p.
        const error = logChiSquareTail(chiSquare, freedom) - exactLogTail(chiSquare, freedom);
        expect(Math.abs(error), `${chiSquare} with ${freedom}`).toBeLessThan(1e-9);
      }
    }
  });

  // Percentage points of the chi-square distribution: Abramowitz and Stegun, table 26.8.
  it.each([
    [1, 3.84146, 0.05],
    [3, 7.81473, 0.05],
    [5, 11.0705, 0.05],
    [7, 14.0671, 0.05],
    [9, 16.919, 0.05],
    [15, 24.9958, 0.05],
    [29, 42.5569, 0.05],
    [1, 10.828, 0.001],
    [7, 24.322, 0.001],
    [3, 0.351846, 0.95],
    [7, 2.16735, 0.95],
  ])('with %d degrees of freedom beyond %d has %d, as printed', (freedom, chiSquare, p) => {
    expect(Math.abs(Math.exp(logChiSquareTail(chiSquare, freedom)) / p - 1)).toBeLessThan(3e-4);
  });

  // Odd degrees of freedom to 40 digits of mpmath 1.3: ln p, far beyond where p itself is 0 in a double.
  it.each([
    [1, 0.001, -0.0255507793559506],
    [1, 1000, -503.680666504382],
    [5, 1e6, -499980.601134804],
    [7, 4.2, -0.279086149169898],
    [127, 127, -0.727095599292751],
    [127, 3000, -1241.81696132384],
    [255, 100, -3.84174775696366e-20],
    [1023, 1100, -3.06045580983273],
    [65_533, 66_000, -2.3152149153689],
  ])('with %d degrees of freedom beyond %d is e^%d', (freedom, chiSquare, expected) => {
    expect(Math.abs(logChiSquareTail(chiSquare, freedom) - expected)).toBeLessThan(1e-9);
  });

  it.each([
    [0, 0],
    [-1, 0],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ])('of %d is certain or impossible', (x, expected) => expect(logUpperGamma(3, x)).toBe(expected));
});

// Abramowitz and Stegun, table 26.1.
it.each([
  [0, 0.5],
  [1, 0.841344746068543],
  [1.96, 0.97500210485178],
  [3, 0.99865010196837],
])('the normal distribution below %d is %d', (z, expected) => {
  expect(normalBelow(z)).toBeCloseTo(expected, 13);
});
