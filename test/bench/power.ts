// What the imbalance test costs in false alarms and finds in time, by simulation of hashed picks: no kernel, no clock.
import { createFairness, look } from '../../src/core/statistics/fairness.js';

const GROUPS = 10_000;
const SIZES = [2, 3, 4, 8, 16, 32, 64, 128];
/** Connections per second; a group's whole number of connections, 50 to 1,000,000, decides how long it is watched. */
const RATES = [3, 30, 300, 3000];
const [FEWEST, MOST] = [50, 1_000_000];
/** Looks at one group: four days of a quiet one tell little more than these hours of it, and take long. */
const MOST_LOOKS = 6000;

/** sfc32 of Chris Doty-Humphrey's PractRand: whole numbers below 2^32, the same on every run. */
const createRandom = (seed: number): (() => number) => {
  let [a, b, c, counter] = [seed, 0x9e3779b9, 0x243f6a88, 1];
  const next = (): number => {
    const value = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + value;
    c |= 0;
    return value >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
};

const random = createRandom(20_260_701);
const chance = (): number => random() / 2 ** 32;

/** socks[hash * n >> 32], for `connections` clients that never were here before. */
const pickEvenly = (picks: number[], connections: number): void => {
  const n = picks.length;
  for (let i = 0; i < connections; i++) {
    const index = Math.floor(chance() * n);
    picks[index] = (picks[index] ?? 0) + 1;
  }
};

const zeros = (n: number): number[] => new Array<number>(n).fill(0);
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const NS = 1e9;

/** The rule of thumb that needs no theory: beyond 1.5x (or below 0.5x) of the fair share and 3 sigma, of 200 picks or more. */
const isBeyondThreeSigma = (picks: readonly number[], connections: number): boolean => {
  const n = picks.length;
  const fair = connections / n;
  const sigma = Math.sqrt(fair * (1 - 1 / n));
  if (connections < 200) return false;
  for (const count of picks) {
    if (count > 1.5 * fair && count > fair + 3 * sigma) return true;
    if (count < 0.5 * fair && count < fair - 3 * sigma) return true;
  }
  return false;
};

type Watch = { looks: number; connections: number; alarms: number; thumb: number };

/** One healthy group, looked at every second until it has had all its connections. */
const watchHealthy = (n: number, perSecond: number, connections: number): Watch => {
  const fairness = createFairness();
  const picks = zeros(n);
  const watch: Watch = { looks: 0, connections: 0, alarms: 0, thumb: 0 };
  let wasBeyond = false;
  look(fairness, numbers(n), [...picks], 0);
  while (watch.connections < connections && watch.looks < MOST_LOOKS) {
    const had = fairness.alarm;
    const now = Math.min(perSecond, connections - watch.connections);
    pickEvenly(picks, now);
    watch.connections += now;
    watch.looks++;
    look(fairness, fairness.inos, [...picks], watch.looks * NS);
    if (fairness.alarm !== null && fairness.alarm !== had) watch.alarms++;
    const isBeyond = isBeyondThreeSigma(picks, watch.connections);
    if (isBeyond && !wasBeyond) watch.thumb++;
    wasBeyond = isBeyond;
  }
  return watch;
};

const printHealthy = (): void => {
  const all: Watch = { looks: 0, connections: 0, alarms: 0, thumb: 0 };
  for (let group = 0; group < GROUPS; group++) {
    const n = SIZES[group % SIZES.length] ?? 2;
    const rate = RATES[Math.floor(group / SIZES.length) % RATES.length] ?? 1;
    const watch = watchHealthy(n, rate, Math.round(FEWEST * (MOST / FEWEST) ** chance()));
    all.looks += watch.looks;
    all.connections += watch.connections;
    all.alarms += watch.alarms;
    all.thumb += watch.thumb;
  }
  const hours = all.looks / 3600;
  const rate = (alarms: number): string => ((1000 * alarms) / hours).toFixed(2);
  const count = (value: number): string => Math.round(value).toLocaleString('en-US');
  console.info(
    `${count(GROUPS)} healthy groups of ${SIZES.join(', ')} members, ${RATES.join(', ')} connections/s,`,
  );
  console.info(
    `${count(FEWEST)} to ${count(MOST)} connections each, ${count(all.connections)} in all, one look a second:`,
  );
  console.info(`${count(hours)} group-hours`);
  console.info(
    `false alarms in 1,000 group-hours   ${rate(all.alarms)} (${all.alarms} alarms; promised: at most 1)`,
  );
  console.info(`the same of 1.5x and 3 sigma        ${rate(all.thumb)} (${all.thumb} alarms)`);
};

/** Shares of the members as multiples of the fair one. */
type Skew = { readonly name: string; readonly ratios: (n: number) => readonly number[] | null };

const oneAt = (ratio: number) => (n: number) =>
  ratio > n ? null : [ratio, ...new Array<number>(n - 1).fill((n - ratio) / (n - 1))];

const SKEWS: readonly Skew[] = [
  { name: 'one has all', ratios: (n) => oneAt(n)(n) },
  { name: 'one has half', ratios: (n) => (n < 4 ? null : oneAt(n / 2)(n)) },
  { name: 'one at 3x', ratios: oneAt(3) },
  { name: 'one at 2x', ratios: (n) => (n < 3 ? null : oneAt(2)(n)) },
  { name: 'one at 1.75x', ratios: oneAt(1.75) },
  { name: 'one at 1.5x', ratios: oneAt(1.5) },
  { name: 'one at 0.25x', ratios: oneAt(0.25) },
  { name: 'one gets nothing', ratios: oneAt(0) },
  { name: 'half 1.6x, half 0.4x', ratios: (n) => numbers(n).map((i) => (i % 2 === 0 ? 1.6 : 0.4)) },
];
const TABLE_SIZES = [2, 4, 8, 16, 64, 128];
const TRIALS = 40;
/** Looks after this part of the connections so far, or each connection: far closer than one a second would be. */
const STEP = 0.02;
/** Then it counts as never found. */
const PATIENCE = 2_000_000;

const pickUnevenly = (picks: number[], connections: number, ratios: readonly number[]): void => {
  const sums: number[] = [];
  for (const ratio of ratios) sums.push((sums.at(-1) ?? 0) + ratio / ratios.length);
  for (let i = 0; i < connections; i++) {
    const u = chance();
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (u < (sums[middle] ?? 1)) high = middle;
      else low = middle + 1;
    }
    picks[low] = (picks[low] ?? 0) + 1;
  }
};

/** Connections per second of the power table. It matters only for a skew that begins late: windows begin every ten seconds. */
const PER_SECOND = 1000;

/** Connections from the skew to its alarm, after some seconds of health. */
const connectionsUntilAlarm = (ratios: readonly number[], healthySeconds: number): number => {
  const n = ratios.length;
  const fairness = createFairness();
  const picks = zeros(n);
  look(fairness, numbers(n), [...picks], 0);
  for (let second = 1; second <= healthySeconds; second++) {
    pickEvenly(picks, PER_SECOND);
    look(fairness, fairness.inos, [...picks], second * NS);
  }
  // An alarm before the skew is a false one: the skew is not what was found.
  if (fairness.alarm !== null) return Number.POSITIVE_INFINITY;
  let connections = 0;
  while (connections < PATIENCE) {
    const step = Math.max(1, Math.floor(connections * STEP));
    pickUnevenly(picks, step, ratios);
    connections += step;
    look(fairness, fairness.inos, [...picks], (healthySeconds + connections / PER_SECOND) * NS);
    if (fairness.alarm !== null) return connections;
  }
  return Number.POSITIVE_INFINITY;
};

/** Two figures: so few trials are not worth more. */
const short = (value: number | undefined): string =>
  value === undefined || value === Number.POSITIVE_INFINITY
    ? 'never'
    : Number(value.toPrecision(2)).toLocaleString('en-US');

const cell = (shares: readonly number[] | null, healthySeconds: () => number): string => {
  if (shares === null) return '-';
  const found = Array.from({ length: TRIALS }, () => connectionsUntilAlarm(shares, healthySeconds()));
  found.sort((a, b) => a - b);
  return `${short(found[TRIALS / 2])} / ${short(found[TRIALS * 0.9])}`;
};

const printPower = (title: string, healthySeconds: () => number): void => {
  console.info(`\n${title}`);
  console.info(['members'.padEnd(20), ...TABLE_SIZES.map((n) => String(n).padStart(17))].join(''));
  for (const { name, ratios } of SKEWS) {
    const cells = TABLE_SIZES.map((n) => cell(ratios(n), healthySeconds).padStart(17));
    console.info([name.padEnd(20), ...cells].join(''));
  }
};

const started = performance.now();
printHealthy();
printPower(
  'connections until a skew is found, from the start: in half of the trials / in nine of ten',
  () => 0,
);
// At any time within the ten seconds between two windows.
printPower(`the same when it begins after four minutes of health at ${PER_SECOND} connections/s`, () =>
  Math.floor(240 + 10 * chance()),
);
console.info(`\n${Math.round((performance.now() - started) / 1000)} s`);
