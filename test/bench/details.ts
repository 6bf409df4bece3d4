// What a detail costs: the server's rate, CPU and losses by the budget of details a second, under as many connections as two
// clients make. Where the default of --details comes from.
//
// USAGE: node dist/test/bench/details.js [--try]     as root
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { cpuSeconds, familyOf } from './cpu.js';
import { type Figure, isTry, median, report, spread } from './figure.js';

const PORT = 22_800;
const BUDGETS = isTry ? [0, 250] : [0, 50, 100, 250, 500, 1000, 2500, 10_000, 30_000];
const ROUNDS = isTry ? 1 : 3;
/** Of one look at the server's rate. */
const SECONDS = isTry ? 0.5 : 3;
/** Of one CPU, for the tool and bpftrace together. */
const MOST_PERCENT = 5;

type Cost = {
  /** Connections a second, traced / untraced just before. */
  readonly ratio: number;
  /** Percent of one CPU. */
  readonly tool: number;
  readonly bpftrace: number;
  readonly shown: number;
  readonly lost: number;
};

/** Connections a second. */
const rateOf = async (count: number): Promise<number> => {
  const started = performance.now();
  const { ok } = await connect({ port: PORT, count, parallel: 2, linger0: true, timeoutMs: 30_000 });
  if (ok !== count) throw new Error(`${ok} of ${count} connections were made`);
  return ok / ((performance.now() - started) / 1000);
};

const costOf = async (budget: number, count: number): Promise<Cost> => {
  const untraced = await rateOf(count);
  const tool = await startTool(['--port', String(PORT), '--tcp', '--details', String(budget)]);
  const node = tool.child.pid ?? 0;
  const tracers = familyOf(node).filter((pid) => pid !== node);
  // What was saved up is spent, and the compiler's first work done.
  await rateOf(count);
  const shownOf = (): number => tool.events.filter(({ kind }) => kind === 'pick').length;
  const [shown, mine, theirs, started] = [
    shownOf(),
    cpuSeconds([node]),
    cpuSeconds(tracers),
    performance.now(),
  ];
  const traced = await rateOf(count);
  const seconds = (performance.now() - started) / 1000;
  const cost = {
    ratio: traced / untraced,
    tool: (100 * (cpuSeconds([node]) - mine)) / seconds,
    bpftrace: (100 * (cpuSeconds(tracers) - theirs)) / seconds,
    shown: (shownOf() - shown) / seconds,
  };
  const { summary } = await tool.finish();
  return { ...cost, lost: summary.lost ?? Number.NaN };
};

const costs = BUDGETS.map((): Cost[] => []);
try {
  await startServers(4, { port: PORT, backlog: 4096 });
  const count = Math.round((await rateOf(isTry ? 500 : 5000)) * SECONDS);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, budget] of BUDGETS.entries()) {
      const cost = await costOf(budget, count);
      costs[at]?.push(cost);
      console.info(`round ${round + 1}: --details ${budget}: ${JSON.stringify(cost)}`);
    }
  }
} finally {
  await stopAll();
}

const figuresOf = (budget: number, found: readonly Cost[]): Figure[] =>
  (
    [
      ['connections/s, traced / untraced', 'x', ({ ratio }) => ratio],
      ['CPU of the tool', '% of one', ({ tool }) => tool],
      ['CPU of bpftrace', '% of one', ({ bpftrace }) => bpftrace],
      ['shown', '/s', ({ shown }) => shown],
      ['lost', '', ({ lost }) => lost],
    ] satisfies [string, string, (cost: Cost) => number][]
  ).map(([what, unit, of]) => ({
    what: `${budget} details a second: ${what}`,
    value: median(found.map(of)),
    unit,
    note: spread(found.map(of)),
  }));

/** Budgets grow, and so does what they cost: the last one before the first that is too much. */
const isCheap = (found: readonly Cost[] = []): boolean =>
  median(found.map(({ tool, bpftrace }) => tool + bpftrace)) < MOST_PERCENT &&
  found.every(({ lost }) => lost === 0);
const tooMuch = costs.findIndex((found) => !isCheap(found));

report('details', [
  ...BUDGETS.flatMap((budget, at) => figuresOf(budget, costs[at] ?? [])),
  {
    what: `most details a second that lose nothing and take less than ${MOST_PERCENT}% of a CPU`,
    value: BUDGETS[(tooMuch < 0 ? BUDGETS.length : tooMuch) - 1] ?? Number.NaN,
    unit: '/s',
    note: 'tool and bpftrace together; the default is 250',
  },
]);
