// Captures a recording of everything a function rung tells, for test/fixtures: picks, drops, a join, a leave, refused binds.
//
// USAGE: npm run lab -- GUEST -- node dist/test/lab/capture.js RUNG     the file arrives in the lab's out folder
import { release } from 'node:os';
import type { Rung } from '../../src/core/event.js';
import { startTool } from '../live/tool.js';
import { connect, startRefused, startServer, startServers, stopAll } from '../workloads/workload.js';

const rung = (process.argv[2] ?? 'fentry') as Rung;
const port = 8888;
const path = `/out/linux-${release()}-${rung}.ndjson.gz`;
try {
  const servers = await startServers(4, { port, backlog: 8, name: 'worker' });
  const tool = await startTool(['--port', String(port), '--probe', rung, '--record', path]);
  await connect({ port, count: 61, rate: 40 });
  await startRefused({ port, reuseport: false, name: 'intruder' });
  await startRefused({ port, uid: 1000, name: 'stranger' });
  const late = await startServer({ port, backlog: 8, name: 'late' });
  await connect({ port, count: 41, rate: 40 });
  await late.stop();
  await servers[1]?.stick();
  await connect({ port, count: 71, rate: 40, timeoutMs: 150 });
  const stuckSince = tool.events.at(-1)?.tsNs ?? 0;
  await tool.see('seven seconds of ticks', (events) => (events.at(-1)?.tsNs ?? 0) > stuckSince + 7e9);
  const closing = await tool.finish();
  console.info(JSON.stringify(closing.summary));
} finally {
  await stopAll();
}
