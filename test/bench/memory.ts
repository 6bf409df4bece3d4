// Whether the tool's memory grows with the clients it has seen: a million connections, each from another address and port, and
// all of them shown.
//
// USAGE: node dist/test/bench/memory.js [--try]     as root
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { residentMb } from './cpu.js';
import { isTry, report } from './figure.js';

const PORT = 21_405;
const CLIENTS = isTry ? 20_000 : 1_000_000;
const STEPS = 20;

await startServers(4, { port: PORT, backlog: 4096 });
const tool = await startTool(['--port', String(PORT), '--details', '30000']);
const seen = new Set<string>();
const memory: number[] = [];
try {
  for (let step = 0; step < STEPS; step++) {
    // Two processes leave each address its 28,000 ephemeral ports long before they come again.
    const { ok } = await connect({
      ...{ port: PORT, count: CLIENTS / STEPS, parallel: 2, linger0: true, timeoutMs: 30_000 },
      src: `127.0.${step}.1-127.0.${step}.250`,
    });
    if (ok !== CLIENTS / STEPS) throw new Error(`${ok} connections were made`);
    memory.push(residentMb(tool.child.pid ?? 0));
    for (const event of tool.forget()) if (event.kind === 'pick') seen.add(`${event.raddr} ${event.rport}`);
  }
  const { summary } = await tool.finish();
  const [early = Number.NaN, last = Number.NaN] = [memory[STEPS / 10 - 1], memory.at(-1)];
  report('memory', [
    { what: 'connections', value: summary.picks ?? Number.NaN, unit: '' },
    { what: 'clients shown, by address and port', value: seen.size, unit: '' },
    { what: 'resident memory after a tenth of them', value: early, unit: 'MB' },
    { what: 'resident memory after all', value: last, unit: 'MB', note: 'with --details 30000' },
    { what: 'all / a tenth', value: last / early, unit: 'x', goal: { below: 1.25 } },
  ]);
} finally {
  await stopAll();
}
