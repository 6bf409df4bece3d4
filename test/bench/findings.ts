// Records a long run in which things go wrong again and again, replays it at full speed, and compares the findings one by one.
//
// node dist/test/bench/findings.js [MINUTES] [RECORDING]     as root; 30 minutes, a file in the temporary folder

import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { FindingEvent } from '../../src/core/state/finding.js';
import { findingsIn } from '../live/found.js';
import { runTool, startTool } from '../live/tool.js';
import { findServer, stopDaemons } from '../workloads/daemon.js';
import { startNginx } from '../workloads/nginx.js';
import {
  connect,
  holdOpen,
  type Server,
  startRefused,
  startServer,
  startServers,
  stopAll,
} from '../workloads/workload.js';

const [, , minutes = '30', path = join(mkdtempSync(join(tmpdir(), 'findings-')), 'run.ndjson.gz')] =
  process.argv;
const PORT = 10_290;
const NGINX_PORT = PORT + 1;
const SPLIT_PORT = PORT + 2;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const untilMs = performance.now() + Number(minutes) * 60_000;
const isOver = (): boolean => performance.now() > untilMs;

const tool = await startTool(['--port', [PORT, NGINX_PORT, SPLIT_PORT].join(','), '--record', path]);
const servers: Server[] = [...(await startServers(6, { port: PORT, backlog: 64 }))];
const nginx = findServer('nginx') === null ? null : await startNginx({ port: NGINX_PORT, workers: 4 });

/** A server of the group, another one each time. */
let turn = 0;
const next = (): Server => {
  const server = servers[turn++ % servers.length];
  if (server === undefined) throw new Error('no servers');
  return server;
};

/** What goes wrong, in turn; each leaves a healthy group behind. */
const troubles: readonly (() => Promise<void>)[] = [
  async () => {
    const server = next();
    await server.stick();
    await sleep(12_000);
    await server.resume();
  },
  async () => {
    const at = turn++ % servers.length;
    await servers[at]?.stop();
    await sleep(3000);
    servers[at] = await startServer({ port: PORT, backlog: 64 });
  },
  async () => {
    await startRefused({ port: PORT, reuseport: false });
    await startRefused({ port: PORT, uid: 1000 });
  },
  async () =>
    void (await connect({ port: PORT, count: 900, rate: 150, linger0: true, sports: '23020-23022' })),
  async () => {
    const ghost = await startServer({ port: PORT, mode: 'stuck', backlog: 64 });
    await sleep(15_000);
    await ghost.stop();
  },
  async () => {
    const slow = await startServer({ port: PORT, slowMs: 700, backlog: 8 });
    await sleep(10_000);
    await slow.stop();
  },
  async () => {
    const server = next();
    await server.stick();
    await sleep(2000);
    await server.close();
    servers[servers.indexOf(server)] = await startServer({ port: PORT, backlog: 64 });
    await server.stop();
  },
  async () => {
    const [one, two] = [
      await startServer({ port: SPLIT_PORT, addr: '0.0.0.0' }),
      await startServer({ port: SPLIT_PORT, addr: '127.0.0.1', fork: 3 }),
    ];
    await connect({ port: SPLIT_PORT, count: 300, rate: 50, linger0: true });
    await sleep(5000);
    await one.stop();
    await two.stop();
  },
  async () => {
    if (nginx === null) return;
    const held = await holdOpen({ port: NGINX_PORT, count: 20 });
    await nginx.reload(2 + (turn++ % 3));
    nginx.test();
    await connect({ port: NGINX_PORT, count: 200, rate: 50, linger0: true });
    await held.stop();
  },
];

/** Clients that always come, so that what happens to the group happens to somebody. */
const clients = async (): Promise<void> => {
  while (!isOver())
    await connect({
      port: PORT,
      count: 100,
      rate: 40,
      timeoutMs: 300,
      linger0: true,
      src: '127.0.0.1-127.0.0.9',
    });
};

const trouble = async (): Promise<void> => {
  for (let round = 0; !isOver(); round++) {
    // Not the same two after each other for ever: 7 and 9 have no common divisor.
    await troubles[(round * 7 + Math.floor(round / troubles.length)) % troubles.length]?.();
    await sleep(4000 + 1000 * (round % 20));
  }
};

await Promise.all([clients(), trouble()]);
const closing = await tool.finish();
const live = findingsIn(tool);
await stopAll();
await stopDaemons();

const startedMs = performance.now();
const { stdout, exitCode } = await runTool(['replay', path, '--speed', '0', '--output', 'ndjson']);
const seconds = (performance.now() - startedMs) / 1000;
const replayed = stdout
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as FindingEvent)
  .filter(({ kind }) => kind === 'finding');

const rules = new Map<string, number>();
for (const { rule, status } of live)
  rules.set(`${rule} ${status}`, (rules.get(`${rule} ${status}`) ?? 0) + 1);
const differs = live.findIndex((finding, index) => !isDeepStrictEqual(finding, replayed[index]));
console.info(
  `${minutes} minutes: ${closing.summary.picks} picks, ${closing.summary.lost} lost, ${live.length} findings live, ${replayed.length} in the replay`,
);
console.info(`recording ${path}, ${statSync(path).size} bytes, replayed in ${seconds.toFixed(1)} s`);
console.info(
  [...rules]
    .sort()
    .map(([rule, times]) => `${rule} ${times}`)
    .join(', '),
);
if (differs >= 0)
  console.info('first difference:', JSON.stringify(live[differs]), JSON.stringify(replayed[differs]));
const isSame = exitCode === 0 && differs < 0 && live.length === replayed.length;
console.info(isSame ? 'the same findings, in order and in time' : 'NOT the same');
process.exitCode = isSame ? 0 : 1;
