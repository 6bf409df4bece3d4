// Whether the CPU of the tool and of bpftrace grows with the rate of events: UDP datagrams at rates a decade apart, in turns.
//
// USAGE: node dist/test/bench/udp.js [--try] [fentry|kprobe|tracepoint]     as root
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { cpuSeconds, familyOf } from './cpu.js';
import { type Figure, isTry, median, report, spread } from './figure.js';

const SOCKETS = 8;
const ROUNDS = isTry ? 1 : 5;
const SECONDS = isTry ? 3 : 10;
const PORT = 21_403;
/** Of every datagram at least two things are counted: that its socket was woken or picked, and that a process took it. */
const EVENTS = 2;
/** Events a second that are asked for; pauses are longer than they are asked to be, so what came is measured. */
const LOADS = [
  { name: 'about 1,000 events/s', parallel: 1, rate: 560, burst: 1 },
  { name: 'about 10,000 events/s', parallel: 1, rate: 5600, burst: 10 },
  { name: 'about 100,000 events/s', parallel: 2, rate: 50_000, burst: 250 },
] as const;
const BUSIEST_PERCENT = 5;

type Load = (typeof LOADS)[number];
type Cost = { readonly perSecond: number; readonly tool: number; readonly bpftrace: number };

/** Events a second, and the CPU that the tool and bpftrace used meanwhile, in percent of one. */
const costOf = async (node: number, tracers: readonly number[], load: Load): Promise<Cost> => {
  const { name: _, ...words } = load;
  const before = [cpuSeconds([node]), cpuSeconds(tracers)] as const;
  const started = performance.now();
  const count = Math.round(load.parallel * load.rate * SECONDS * 0.7);
  const { ok } = await connect({ port: PORT, proto: 'udp', count, perSocket: 100, ...words });
  const seconds = (performance.now() - started) / 1000;
  return {
    perSecond: (EVENTS * ok) / seconds,
    tool: (100 * (cpuSeconds([node]) - before[0])) / seconds,
    bpftrace: (100 * (cpuSeconds(tracers) - before[1])) / seconds,
  };
};

const figure = (what: string, values: readonly number[], unit: string, goal?: Figure['goal']): Figure => ({
  what,
  value: median(values),
  unit,
  note: spread(values),
  ...(goal === undefined ? {} : { goal }),
});

const rung = process.argv.slice(2).find((word) => !word.startsWith('-'));
const servers = await startServers(SOCKETS, { port: PORT, proto: 'udp' });
const probe = rung === undefined ? [] : ['--probe', rung];
const tool = await startTool(['--port', String(PORT), '--udp', ...probe]);
const node = tool.child.pid ?? 0;
const tracers = familyOf(node).filter((pid) => pid !== node);
const costs = LOADS.map((): Cost[] => []);
// What the compiler still works on is not measured.
for (const load of LOADS) await costOf(node, tracers, load);
for (let round = 0; round < ROUNDS; round++)
  for (const [at, load] of LOADS.entries()) costs[at]?.push(await costOf(node, tracers, load));
const { members, summary } = await tool.finish();
const counts = await Promise.all(servers.map((server) => server.count()));
await stopAll();
const wrong = servers.filter(
  ({ ino }, at) => members.find((member) => member.ino === ino)?.received !== counts[at],
);
report(`udp-${summary.rung}`, [
  ...LOADS.flatMap(({ name }, at) => {
    const found = costs[at] ?? [];
    const isBusiest = at === LOADS.length - 1;
    return [
      figure(
        name,
        found.map(({ perSecond }) => perSecond),
        '/s',
      ),
      figure(
        '  CPU of the tool',
        found.map((cost) => cost.tool),
        '% of one',
        isBusiest ? { below: BUSIEST_PERCENT } : undefined,
      ),
      figure(
        '  CPU of bpftrace',
        found.map(({ bpftrace }) => bpftrace),
        '% of one',
      ),
    ];
  }),
  ...LOADS.slice(1).map(({ name }, at) =>
    figure(
      `CPU of both, ${name} / ${LOADS[at]?.name}`,
      (costs[at + 1] ?? []).map((cost, round) => {
        const less = costs[at]?.[round];
        return (cost.tool + cost.bpftrace) / ((less?.tool ?? Number.NaN) + (less?.bpftrace ?? Number.NaN));
      }),
      'x',
      { below: 1.5 },
    ),
  ),
  {
    what: 'sockets whose count differs from their server’s own',
    value: wrong.length,
    unit: '',
    goal: { below: 1 },
  },
]);
