// An sk_lookup program that leads connections for one port to the group of another: every pick keeps its handshake and its accept().
import assert from 'node:assert/strict';
import { connect, type Outcome, type Server, startServers } from '../../workloads/workload.js';
import { countsOf, picksOf, sameButMissed, sameCounts } from '../check.js';
import type { Workload } from '../workload.js';

const COUNT = 43;
/** Below the budget for details, so that every pick is shown. */
const RATE = 40;

/** Listeners on `port`; clients dial the next one. */
export const dialled = (port: number): Workload => {
  let servers: readonly Server[] = [];
  let counted: ReadonlyMap<number, number> = new Map();
  let clients: Outcome | undefined;
  return {
    name: 'connections that a program leads to another port are linked to their handshake and accept()',
    run: async (tool) => {
      servers = await startServers(3, (index) =>
        index === 0 ? { port, lookup: 'another_port', lookupPort: port + 1 } : { port },
      );
      clients = await connect({ port: port + 1, count: COUNT, rate: RATE });
      counted = await countsOf(servers, COUNT);
      await tool.see('the last pick', (events) => picksOf(events, port).length === COUNT);
      // While it lives, the program stands before every other group of this namespace.
      await servers[0]?.stop();
    },
    check: (tool, closing) => {
      assert.equal(clients?.ok, COUNT);
      sameCounts(closing, servers, counted);
      const picks = picksOf(tool.events, port);
      assert.equal(picks.length, COUNT);
      const linked = picks.map(({ ino, tsNs }) => {
        const queued = tool.events.filter(
          (event) => event.kind === 'queued' && event.ino === ino && event.pickNs === tsNs,
        );
        const accepts = tool.events.filter(
          (event) =>
            event.kind === 'accept' && event.ino === ino && event.pickNs === tsNs && event.waitNs !== null,
        );
        return [queued.length, accepts.length] as const;
      });
      const { missed } = closing.summary;
      sameButMissed(
        'handshakes linked to a pick',
        linked.map(([queued]) => queued),
        linked.map(() => 1),
        missed,
      );
      sameButMissed(
        'accepts linked to a pick',
        linked.map(([, accepts]) => accepts),
        linked.map(() => 1),
        missed,
      );
    },
  };
};
