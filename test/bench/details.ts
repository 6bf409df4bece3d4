// What a detail costs: the server's rate, CPU and losses by the budget of details a second, under as many connections as two
// clients make, when the tool has run for half a minute. Where the default of --details comes from.
//
// USAGE: node dist/test/bench/details.js [--try]     as root
import { startTool } from '../live/tool.js';
import { startServers, stopAll } from '../workloads/workload.js';
import { cpuSeconds, familyOf } from './cpu.js';
import { type Figure, isTry, median, report, spread } from './figure.js';
import { connectionRate } from './rate.js';

const PORT = 22_800;
const BUDGETS = isTry ? [0, 250] : [0, 50, 100, 250, 500, 1000, 2500, 10_000, 30_000];
/** Looks at the server's rate, untraced and traced, and how long one takes. */
const [LOOKS, SECONDS] = isTry ? [1, 0.5] : [3, 3];
/** What was saved up is spent by then, and the compiler has done its work: the tool takes twice as much in its first seconds. */
const WARM_MS = isTry ? 0 : 30_000;
/** Of one CPU, for the tool and bpftrace together. */
const MOST_PERCENT = 5;

type Cost = {
  /** Connections a second, traced / untraced just before, of each look. */
  readonly ratios: readonly number[];
  /** Percent of one CPU. */
  readonly tool: number;
  readonly bpftrace: number;
  readonly shown: number;
  readonly lost: number;
};

const rateOf = (count: number): Promise<number> => connectionRate(PORT, count);

const looks = async (count: number): Promise<number[]> => {
  const rates: number[] = [];
  for (let look = 0; look < LOOKS; look++) rates.push(await rateOf(count));
  return rates;
};

const costOf = async (budget: number, count: number): Promise<Cost> => {
  const untraced = median(await looks(count));
  const tool = await startTool(['--port', String(PORT), '--tcp', '--details', String(budget)]);
  const node = tool.child.pid ?? 0;
  const tracers = familyOf(node).filter((pid) => pid !== node);
  const warmUntilMs = performance.now() + WARM_MS;
  do await rateOf(count);
  while (performance.now() < warmUntilMs);
  const shownOf = (): number => tool.events.filter(({ kind }) => kind === 'pick').length;
  const before = [shownOf(), cpuSeconds([node]), cpuSeconds(tracers)] as const;
  const started = performance.now();
  const traced = await looks(count);
  const seconds = (performance.now() - started) / 1000;
  const cost = {
    ratios: traced.map((rate) => rate / untraced),
    tool: (100 * (cpuSeconds([node]) - before[1])) / seconds,
    bpftrace: (100 * (cpuSeconds(tracers) - before[2])) / seconds,
    shown: (shownOf() - before[0]) / seconds,
  };
  const { summary } = await tool.finish();
  return { ...cost, lost: summary.lost ?? Number.NaN };
};

const costs: Cost[] = [];
try {
  await startServers(4, { port: PORT, backlog: 4096 });
  const count = Math.round((await rateOf(isTry ? 500 : 5000)) * SECONDS);
  for (const budget of BUDGETS) {
    const cost = await costOf(budget, count);
    costs.push(cost);
    console.info(`--details ${budget}: ${JSON.stringify(cost)}`);
  }
} finally {
  await stopAll();
}

const figuresOf = (budget: number, { ratios, tool, bpftrace, shown, lost }: Cost): Figure[] => {
  const name = `${budget} details a second`;
  return [
    {
      what: `${name}: connections/s, traced / untraced`,
      value: median(ratios),
      unit: 'x',
      note: spread(ratios),
    },
    { what: `${name}: CPU of the tool`, value: tool, unit: '% of one' },
    { what: `${name}: CPU of bpftrace`, value: bpftrace, unit: '% of one' },
    { what: `${name}: shown`, value: shown, unit: '/s' },
    { what: `${name}: lost`, value: lost, unit: '' },
  ];
};

/** Budgets grow, and so does what they cost: the last one before the first that is too much. */
const tooMuch = costs.findIndex(({ tool, bpftrace, lost }) => tool + bpftrace >= MOST_PERCENT || lost > 0);

report('details', [
  ...costs.flatMap((cost, at) => figuresOf(BUDGETS[at] ?? Number.NaN, cost)),
  {
    what: `most details a second that lose nothing and take less than ${MOST_PERCENT}% of a CPU`,
    value: BUDGETS[(tooMuch < 0 ? BUDGETS.length : tooMuch) - 1] ?? Number.NaN,
    unit: '/s',
    note: 'tool and bpftrace together',
  },
]);
