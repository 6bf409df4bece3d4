// How long until the screen shows the listeners that are there, beside what bpftrace alone takes to start and end.

import { execFileSync } from 'node:child_process';
import { spawn as spawnPty } from '@lydell/node-pty';
import { CLI } from '../live/tool.js';
import { startServers, stopAll } from '../workloads/workload.js';
import { isTry, median, report, spread } from './figure.js';

const RUNS = isTry ? 2 : 9;

/** Milliseconds from start to the first frame that names all listeners. */
const firstFrame = (port: number, listeners: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const started = performance.now();
    const terminal = spawnPty(process.execPath, [CLI, '--port', String(port)], { cols: 80, rows: 24 });
    let seen = '';
    let took = Number.NaN;
    terminal.onData((data) => {
      seen += data;
      if (!Number.isNaN(took) || !seen.includes(`${listeners} listeners`)) return;
      took = performance.now() - started;
      terminal.write('q');
    });
    terminal.onExit(() => (Number.isNaN(took) ? reject(new Error(seen)) : resolve(took)));
  });

const bpftraceAlone = (): number => {
  const started = performance.now();
  execFileSync('bpftrace', ['-e', 'BEGIN { exit(); }'], { stdio: 'ignore' });
  return performance.now() - started;
};

const main = async (): Promise<void> => {
  const port = 21_401;
  await startServers(4, { port });
  const alone: number[] = [];
  const frames: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    alone.push(bpftraceAlone());
    frames.push(await firstFrame(port, 4));
  }
  await stopAll();
  const limit = 1.5 * median(alone) + 500;
  report('first-frame', [
    { what: "bpftrace -e 'BEGIN { exit(); }'", value: median(alone), unit: 'ms', note: spread(alone) },
    { what: 'first frame with 4 listeners', value: median(frames), unit: 'ms', note: spread(frames) },
    {
      what: 'first frame / (1.5 x bpftrace + 500 ms)',
      value: median(frames) / limit,
      unit: 'x',
      goal: { below: 1 },
    },
  ]);
};

await main();
