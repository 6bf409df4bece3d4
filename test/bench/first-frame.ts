// How long until the screen shows the listeners that are there, beside what bpftrace alone takes to start and end.

import { execFileSync } from 'node:child_process';
import { spawn as spawnPty } from '@lydell/node-pty';
import { CLI } from '../live/tool.js';
import { startServers, stopAll } from '../workloads/workload.js';

const RUNS = 9;

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

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

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
  console.info(`bpftrace -e 'BEGIN { exit(); }'   median ${median(alone).toFixed(0)} ms of ${RUNS}`);
  console.info(`first frame with 4 listeners      median ${median(frames).toFixed(0)} ms of ${RUNS}`);
  console.info(
    `1.5 x bpftrace + 500 ms           ${limit.toFixed(0)} ms: first frame / limit = ${(median(frames) / limit).toFixed(2)}`,
  );
};

await main();
