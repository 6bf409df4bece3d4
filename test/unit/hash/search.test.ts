import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scale } from '../../../src/core/cause.js';
import { type Formula, jhash, type Tuple, termsOf } from '../../../src/hash/jhash.js';
import { bitsOf, type Clue, type Found, indexClue, type Search, search } from '../../../src/hash/search.js';
import { BLOCK, createPlainSieve, type Sieve } from '../../../src/hash/sieve.js';
import { createSimdSieve } from '../../../src/hash/simd.js';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const tuples = fc.record({
  laddr: word,
  lport: fc.integer({ min: 1, max: 65_535 }),
  raddr: word,
  rport: fc.integer({ min: 0, max: 65_535 }),
});

const SIEVES: readonly (readonly [string, () => Sieve])[] = [
  ['plain', createPlainSieve],
  [
    'vector',
    () => {
      const sieve = createSimdSieve();
      if (sieve === null) throw new Error('this machine has no vectors');
      return sieve;
    },
  ],
];

const found = (sieve: Sieve, wanted: Search): Found[] => {
  const steps = search(sieve, wanted);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

/** As many clues as say 56 bits, from different ports. */
const cluesOf = (formula: Formula, seed: number, n: number | null): Clue[] => {
  const clues: Clue[] = [];
  for (let rport = 1000, bits = 0; bits < 56; rport += 7) {
    const tuple: Tuple = { laddr: 0x0100007f, lport: 8888, raddr: 0x0700000a, rport };
    const hash = jhash(termsOf(formula, tuple), seed);
    const clue = n === null ? { tuple, lowest: hash, width: 1 } : indexClue(tuple, scale(hash, n), n);
    clues.push(clue);
    bits += bitsOf(clue);
  }
  return clues;
};

describe.each(SIEVES)('the %s sieve', (_, create) => {
  const sieve = create();

  it('keeps what jhash says it should, in order', () => {
    fc.assert(
      fc.property(
        tuples,
        word,
        word,
        word,
        fc.integer({ min: 0, max: 259 }),
        (tuple, first, shift, most, count) => {
          const terms = { ...termsOf('added', tuple), add: 0 };
          sieve.fill(first, BLOCK);
          const kept = sieve.sift(count, terms.a, terms.b, terms.c, shift | 0, most | 0);
          const expected = Array.from({ length: count }, (_, i) => (first + i) >>> 0).filter(
            (seed) => (jhash(terms, seed) + shift) % 2 ** 32 <= most,
          );
          expect([...sieve.seeds.subarray(0, kept)]).toEqual(expected);
        },
      ),
    );
  });

  it('sifts again what it kept', () => {
    const tuple = { laddr: 1, lport: 2, raddr: 3, rport: 4 };
    const { a, b, c } = termsOf('inside', tuple);
    sieve.fill(0, BLOCK);
    const half = sieve.sift(BLOCK, a, b, c, 0, 0x7fff_ffff);
    const quarter = sieve.sift(half, a, b, c, 0, 0x3fff_ffff);
    const seeds = Array.from({ length: BLOCK }, (_, i) => i);
    const expected = seeds.filter((seed) => jhash(termsOf('inside', tuple), seed) < 2 ** 30);
    expect([...sieve.seeds.subarray(0, quarter)]).toEqual(expected);
  });

  it.each([
    ['inside', 2],
    ['added', 5],
    ['added', 64],
    ['inside', null],
  ] as const)('finds the one seed, formula %s, n %s', (formula, n) => {
    const seed = 0x9e37_79b9;
    const from = seed - 9_000 - (seed % 4);
    const range = { from, to: from + 20_000 };
    const clues = cluesOf(formula, seed, n);
    expect(found(sieve, { clues, formulas: ['inside', 'added'], ...range })).toEqual([{ formula, seed }]);
  });

  it('finds the first and the last of all seeds', () => {
    for (const [seed, from] of [
      [0, 0],
      [2 ** 32 - 1, 2 ** 32 - 4096 * 2],
    ] as const) {
      const clues = cluesOf('added', seed, 7);
      expect(found(sieve, { clues, formulas: ['added'], from, to: from + 8192 })).toEqual([
        { formula: 'added', seed },
      ]);
    }
  });

  it('finds none where a pick went elsewhere', () => {
    const [first, ...others] = cluesOf('added', 4711, 5);
    if (first === undefined) throw new Error('no clue');
    const clues = [...others, { ...first, lowest: (first.lowest + 2 ** 31) % 2 ** 32 }];
    expect(found(sieve, { clues, formulas: ['inside', 'added'], from: 0, to: 8192 })).toEqual([]);
  });
});

describe('indexClue', () => {
  it('holds exactly the hashes that scale to the index', () => {
    const tuple = { laddr: 1, lport: 2, raddr: 3, rport: 4 };
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 65_535 }), fc.nat(), (n, any) => {
        const index = any % n;
        const { lowest, width } = indexClue(tuple, index, n);
        expect([lowest, lowest + width - 1].map((hash) => scale(hash, n))).toEqual([index, index]);
        if (index > 0) expect(scale(lowest - 1, n)).toBe(index - 1);
        if (index < n - 1) expect(scale(lowest + width, n)).toBe(index + 1);
      }),
    );
  });

  it('says log2 n bits', () => {
    const tuple = { laddr: 1, lport: 2, raddr: 3, rport: 4 };
    expect(bitsOf(indexClue(tuple, 3, 8))).toBe(3);
    expect(bitsOf({ tuple, lowest: 5, width: 1 })).toBe(32);
  });
});
