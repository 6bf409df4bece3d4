// Whether the tool's own CPU grows with the rate of datagrams: two rates a decade apart, in turns, as a ratio.
//
// USAGE: node dist/test/bench/udp.js [--try] [fentry|kprobe|tracepoint]
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { cpuSeconds, familyOf } from './cpu.js';
import { type Figure, isTry, median, report, spread } from './figure.js';

const SOCKETS = 8;
const ROUNDS = isTry ? 1 : 5;
const SECONDS = isTry ? 4 : 15;
/** Datagrams a second that each of so many processes is asked for; a timer's slack makes it fewer, so they are measured. */
const SLOW = { parallel: 1, rate: 1250 };
const FAST = { parallel: 4, rate: 4800 };
/** Details are printed up to a budget; both rates are above it. */
const DETAILS = '500';
const PORT = 21_403;

type Cost = { readonly perSecond: number; readonly cpu: number };

/** Datagrams a second, and the CPU that the tool's processes used meanwhile, in percent of one. */
const costOf = async (pids: readonly number[], { parallel, rate }: typeof SLOW): Promise<Cost> => {
  const [started, before] = [performance.now(), cpuSeconds(pids)];
  const count = Math.round(parallel * rate * SECONDS * 0.7);
  const { ok } = await connect({ port: PORT, proto: 'udp', count, parallel, rate, perSocket: 100 });
  const seconds = (performance.now() - started) / 1000;
  return { perSecond: ok / seconds, cpu: (100 * (cpuSeconds(pids) - before)) / seconds };
};

const main = async (): Promise<void> => {
  const rung = process.argv.slice(2).find((word) => !word.startsWith('-'));
  const servers = await startServers(SOCKETS, { port: PORT, proto: 'udp' });
  const probe = rung === undefined ? [] : ['--probe', rung];
  const tool = await startTool(['--port', String(PORT), '--udp', '--details', DETAILS, ...probe]);
  const pids = familyOf(tool.child.pid ?? 0);
  await costOf(pids, SLOW);
  const [slow, fast]: [Cost[], Cost[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    slow.push(await costOf(pids, SLOW));
    fast.push(await costOf(pids, FAST));
  }
  const { members, summary } = await tool.finish();
  const counts = await Promise.all(servers.map((server) => server.count()));
  await stopAll();
  const wrong = servers.filter(
    ({ ino }, at) => members.find((member) => member.ino === ino)?.received !== counts[at],
  );
  const ratios = fast.map(({ cpu }, at) => cpu / (slow[at]?.cpu ?? Number.NaN));
  const rates = fast.map(({ perSecond }, at) => perSecond / (slow[at]?.perSecond ?? Number.NaN));
  const figure = (what: string, values: readonly number[], unit: string, goal?: Figure['goal']): Figure => ({
    what,
    value: median(values),
    unit,
    note: spread(values),
    ...(goal === undefined ? {} : { goal }),
  });
  report(`udp-${summary.rung}`, [
    figure(
      'datagrams a second, slow',
      slow.map(({ perSecond }) => perSecond),
      '/s',
    ),
    figure(
      'datagrams a second, fast',
      fast.map(({ perSecond }) => perSecond),
      '/s',
    ),
    figure('fast / slow', rates, 'times'),
    figure(
      'CPU of the tool and bpftrace, slow',
      slow.map(({ cpu }) => cpu),
      '% of one',
    ),
    figure(
      'CPU of the tool and bpftrace, fast',
      fast.map(({ cpu }) => cpu),
      '% of one',
    ),
    figure('CPU fast / slow', ratios, 'times', { below: 1.5 }),
    {
      what: 'sockets whose count differs from their server’s own',
      value: wrong.length,
      unit: '',
      goal: { below: 1 },
    },
  ]);
};

await main();
