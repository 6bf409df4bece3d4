// How uneven a set of counts is and what chance alone would do: one look at plain numbers, it knows no time and no group.
import { formatCount } from '../text/format.js';
import { logChiSquareTail, normalBelow } from './gamma.js';

/**
 * Shares that matter, as multiples of the fair share 1/n. Half as much again (or half) is where a worker of a server
 * sized for twice its load comes to its limit; below that a large sample rejects fairness without anybody caring.
 */
export const LARGE = 1.5;
export const SMALL = 0.5;

/** Expected connections per worker below which the chi-square tail is not to be trusted (Cochran, Biometrics 10, 1954). */
const COCHRAN = 5;
/** A summary speaks of more than chance in one healthy run of a thousand: it is a single look, and many are made. */
const LOG_ALPHA = Math.log(0.001);

export type Verdict = {
  /** few = too few connections to judge; slight = more than chance, less than matters. */
  readonly kind: 'few' | 'ordinary' | 'slight' | 'skewed';
  readonly workers: number;
  readonly connections: number;
  /** Connections of the most and of the least picked worker. */
  readonly largest: number;
  readonly smallest: number;
  /** What the most picked worker of a fair group has on average. */
  readonly expectedLargest: number;
  /** Pearson's sum of (count - fair)^2 / fair, and ln of the chance of one as large, with workers - 1 degrees of freedom. */
  readonly chiSquare: number;
  readonly logP: number;
  /** Connections still needed for a verdict; 0 = there is one. */
  readonly needed: number;
  /** Connections in all with which nine of ten groups that have one worker at 1.5x are told from fair ones. */
  readonly forPower: number;
  /** One sentence with the numbers. */
  readonly text: string;
};

/**
 * Judges the counts of the members of one group, which a fair hash makes multinomial; null with fewer than two.
 * allConnections is said where these are not all: others came while the members were different ones.
 */
export const judge = (counts: readonly number[], allConnections?: number): Verdict | null => {
  const workers = counts.length;
  if (workers < 2) return null;
  const connections = counts.reduce((sum, count) => sum + count, 0);
  const fair = connections / workers;
  const chiSquare = fair === 0 ? 0 : counts.reduce((sum, count) => sum + (count - fair) ** 2 / fair, 0);
  const logP = logChiSquareTail(chiSquare, workers - 1);
  const [smallest, largest] = extremes(counts);
  const needed = Math.max(0, COCHRAN * workers - connections);
  const isBeyondChance = logP < LOG_ALPHA;
  const isMuch = largest > LARGE * fair || smallest < SMALL * fair;
  const numbers = {
    kind: needed > 0 ? 'few' : !isBeyondChance ? 'ordinary' : isMuch ? 'skewed' : 'slight',
    workers,
    connections,
    largest,
    smallest,
    expectedLargest: expectedLargest(workers, connections),
    chiSquare,
    logP,
    needed,
    forPower: connectionsForPower(workers, LARGE),
  } as const;
  return { ...numbers, text: sentence(numbers, allConnections ?? connections) };
};

/** Not Math.min(...counts): a group has up to 65,535 members, an argument list has not. */
const extremes = (counts: readonly number[]): [smallest: number, largest: number] => {
  let [smallest, largest] = [Number.POSITIVE_INFINITY, 0];
  for (const count of counts) {
    smallest = Math.min(smallest, count);
    largest = Math.max(largest, count);
  }
  return [smallest, largest];
};

const sentence = (verdict: Omit<Verdict, 'text'>, all: number): string => {
  const { kind, workers, connections, largest, smallest, logP, needed, forPower } = verdict;
  const part = all > connections ? ` of ${formatCount(all)} connections at this n` : ' connections';
  const who = `${workers} workers, ${formatCount(connections)}${part}`;
  const p = formatP(logP);
  const ratio = (count: number): string => `${((count / connections) * workers).toFixed(2)}x fair`;
  switch (kind) {
    case 'few':
      return `${who}: too few to judge, ${formatCount(needed)} more for any verdict, ${formatCount(forPower - connections)} for 1.5x`;
    case 'ordinary':
      return `${who}: a largest share of ${formatCount(largest)} is ordinary, ${p}`;
    case 'slight':
      return `${who}: more than chance, ${p}, but no share beyond ${ratio(largest)}`;
    case 'skewed':
      return largest > (LARGE * connections) / workers
        ? `${who}: a largest share of ${formatCount(largest)} is ${ratio(largest)}, ${p}`
        : `${who}: a smallest share of ${formatCount(smallest)} is ${ratio(smallest)}, ${p}`;
  }
};

/**
 * What the largest of n counts is on average when N connections fall evenly: m + sqrt(m) e + (e^2 - 1) / 6 with m = N / n
 * and e the mean of the largest of n standard normals. For m to infinity counts are m + sqrt(m) (Z_i - mean Z), so the
 * middle term is exact; the last one is the skewness of a Poisson count (Cornish and Fisher, 1938). Within 2 % of
 * simulation for m >= 5 (test).
 */
export const expectedLargest = (n: number, connections: number): number => {
  const fair = connections / n;
  if (n < 2 || connections === 0) return fair;
  const e = largestNormal(n);
  return Math.max(Math.ceil(fair), fair + Math.sqrt(fair) * e + (n > 2 ? (e * e - 1) / 6 : 0));
};

/**
 * Mean of the largest of n standard normals: the integral over z > 0 of 1 - F(z)^n - (1 - F(z))^n (Tippett, Biometrika
 * 17, 1925), by Simpson's rule; beyond 9 nothing is left for any n that a group can have.
 */
export const largestNormal = (n: number): number => {
  const steps = 180;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const below = normalBelow((9 * i) / steps);
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * (1 - below ** n - (1 - below) ** n);
  }
  return (sum * 9) / steps / 3;
};

/**
 * Connections with which a chi-square test at 5 % finds, nine times of ten, one worker at `ratio` times its fair share.
 * Its chi-square has the noncentrality N (ratio - 1)^2 / (n - 1), hence mean df + l and variance 2 (df + 2 l); both it and
 * the limit are taken as normal (Patnaik, Biometrika 36, 1949), which leaves a quadratic equation for l. Within 2 % of
 * the exact noncentrality (df = 7: 18.3), 5 % for two workers (10.5).
 */
export const connectionsForPower = (n: number, ratio: number): number => {
  const freedom = n - 1;
  const limit = 1.6449 * Math.sqrt(2 * freedom);
  const half = limit + 2 * 1.2816 ** 2;
  const noncentrality = half + Math.sqrt(half * half - limit * limit + 2 * 1.2816 ** 2 * freedom);
  return Math.ceil((noncentrality * (n - 1)) / (ratio - 1) ** 2);
};

/** `p = 0.38`, `p = 0.0042`, `p = 3e-17`, of ln p: it may be far below what a number can hold. */
export const formatP = (logP: number): string => {
  if (logP >= Math.log(0.995)) return 'p = 1.00';
  if (logP >= Math.log(0.001)) return `p = ${Number(Math.exp(logP).toPrecision(2))}`;
  const exponent = Math.floor(logP / Math.LN10);
  const digit = Math.min(9, Math.round(10 ** (logP / Math.LN10 - exponent)));
  return `p = ${digit}e${exponent}`;
};
