// A sieve for seeds: those that explain a pick stay. Here in plain loops, for machines without the vectors of simd.ts.

export type Sieve = {
  /** The seeds that are being sifted, and those that stayed, from its beginning on. */
  readonly seeds: Uint32Array;
  /** Puts the seeds first, first + 1, ... into `seeds`; count: a multiple of 4. */
  readonly fill: (first: number, count: number) => void;
  /**
   * Of the first `count` seeds keeps, in order, those with jhash_3words of a, b and c (jhash.ts: Terms) plus shift at most
   * `most`, all as 32-bit numbers without sign. Returns how many.
   */
  readonly sift: (count: number, a: number, b: number, c: number, shift: number, most: number) => number;
};

/** Seeds at a time: what a processor's first cache holds. */
export const BLOCK = 4096;

export const createPlainSieve = (): Sieve => {
  const seeds = new Uint32Array(BLOCK);
  return {
    seeds,
    fill: (first, count) => {
      for (let i = 0; i < count; i++) seeds[i] = first + i;
    },
    sift: (count, a, b, c, shift, most) => {
      const limit = most >>> 0;
      let kept = 0;
      for (let i = 0; i < count; i++) {
        const seed = (seeds[i] ?? 0) | 0;
        let x = (a + seed) | 0;
        let y = (b + seed) | 0;
        let z = (c + seed) | 0;
        // As jhash.ts, written out: a call would cost more than the arithmetic.
        z = ((z ^ y) - ((y << 14) | (y >>> 18))) | 0;
        x = ((x ^ z) - ((z << 11) | (z >>> 21))) | 0;
        y = ((y ^ x) - ((x << 25) | (x >>> 7))) | 0;
        z = ((z ^ y) - ((y << 16) | (y >>> 16))) | 0;
        x = ((x ^ z) - ((z << 4) | (z >>> 28))) | 0;
        y = ((y ^ x) - ((x << 14) | (x >>> 18))) | 0;
        z = ((z ^ y) - ((y << 24) | (y >>> 8))) | 0;
        // Always stored: a branch would be guessed wrongly half of the time.
        seeds[kept] = seed;
        kept += Number((z + shift) >>> 0 <= limit);
      }
      return kept;
    },
  };
};
