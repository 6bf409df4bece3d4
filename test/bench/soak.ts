// Half an hour at the highest rate that two clients make: does anything grow, is anything lost without being said?
//
// USAGE: node dist/test/bench/soak.js [MINUTES]     as root; 30 minutes. Keys of maps are counted where bpftool is installed.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { familyOf, residentMb } from './cpu.js';
import { isTry, report } from './figure.js';

const PORT = 21_406;
const MINUTES = Number(process.argv.slice(2).find((word) => /^\d/.test(word)) ?? (isTry ? 0.5 : 30));
const LOOK_MS = isTry ? 5000 : 30_000;
/** What has warmed up by then is what later looks are compared with. */
const WARM_SHARE = 1 / 6;
const MOST_MB = 110;

type Look = {
  readonly minutes: number;
  readonly toolMb: number;
  readonly bpftraceMb: number;
  readonly descriptors: number;
  /** Of all maps together; NaN where bpftool is missing. */
  readonly keys: number;
};

/** Ids of the maps that a process holds, by bpf_map_show_fdinfo. */
const mapsOf = (pid: number): string[] => {
  const ids = readdirSync(`/proc/${pid}/fdinfo`).map((fd) => {
    try {
      return /^map_id:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
    } catch {
      return undefined;
    }
  });
  return [...new Set(ids.filter((id) => id !== undefined))];
};

const keysOf = (pid: number): number => {
  try {
    const counts = mapsOf(pid).map((id) => {
      const shown = execFileSync('bpftool', ['-j', 'map', 'show', 'id', id], { encoding: 'utf8' });
      // Arrays have all of their keys at all times, and perf buffers none.
      if (!/"type":"(?:percpu_)?hash"/.test(shown)) return 0;
      const dump = execFileSync('bpftool', ['-j', 'map', 'dump', 'id', id], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      return (JSON.parse(dump) as unknown[]).length;
    });
    return counts.reduce((sum, count) => sum + count, 0);
  } catch {
    return Number.NaN;
  }
};

const servers = await startServers(4, { port: PORT, backlog: 4096 });
const tool = await startTool(['--port', String(PORT)]);
const node = tool.child.pid ?? 0;
const [tracer = 0] = familyOf(node).filter((pid) => pid !== node);
const startMs = performance.now();
const minutes = (): number => (performance.now() - startMs) / 60_000;
const looks: Look[] = [];
const look = (): void => {
  const descriptors = [node, tracer].reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  const at = {
    minutes: minutes(),
    toolMb: residentMb(node),
    bpftraceMb: residentMb(tracer),
    descriptors,
    keys: keysOf(tracer),
  };
  looks.push(at);
  console.info(JSON.stringify(at));
  // What the tool printed is kept by this process, not by it.
  tool.forget();
};
let made = 0;
try {
  let lookedMs = Number.NEGATIVE_INFINITY;
  for (let round = 0; minutes() < MINUTES; round++) {
    const { ok } = await connect({
      ...{ port: PORT, count: 50_000, parallel: 2, linger0: true, timeoutMs: 30_000 },
      src: `127.0.${round % 200}.1-127.0.${round % 200}.250`,
    });
    made += ok;
    if (performance.now() - lookedMs < LOOK_MS) continue;
    look();
    lookedMs = performance.now();
  }
  look();
  const counts = await Promise.all(servers.map((server) => server.count()));
  const { members, summary } = await tool.finish();
  const wrong = servers.filter(({ ino }, at) => {
    const member = members.find((each) => each.ino === ino);
    return member?.picks !== counts[at] || member?.accepted !== counts[at];
  });
  const warm = looks.find((each) => each.minutes >= MINUTES * WARM_SHARE) ?? looks[0];
  const last = looks.at(-1);
  const growth = (value: (look: Look) => number): number =>
    warm === undefined || last === undefined ? Number.NaN : value(last) / value(warm);
  const tenth = looks.find((each) => each.minutes >= Math.min(10, MINUTES)) ?? last;
  const { picks, shown, sampledAway, lost, malformed } = summary;
  report('soak', [
    { what: 'minutes', value: minutes(), unit: '' },
    { what: 'connections', value: made, unit: '' },
    { what: 'connections/s', value: made / (60 * minutes()), unit: '/s' },
    {
      what: 'resident memory of the tool after 10 minutes',
      value: tenth?.toolMb ?? Number.NaN,
      unit: 'MB',
      goal: { below: MOST_MB },
    },
    {
      what: 'resident memory of the tool, end / warm',
      value: growth((each) => each.toolMb),
      unit: 'x',
      goal: { below: 1.2 },
    },
    {
      what: 'resident memory of bpftrace, end / warm',
      value: growth((each) => each.bpftraceMb),
      unit: 'x',
      goal: { below: 1.1 },
    },
    {
      what: 'file descriptors, end / warm',
      value: growth((each) => each.descriptors),
      unit: 'x',
      goal: { below: 1.05 },
    },
    {
      what: 'keys of all maps at the end',
      value: last?.keys ?? Number.NaN,
      unit: '',
      note: `${warm?.keys} when warm`,
    },
    {
      what: 'members whose picks or accepts differ from the server',
      value: wrong.length,
      unit: '',
      goal: { below: 1 },
    },
    {
      what: 'picks - (shown + sampled away + lost)',
      value: Math.abs((picks ?? Number.NaN) - ((shown ?? 0) + (sampledAway ?? 0) + (lost ?? 0))),
      unit: '',
      goal: { below: 1 },
      note: `${picks} = ${shown} + ${sampledAway} + ${lost}`,
    },
    { what: 'details lost', value: lost ?? Number.NaN, unit: '', goal: { below: 1 } },
    { what: 'lines not understood', value: malformed, unit: '', goal: { below: 1 } },
  ]);
} finally {
  await stopAll();
}
