// What tracing costs the server: connections per second with and without the tool, in turns, as a ratio.
import { startTool } from '../live/tool.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';

const ROUNDS = 7;
const CONNECTIONS = 20_000;

/** Connections per second that two client processes make to four listeners. */
const rate = async (port: number): Promise<number> => {
  const started = performance.now();
  const { ok } = await connect({
    port,
    count: CONNECTIONS,
    parallel: 2,
    linger0: true,
    src: '127.0.0.1-127.0.0.8',
  });
  if (ok !== CONNECTIONS) throw new Error(`${ok} of ${CONNECTIONS} connections were made`);
  return ok / ((performance.now() - started) / 1000);
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const main = async (): Promise<void> => {
  const port = 21_402;
  await startServers(4, { port });
  await rate(port);
  const [alone, traced]: [number[], number[]] = [[], []];
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = await rate(port);
    const tool = await startTool(['--port', String(port)]);
    const withTool = await rate(port);
    await tool.finish();
    alone.push(without);
    traced.push(withTool);
    ratios.push(withTool / without);
  }
  await stopAll();
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  console.info(`connections/s untraced            median ${median(alone).toFixed(0)} of ${ROUNDS}`);
  console.info(`connections/s traced, default     median ${median(traced).toFixed(0)} of ${ROUNDS}`);
  console.info(`traced / untraced, by round       median ${median(ratios).toFixed(2)}, ${spread}`);
};

await main();
