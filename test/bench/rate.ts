// How many connections a second a server takes: two clients, as fast as they can, each connection closed at once.
import { connect } from '../workloads/workload.js';

/** Makes `count` connections to the port, by RST so that no port stays in TIME_WAIT; throws unless all came about. `src` are addresses to come from. */
export const connectionRate = async (port: number, count: number, src = ''): Promise<number> => {
  const started = performance.now();
  const { ok } = await connect({ port, count, parallel: 2, linger0: true, src, timeoutMs: 30_000 });
  if (ok !== count) throw new Error(`${ok} of ${count} connections were made`);
  return ok / ((performance.now() - started) / 1000);
};
