// How fast seeds of the kernel's hash are tried: by functions over numbers, typed loops, vectors, and vectors in two threads, beside each
// other in one run; and how long it takes to learn a seed from the picks of groups of 2, 4 and 64.
//
// USAGE: node dist/test/bench/hash.js [--try]     needs no root
import { randomInt } from 'node:crypto';
import { scale } from '../../src/core/cause.js';
import { startHunt } from '../../src/hash/hunt.js';
import { FORMULAS, jhash, type Tuple, termsOf } from '../../src/hash/jhash.js';
import { bitsOf, type Clue, indexClue, SEEDS, search } from '../../src/hash/search.js';
import { createPlainSieve, type Sieve } from '../../src/hash/sieve.js';
import { createSimdSieve } from '../../src/hash/simd.js';
import { type Figure, isTry, median, report, spread } from './figure.js';

/** Seeds that each way is timed over, with one formula. */
const TIMED = isTry ? 2 ** 20 : 2 ** 26;
const ROUNDS = isTry ? 1 : 5;
/** What the function over numbers took where the search was first tried. */
const GOAL_FACTOR = 4;

const seed = randomInt(SEEDS / 2, SEEDS);

/** Picks of a group of n that say 56 bits; with `hasHash` their hashes. */
const cluesOf = (n: number, hasHash: boolean): Clue[] => {
  const clues: Clue[] = [];
  for (let rport = 0, bits = 0; bits < 56; rport++) {
    const tuple: Tuple = { laddr: 0x0100_007f, lport: 8888, raddr: 0x0700_000a, rport };
    const hash = jhash(termsOf('added', tuple), seed);
    const clue = hasHash ? { tuple, lowest: hash, width: 1 } : indexClue(tuple, scale(hash, n), n);
    clues.push(clue);
    bits += bitsOf(clue);
  }
  return clues;
};

/** Nanoseconds of CPU for each of TIMED seeds. */
const nsPerSeed = (run: () => void): number => {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / TIMED;
};

const sifted = (sieve: Sieve, clues: readonly Clue[]): void => {
  const steps = search(sieve, { clues, formulas: ['added'], from: 0, to: TIMED });
  while (steps.next().done !== true);
};

/** As one writes it down first. */
const byFunctions = (clues: readonly Clue[], n: number): number => {
  const wanted = clues.map(({ tuple, lowest }) => ({
    terms: termsOf('added', tuple),
    index: scale(lowest, n),
  }));
  let found = 0;
  for (let tried = 0; tried < TIMED; tried++)
    if (wanted.every(({ terms, index }) => Math.floor((jhash(terms, tried) * n) / SEEDS) === index)) found++;
  return found;
};

const N = 5;
const clues = cluesOf(N, false);
const simd = createSimdSieve();
const ways = [
  { what: 'functions over numbers', run: () => byFunctions(clues, N) },
  { what: 'typed loops', run: () => sifted(createPlainSieve(), clues) },
  ...(simd === null ? [] : [{ what: 'vectors', run: () => sifted(simd, clues) }]),
];
const times = ways.map(() => [] as number[]);
for (const { run } of ways) run();
for (let round = 0; round < ROUNDS; round++)
  for (const [index, { run }] of ways.entries()) times[index]?.push(nsPerSeed(() => run()));
const figures: Figure[] = ways.map(({ what }, index) => ({
  what: `a seed, one formula, group of ${N}, one core: ${what}`,
  value: median(times[index] ?? []),
  unit: 'ns of CPU',
  note: spread(times[index] ?? []),
}));
const best = Math.min(...figures.slice(1).map(({ value }) => value));
figures.push({
  what: 'times as fast as functions over numbers, on one core',
  value: (figures[0]?.value ?? Number.NaN) / best,
  unit: '',
  goal: { above: GOAL_FACTOR },
});

/** All seeds and both formulas, in threads beside this one. */
const learn = async (what: string, threads: number, picks: readonly Clue[]): Promise<void> => {
  const began = performance.now();
  const before = process.cpuUsage();
  const hunt = startHunt(threads)(picks, FORMULAS);
  hunt.hold();
  const found = await hunt.found;
  const { user, system } = process.cpuUsage(before);
  if (found.length !== 1 || found[0]?.seed !== seed) throw new Error('it found another seed, or none');
  const cpu = (user + system) / 1e6;
  figures.push(
    { what: `to learn from ${what}`, value: (performance.now() - began) / 1000, unit: 's' },
    { what: `to learn from ${what}`, value: cpu, unit: 's of CPU' },
  );
};

if (!isTry) {
  for (const n of [2, 4, 64]) {
    const picks = cluesOf(n, false);
    await learn(`${picks.length} indexes of a group of ${n}`, 1, picks);
  }
  await learn('two hashes', 1, cluesOf(2, true));
  await learn(`${clues.length} indexes of a group of ${N}, two threads`, 2, clues);
}
report('hash', figures);
