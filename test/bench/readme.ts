// Writes test/bench/README.md from what the benchmarks found (RESULTS), and nothing that they did not.
//
// USAGE: node dist/test/bench/readme.js     `npm run bench` does it too
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/package.js';
import { cacheDirectory } from '../lab/image.js';
import { type Figure, formatGoal, formatValue, holds, RESULTS, type Results } from './figure.js';

const README = fileURLToPath(new URL('test/bench/README.md', packageRoot()));
/** What a guest of the lab sent (`npm run lab -- trixie bench`). */
const GUEST = `${cacheDirectory}/out/trixie/`;
const [BEGIN, END] = ['<!-- written by npm run bench -->\n', '<!-- end of what npm run bench wrote -->'];

/** What one benchmark found; null when it has not run here. */
const resultsOf = (path: string): Results | null => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Results;
  } catch {
    return null;
  }
};

const dayOf = ({ date, kernel, bpftrace, node }: Results): string =>
  `${date.slice(0, 10)}, kernel ${/^\d+\.\d+/.exec(kernel)?.[0]}, bpftrace ${bpftrace ?? '-'}, Node ${node.slice(1)}`;

const cell = ({ value, unit }: Figure): string => `${formatValue(value)}${unit === '' ? '' : ` ${unit}`}`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

/** A count that has to be 0: sockets that differ, picks that are not accounted for, details lost, lines not understood. */
const isExact = ({ unit, goal }: Figure): boolean =>
  unit === '' && goal !== undefined && 'below' in goal && goal.below === 1;

/** Every figure with a goal, which says by itself whether it holds; those that have to be 0, and are, in one row. */
const goals = (names: readonly string[]): string => {
  const found = names.flatMap((bench) =>
    (resultsOf(`${RESULTS}${bench}.json`)?.figures ?? [])
      .filter(({ goal, value }) => goal !== undefined && !Number.isNaN(value))
      .map((figure) => ({ bench, figure, goal: figure.goal ?? { below: 0 } })),
  );
  const zeros = found.filter(({ figure }) => isExact(figure) && figure.value === 0);
  const rows = found
    .filter((each) => !zeros.includes(each))
    .map(({ bench, figure, goal }) => [
      bench,
      figure.what.trim(),
      cell(figure),
      `${formatGoal(goal)}: ${holds(figure.value, goal) ? 'holds' : '**missed**'}`,
      figure.note ?? '',
    ]);
  const benches = [...new Set(zeros.map(({ bench }) => bench))].join(', ');
  const exact = `${zeros.length} counts that have to be 0: members that differ from their server, picks not accounted for, details lost, lines not understood`;
  return table(
    ['bench', 'what', 'figure', 'goal', ''],
    [...rows, ...(zeros.length === 0 ? [] : [[benches, exact, '0', 'holds', '']])],
  );
};

/** `SUBJECT: FIGURE` as rows of subjects and columns of figures. */
const matrix = (
  figures: readonly Figure[],
  first: string,
  columns: readonly (readonly [string, string])[],
): string => {
  const subjects = [...new Set(figures.map(({ what }) => what.split(': ')[0] ?? ''))];
  const rows = subjects
    .map((subject) => [
      subject,
      ...columns.map(([, ending]) => {
        const found = figures.find(({ what }) => what === `${subject}: ${ending}`);
        return found === undefined ? '' : formatValue(found.value);
      }),
    ])
    .filter((row) => row.slice(1).every((text) => text !== ''));
  return table([first, ...columns.map(([title]) => title)], rows);
};

const COSTS = [
  ['connections/s, traced / untraced', 'connections/s, traced / untraced'],
  ['ns in its programs, each connection', 'in its programs, each connection'],
  ['us CPU of its processes, each connection', 'its processes, each connection'],
] as const;

const kernelPart = (path: string, where: string): string[] => {
  const found = resultsOf(path);
  if (found === null) return [];
  const rate = found.figures.find(({ what }) => what === 'connections/s, untraced');
  return [
    `In the kernel, ${where} (${dayOf(found)}; ${formatValue(rate?.value ?? Number.NaN)} connections a second untraced):`,
    matrix(found.figures, 'traced by', COSTS),
  ];
};

const GROWTH = [
  ['tool, % of a CPU', 'CPU of the tool'],
  ['bpftrace, % of a CPU', 'CPU of bpftrace'],
  ['ns in the kernel, each connection', 'in the programs, each connection'],
  ['memory of the tool, MB', 'resident memory of the tool'],
] as const;

const growthPart = (): string[] => {
  const found = resultsOf(`${RESULTS}growth.json`);
  if (found === null) return [];
  return [
    `How it grows (${dayOf(found)}; members and groups at the same rate of connections):`,
    matrix(found.figures, 'with', GROWTH),
    '![CPU of the tool and of bpftrace against members, groups and connections a second](growth.svg)',
  ];
};

const DETAILS = [
  ['connections/s, traced / untraced', 'connections/s, traced / untraced'],
  ['tool, % of a CPU', 'CPU of the tool'],
  ['bpftrace, % of a CPU', 'CPU of bpftrace'],
  ['picks shown, /s', 'shown'],
  ['lost', 'lost'],
] as const;

const detailsPart = (): string[] => {
  const found = resultsOf(`${RESULTS}details.json`);
  if (found === null) return [];
  const [most] = found.figures.slice(-1);
  return [
    `What \`--details\` costs (${dayOf(found)}; after half a minute, as fast as two clients connect):`,
    matrix(found.figures, 'asked for', DETAILS),
    ...(most === undefined
      ? []
      : [
          `The ${most.what}: ${formatValue(most.value)}. The default is 250: in its first seconds the tool takes more than twice that, and other hosts are slower.`,
        ]),
  ];
};

const first = resultsOf(`${RESULTS}first-frame.json`) ?? resultsOf(`${RESULTS}lines.json`);
const parts = [
  ...(first === null
    ? []
    : [`In user space, and what is lost (${dayOf(first)}, ${first.cpus} CPUs that all share):`]),
  goals(['first-frame', 'lines', 'frame', 'udp-tracepoint', 'memory', 'replay', 'losses', 'soak']),
  ...kernelPart(`${RESULTS}kernel.json`, 'on this machine'),
  ...kernelPart(`${GUEST}kernel-trixie.json`, 'in an emulated guest (read the order, not the times)'),
  ...detailsPart(),
  ...growthPart(),
];
const readme = readFileSync(README, 'utf8');
const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
if (from < 0 || to < from)
  throw new Error(`test/bench/README.md has no place for figures between ${BEGIN.trim()} and ${END}`);
writeFileSync(
  README,
  `${readme.slice(0, from + BEGIN.length)}\n${parts.join('\n\n')}\n\n${readme.slice(to)}`,
);
console.info(`test/bench/README.md: wrote ${parts.length} parts`);
