// How the tool's cost grows with members, groups and the rate of connections: its CPU, bpftrace's, memory, and ns in the kernel.
//
// USAGE: node dist/test/bench/growth.js [--try]     as root; writes the plot test/bench/growth.svg too
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/package.js';
import { startTool } from '../live/tool.js';
import { connect, startMany, stopAll } from '../workloads/workload.js';
import { cpuSeconds, familyOf, measurePrograms, programsOf, residentMb } from './cpu.js';
import { type Figure, isTry, report } from './figure.js';
import { type Panel, plot } from './plot.js';

const PORT = 22_100;
const SECONDS = isTry ? 2 : 10;
/** Connections a second where members or groups grow. */
const STEADY = { parallel: 1, rate: 500 };

/** One point of a curve. */
type Point = {
  readonly members: number;
  readonly groups: number;
  /** What each client process is asked for; a timer's slack makes it fewer, so it is measured. 0 = no limit. */
  readonly load: { readonly parallel: number; readonly rate: number };
};

type Cost = {
  readonly perSecond: number;
  /** Percent of one CPU. */
  readonly tool: number;
  readonly bpftrace: number;
  readonly residentMb: number;
  /** In all programs together, for each connection. */
  readonly ns: number;
  /** Connections that the tool did not count as the server did. */
  readonly wrong: number;
};

const costOf = async ({ members, groups, load }: Point): Promise<Cost> => {
  const server = await startMany({ port: PORT, ports: groups, sockets: members * groups, proto: 'tcp' });
  const scope = groups === 1 ? ['--port', String(PORT)] : [];
  const tool = await startTool([...scope, '--tcp']);
  const node = tool.child.pid ?? 0;
  const tracers = familyOf(node).filter((pid) => pid !== node);
  let made = 0;
  const run = async (seconds: number): Promise<number> => {
    const count = Math.max(20, Math.round((load.rate || 8000) * load.parallel * seconds));
    const started = performance.now();
    const { ok } = await connect({
      ...{ port: PORT, ports: groups, count, ...load, linger0: true, timeoutMs: 30_000 },
      src: '127.0.0.1-127.0.0.8',
    });
    made += ok;
    return ok / ((performance.now() - started) / 1000);
  };
  // Names, slots and the compiler's first work are not what a minute later costs.
  await run(SECONDS / 4);
  const started = performance.now();
  const before = [cpuSeconds([node]), cpuSeconds(tracers)] as const;
  const perSecond = await run(SECONDS);
  const percent = 100 / ((performance.now() - started) / 1000);
  const [mine, theirs] = [cpuSeconds([node]) - before[0], cpuSeconds(tracers) - before[1]];
  const memory = residentMb(node);
  const stats = measurePrograms('1');
  const nsOf = (): number => programsOf(tracers).reduce((sum, { ns }) => sum + ns, 0);
  const [nsBefore, madeBefore] = [nsOf(), made];
  await run(SECONDS / 4);
  const ns = (nsOf() - nsBefore) / (made - madeBefore);
  measurePrograms(stats);
  const counted = await server.count();
  const closing = await tool.finish();
  await server.stop();
  const ours = closing.members.filter(({ lport }) => lport >= PORT && lport < PORT + groups);
  const accepted = ours.reduce((sum, member) => sum + (member.accepted ?? 0), 0);
  return {
    ...{ perSecond, residentMb: memory, ns },
    tool: mine * percent,
    bpftrace: theirs * percent,
    wrong: Math.abs(accepted - counted),
  };
};

type Curve = { readonly name: string; readonly unit: string; readonly points: readonly Point[] };

const curves: readonly Curve[] = [
  {
    name: 'members of one group',
    unit: 'members',
    points: [4, 16, 64, 256, 1024].map((members) => ({ members, groups: 1, load: STEADY })),
  },
  {
    name: 'groups of two members',
    unit: 'groups',
    points: [1, 10, 100, 600].map((groups) => ({ members: 2, groups, load: STEADY })),
  },
  {
    name: 'connections a second, 4 members',
    unit: '/s',
    points: [
      { members: 4, groups: 1, load: { parallel: 1, rate: 100 } },
      { members: 4, groups: 1, load: { parallel: 1, rate: 1100 } },
      { members: 4, groups: 1, load: { parallel: 2, rate: 0 } },
    ],
  },
];

const xOf = ({ unit }: Curve, point: Point, cost: Cost): number =>
  unit === 'members' ? point.members : unit === 'groups' ? point.groups : cost.perSecond;

const figures: Figure[] = [];
const panels: Panel[] = [];
try {
  for (const curve of curves) {
    const costs: { readonly x: number; readonly cost: Cost }[] = [];
    for (const point of curve.points) {
      const cost = await costOf(point);
      const x = xOf(curve, point, cost);
      costs.push({ x, cost });
      const name = `${Math.round(x)} ${curve.unit}`;
      console.info(`${name}: ${JSON.stringify(cost)}`);
      figures.push(
        {
          what: `${name}: CPU of the tool`,
          value: cost.tool,
          unit: '% of one',
          note: `${Math.round(cost.perSecond)} connections/s`,
        },
        { what: `${name}: CPU of bpftrace`, value: cost.bpftrace, unit: '% of one' },
        { what: `${name}: in the programs, each connection`, value: cost.ns, unit: 'ns' },
        { what: `${name}: resident memory of the tool`, value: cost.residentMb, unit: 'MB' },
        {
          what: `${name}: connections not counted as the server did`,
          value: cost.wrong,
          unit: '',
          goal: { below: 1 },
        },
      );
    }
    panels.push({
      title: curve.name,
      lines: [
        { name: 'tool', points: costs.map(({ x, cost }) => [x, cost.tool] as const) },
        { name: 'bpftrace', points: costs.map(({ x, cost }) => [x, cost.bpftrace] as const) },
      ],
    });
  }
} finally {
  await stopAll();
}
report('growth', figures);
if (!isTry)
  writeFileSync(
    fileURLToPath(new URL('test/bench/growth.svg', packageRoot())),
    plot('CPU of the tool and of bpftrace, percent of one CPU', panels),
  );
