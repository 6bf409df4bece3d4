// Goes through the seeds of the kernel's hash, and keeps those that explain every pick it is given.
import { FORMULAS, type Formula, type Terms, type Tuple, termsOf } from './jhash.js';
import { BLOCK, createPlainSieve, type Sieve } from './sieve.js';
import { createSimdSieve } from './simd.js';

/** What one pick says of the seed: its connection's hash was in lowest ... lowest + width - 1. */
export type Clue = {
  readonly tuple: Tuple;
  readonly lowest: number;
  /** 1 where the hash itself is known; with an index of n members 2^32 / n. */
  readonly width: number;
};

/** All seeds there are. */
export const SEEDS = 2 ** 32;

/** The clue of an index: reciprocal_scale() gives it for hashes from ceil(index * 2^32 / n) on. */
export const indexClue = (tuple: Tuple, index: number, n: number): Clue => {
  const lowest = Math.ceil((index * SEEDS) / n);
  return { tuple, lowest, width: Math.ceil(((index + 1) * SEEDS) / n) - lowest };
};

/** How much a clue says, in bits: the part of all seeds that it leaves is 2^-bits. */
export const bitsOf = ({ width }: Clue): number => 32 - Math.log2(width);

/** A way to hash that explains every clue. Never printed: it is a secret of the kernel. */
export type Found = { readonly formula: Formula; readonly seed: number };

export type Search = {
  readonly clues: readonly Clue[];
  readonly formulas: readonly Formula[];
  /** Multiples of 4. */
  readonly from: number;
  readonly to: number;
};

export const createSieve = (): Sieve => createSimdSieve() ?? createPlainSieve();

/** A search in steps: yields how many seeds it has been through every so often; returns what it found, MOST_FOUND at most. */
export function* search(sieve: Sieve, wanted: Search): Generator<number, Found[]> {
  const found: Found[] = [];
  // The clues that leave least go first.
  const clues = [...wanted.clues].sort((one, other) => one.width - other.width);
  const sifts = wanted.formulas.map((formula) => ({
    formula,
    steps: clues.map((clue) => stepOf(termsOf(formula, clue.tuple), clue)),
  }));
  let untilReport = REPORT_EVERY;
  for (let first = wanted.from; first < wanted.to; first += BLOCK) {
    const count = Math.min(BLOCK, wanted.to - first);
    for (const { formula, steps } of sifts) {
      sieve.fill(first, count);
      let kept = count;
      for (let i = 0; i < steps.length && kept > 0; i++) {
        const step = steps[i];
        if (step !== undefined) kept = sieve.sift(kept, step.a, step.b, step.c, step.shift, step.most);
      }
      for (const seed of sieve.seeds.subarray(0, kept)) found.push({ formula, seed });
      if (found.length >= MOST_FOUND) return found;
    }
    untilReport -= count;
    if (untilReport > 0) continue;
    untilReport = REPORT_EVERY;
    yield first + count - wanted.from;
  }
  return found;
}

/** More than one is as good as none: no need to know them all. */
const MOST_FOUND = 2;
/** Some 30 ms of work. */
const REPORT_EVERY = 2 ** 24;

/** lowest <= jhash + add < lowest + width, as one comparison of 32-bit numbers. */
const stepOf = ({ a, b, c, add }: Terms, { lowest, width }: Clue) => ({
  a,
  b,
  c,
  shift: (add - lowest) | 0,
  most: (width - 1) | 0,
});

/** Both formulas, all seeds. */
export const everySeed = (clues: readonly Clue[], formulas: readonly Formula[] = FORMULAS): Search => ({
  clues,
  formulas,
  from: 0,
  to: SEEDS,
});
