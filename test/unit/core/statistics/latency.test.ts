import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countBelow, createLatency, quantile, record } from '../../../../src/core/statistics/latency.js';

const of = (...waits: readonly number[]) => {
  const latency = createLatency();
  for (const wait of waits) record(latency, wait);
  return latency;
};

describe('quantiles', () => {
  it('has none of nothing', () => expect(quantile(createLatency(), 0.5)).toBeNull());

  it.each([
    ['one wait is every quantile', [5_000_000], 0.5, 5_000_000],
    ['one wait of zero', [0], 0.99, 0],
    ['a clock that ran backwards counts as zero', [-40], 0.5, 0],
    ['equal waits', [700_000, 700_000, 700_000], 0.5, 700_000],
    // 2^20 lies at the lower edge of a bucket that ends at 2^20 + 2^16.
    ['the median is the upper edge of its bucket', [2 ** 20, 2 ** 30, 2 ** 30], 0.3, 2 ** 20 + 2 ** 16],
    ['the largest is exact', [1, 2 ** 30 + 12_345], 1, 2 ** 30 + 12_345],
    ['a wait of hours', [1, 2, 9e12], 1, 9e12],
    ['q of 0 is the smallest', [2 ** 20, 2 ** 25], 0, 2 ** 20 + 2 ** 16],
  ])('%s', (_, waits, q, expected) => expect(quantile(of(...waits), q)).toBe(expected));

  it('is at most a sixteenth above the true nearest-rank quantile, from 1 us to 2 minutes', () => {
    const waits = fc.array(fc.integer({ min: 1024, max: 120_000_000_000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(waits, fc.double({ min: 0, max: 1, noNaN: true }), (list, q) => {
        const sorted = [...list].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * list.length)) - 1] ?? 0;
        const found = quantile(of(...list), q) ?? -1;
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * (1 + 1 / 16));
      }),
    );
  });
});

describe('sums', () => {
  it('keeps count, maximum and sum exactly', () => {
    const { count, maxNs, sumNs } = of(3, 5_000, 7e9, -1);
    expect({ count, maxNs, sumNs }).toEqual({ count: 4, maxNs: 7e9, sumNs: 7_000_005_003 });
  });

  it.each([
    [2 ** 10, 1],
    [2 ** 20, 2],
    [2 ** 30, 3],
    [2 ** 40, 4],
  ])('counts exactly what lies below the power of two %i', (edge, expected) =>
    expect(countBelow(of(2 ** 10 - 1, 2 ** 20 - 1, 2 ** 30 - 1, 2 ** 30), edge)).toBe(expected),
  );
});
