// Chance for tests that is the same on every run: mulberry32 of Tommy Ettinger, and clients that a hash spreads.

/** Numbers from 0 to below 1. */
export const createRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Adds connections to the counts, each member's chance in proportion to its weight. */
export const addPicks = (
  counts: readonly number[],
  connections: number,
  weights: readonly number[],
  random: () => number,
): number[] => {
  const next = [...counts];
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  for (let k = 0; k < connections; k++) {
    let left = random() * all;
    let index = 0;
    for (; index < weights.length - 1; index++) {
      left -= weights[index] ?? 0;
      if (left < 0) break;
    }
    next[index] = (next[index] ?? 0) + 1;
  }
  return next;
};
