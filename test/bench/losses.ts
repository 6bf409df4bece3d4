// What becomes of counters, details and the server when more happens than can be printed, or when whoever reads stands still
// for ten seconds: the tool itself, the pipe it writes to, its disk, its terminal.
//
// USAGE: node dist/test/bench/losses.js [--try]     as root

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemberFacts, SummaryFacts } from '../../src/members/facts.js';
import { CLI, runTool, startTool } from '../live/tool.js';
import { openTerminal } from '../screen/terminal.js';
import { type Server, startServers, stopAll } from '../workloads/workload.js';
import { residentMb } from './cpu.js';
import { type Figure, formatValue, isTry, median, report } from './figure.js';
import { connectionRate } from './rate.js';

const PORT = 21_404;
const FLOOD = isTry ? 5000 : 200_000;
const STALL_MS = isTry ? 2000 : 10_000;
/** Connections of one look at the server's rate. */
const LOOK = isTry ? 1000 : 10_000;
const ATTACH_MS = 120_000;
const LOOKS_BEFORE = isTry ? 1 : 5;

/** What a run ended with, and what its servers counted themselves. */
type Closed = {
  readonly members: readonly Pick<MemberFacts, 'ino' | 'picks' | 'accepted'>[];
  readonly summary: SummaryFacts;
};

const rateOf = (count: number): Promise<number> => connectionRate(PORT, count, '127.0.0.1-127.0.0.8');

/** Figures on the account of a run: they are exact, so that any difference is a miss. */
const accountOf = async (
  name: string,
  servers: readonly Server[],
  before: readonly number[],
  { members, summary }: Closed,
): Promise<Figure[]> => {
  const now = await Promise.all(servers.map((server) => server.count()));
  const truth = new Map(servers.map(({ ino }, at) => [ino, (now[at] ?? 0) - (before[at] ?? 0)]));
  const wrong = [...truth].filter(([ino, count]) => {
    const member = members.find((each) => each.ino === ino);
    return member?.picks !== count || member.accepted !== count;
  });
  const { picks, shown, sampledAway, lost, malformed } = summary;
  const exact = { below: 1 };
  return [
    {
      what: `${name}: members whose picks or accepts differ from the server`,
      value: wrong.length,
      unit: '',
      goal: exact,
    },
    {
      what: `${name}: picks - (shown + sampled away + lost)`,
      value: Math.abs((picks ?? Number.NaN) - ((shown ?? 0) + (sampledAway ?? 0) + (lost ?? 0))),
      unit: '',
      goal: exact,
      note: `${picks} = ${shown} + ${sampledAway} + ${lost}`,
    },
    { what: `${name}: details lost`, value: lost ?? Number.NaN, unit: '', goal: exact },
    { what: `${name}: lines not understood`, value: malformed, unit: '', goal: exact },
  ];
};

/** Runs load while something stands still for STALL_MS: how the server's rate and the tool's memory fare. */
const underStall = async (
  name: string,
  pid: number,
  stall: () => void,
  goOn: () => void,
): Promise<Figure[]> => {
  console.info(`${name} ...`);
  const before: number[] = [];
  for (let i = 0; i < LOOKS_BEFORE; i++) before.push(await rateOf(LOOK));
  const memory = residentMb(pid);
  const during: number[] = [];
  stall();
  const untilMs = performance.now() + STALL_MS;
  let most = memory;
  try {
    while (performance.now() < untilMs) {
      during.push(await rateOf(LOOK));
      most = Math.max(most, residentMb(pid));
    }
  } finally {
    goOn();
  }
  return [
    {
      what: `${name}: connections/s, standing still / before`,
      value: median(during) / median(before),
      unit: 'x',
      goal: { above: 0.9 },
      note: `${formatValue(median(during))} / ${formatValue(median(before))}, medians of ${during.length} and ${before.length}`,
    },
    { what: `${name}: memory of the tool grew by`, value: most - memory, unit: 'MB', goal: { below: 80 } },
  ];
};

const countsOf = (servers: readonly Server[]): Promise<number[]> =>
  Promise.all(servers.map((server) => server.count()));

const flooded = async (servers: readonly Server[], name: string, details: string): Promise<Figure[]> => {
  console.info(`${name} ...`);
  const before = await countsOf(servers);
  const tool = await startTool(['--port', String(PORT), '--details', details]);
  const rate = await rateOf(FLOOD);
  const closing = await tool.finish();
  return [
    { what: `${name}: connections/s`, value: rate, unit: '/s' },
    ...(await accountOf(name, servers, before, closing)),
  ];
};

/** With the tool stopped, bpftrace's pipe fills: the budget must dry up before its buffers overflow. */
const toolStands = async (servers: readonly Server[]): Promise<Figure[]> => {
  const name = 'the tool is stopped';
  const before = await countsOf(servers);
  const tool = await startTool(['--port', String(PORT), '--details', '1000']);
  const pid = tool.child.pid ?? 0;
  const figures = await underStall(
    name,
    pid,
    () => process.kill(pid, 'SIGSTOP'),
    () => process.kill(pid, 'SIGCONT'),
  );
  return [...figures, ...(await accountOf(name, servers, before, await tool.finish()))];
};

const pipeStands = async (servers: readonly Server[]): Promise<Figure[]> => {
  const name = 'its reader stands still';
  const before = await countsOf(servers);
  const tool = await startTool(['--port', String(PORT), '--details', '30000']);
  const { stdout } = tool.child;
  const figures = await underStall(
    name,
    tool.child.pid ?? 0,
    () => stdout?.pause(),
    () => stdout?.resume(),
  );
  const closing = await tool.finish();
  const dropped = Number(/(\d+) lines were dropped/.exec(closing.stderr)?.[1] ?? 0);
  return [
    ...figures,
    { what: `${name}: lines dropped, said on stderr`, value: dropped, unit: '' },
    ...(await accountOf(name, servers, before, closing)),
  ];
};

/** A file system of its own that takes no writes for a while (fsfreeze). */
const diskStands = async (servers: readonly Server[], folder: string): Promise<Figure[]> => {
  const name = 'its disk stands still';
  const [image, mount] = [join(folder, 'image'), join(folder, 'disk')];
  mkdirSync(mount);
  try {
    execFileSync('truncate', ['-s', '256M', image]);
    execFileSync('mkfs.ext4', ['-q', image]);
    execFileSync('mount', ['-o', 'loop', image, mount]);
  } catch (error) {
    return [
      {
        what: name,
        value: Number.NaN,
        unit: '',
        note: `cannot mount a file system here: ${error instanceof Error ? error.message : error}`,
      },
    ];
  }
  const path = join(mount, 'run.ndjson.gz');
  try {
    const before = await countsOf(servers);
    const tool = await startTool(['--port', String(PORT), '--record', path]);
    const figures = await underStall(
      name,
      tool.child.pid ?? 0,
      () => execFileSync('fsfreeze', ['-f', mount]),
      () => execFileSync('fsfreeze', ['-u', mount]),
    );
    const closing = await tool.finish();
    const replayed = await replayOf(path);
    return [
      ...figures,
      ...(await accountOf(name, servers, before, closing)),
      {
        what: `${name}: picks of the run - picks of its recording`,
        value: Math.abs((closing.summary.picks ?? Number.NaN) - (replayed.summary.picks ?? Number.NaN)),
        unit: '',
        goal: { below: 1 },
      },
    ];
  } finally {
    execFileSync('umount', [mount]);
  }
};

const replayOf = async (path: string): Promise<Closed> => {
  const { stdout } = await runTool(['replay', path, '--speed', '0', '--output', 'ndjson']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MemberFacts | SummaryFacts);
  const summary = lines.find((line) => line.kind === 'summary');
  if (summary === undefined) throw new Error(`no summary in the replay of ${path}`);
  return { summary, members: lines.filter((line) => line.kind === 'member') };
};

/** What the screen counted is read from the recording beside it. */
const terminalStands = async (servers: readonly Server[], folder: string): Promise<Figure[]> => {
  const name = 'its terminal stands still';
  const path = join(folder, 'screen.ndjson.gz');
  const before = await countsOf(servers);
  const terminal = openTerminal([CLI, '--port', String(PORT), '--record', path], {
    columns: 120,
    rows: 40,
  });
  await terminal.see('the attached probes', /LIVE 1s/, ATTACH_MS);
  // The picks: the view that draws most.
  terminal.press('3');
  await terminal.see('the picks', / 3 PICKS /);
  const figures = await underStall(name, terminal.pid(), terminal.pause, terminal.resume);
  terminal.press('q');
  await terminal.end();
  terminal.kill();
  return [...figures, ...(await accountOf(name, servers, before, await replayOf(path)))];
};

const folder = mkdtempSync(join(tmpdir(), 'losses-'));
try {
  const servers = await startServers(4, { port: PORT, backlog: 4096 });
  await rateOf(LOOK);
  report('losses', [
    ...(await flooded(servers, 'flood, default details', '250')),
    ...(await flooded(servers, 'flood, --details 30000', '30000')),
    ...(await toolStands(servers)),
    ...(await pipeStands(servers)),
    ...(await diskStands(servers, folder)),
    ...(await terminalStands(servers, folder)),
  ]);
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
