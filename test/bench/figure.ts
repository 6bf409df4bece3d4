// Figures that a benchmark found: printed with their goals, and kept as JSON with when and on what they were measured.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/package.js';

export type Figure = {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What it is to be; absent = it is only told. */
  readonly goal?: { readonly below: number } | { readonly above: number };
  /** A word on how it was found, such as its spread. */
  readonly note?: string;
};

export type Results = {
  readonly bench: string;
  /** When it ended, ISO 8601. */
  readonly date: string;
  readonly kernel: string;
  /** null = none was found. */
  readonly bpftrace: string | null;
  readonly node: string;
  readonly cpus: number;
  /** Load of the last minute when it began and when it ended: far above what the benchmark makes, its times are worth little. */
  readonly load: readonly [number, number];
  readonly figures: readonly Figure[];
};

/** Where results are kept; a guest of the lab sends what is in /out. */
export const RESULTS =
  process.env.LAB_GUEST === undefined
    ? fileURLToPath(new URL('test/bench/results/', packageRoot()))
    : '/out/';

const loadBefore = loadavg()[0] ?? 0;

/** Prints the figures and writes RESULTS/NAME.json. `--try` runs are too short to be kept. */
export const report = (bench: string, figures: readonly Figure[]): void => {
  for (const figure of figures) console.info(formatFigure(figure));
  const results: Results = {
    bench,
    date: new Date().toISOString(),
    kernel: release(),
    bpftrace: bpftrace(),
    node: process.version,
    cpus: cpus().length,
    load: [loadBefore, loadavg()[0] ?? 0],
    figures,
  };
  console.info(`${bench}: load ${results.load.map((load) => load.toFixed(1)).join(' before, ')} after`);
  if (isTry) return;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${bench}.json`, `${JSON.stringify(results, null, 2)}\n`);
};

/** A run of a benchmark that only shows that it works. */
export const isTry = process.argv.includes('--try');

const bpftrace = (): string | null => {
  try {
    return /\d+\.\d+\.\d+/.exec(execFileSync('bpftrace', ['--version'], { encoding: 'utf8' }))?.[0] ?? null;
  } catch {
    return null;
  }
};

export const formatFigure = ({ what, value, unit, goal, note }: Figure): string => {
  const words = [what.padEnd(54), formatValue(value).padStart(10), unit];
  if (goal !== undefined)
    words.push(`(goal: ${formatGoal(goal)}: ${holds(value, goal) ? 'holds' : 'MISSED'})`);
  if (note !== undefined) words.push(note);
  return words.join(' ');
};

export const formatGoal = (goal: NonNullable<Figure['goal']>): string =>
  'below' in goal ? `below ${formatValue(goal.below)}` : `above ${formatValue(goal.above)}`;

export const holds = (value: number, goal: NonNullable<Figure['goal']>): boolean =>
  'below' in goal ? value < goal.below : value > goal.above;

/** Three digits at least, none of which is noise. */
export const formatValue = (value: number): string =>
  Number.isNaN(value)
    ? '-'
    : Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString('en-US')
      : String(Number(value.toPrecision(3)));

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? Number.NaN) + (sorted[sorted.length >> 1] ?? Number.NaN)) / 2;
};

/** Smallest and largest, for a figure's note. */
export const spread = (values: readonly number[]): string =>
  `median of ${values.length}, ${formatValue(Math.min(...values))} to ${formatValue(Math.max(...values))}`;
