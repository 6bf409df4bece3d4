// The smallest group, and connections that are reset while they wait: the counts stay the servers' own.
import assert from 'node:assert/strict';
import { connect, holdOpen, type Server, startServers, waitFor } from '../../workloads/workload.js';
import { countsOf, memberOf, picksOf, SETTLE_MS, sameCounts, ssQueues } from '../check.js';
import type { Workload } from '../workload.js';

export const edges = (base: number): Workload => {
  let [alone, slow]: (readonly Server[])[] = [];
  let counted: ReadonlyMap<number, number> = new Map();
  return {
    name: 'a group of one, and connections that are reset before accept()',
    before: async () => {
      alone = await startServers(1, { port: base + 1 });
      slow = await startServers(3, { port: base + 2, mode: 'stuck', backlog: 64 });
    },
    run: async () => {
      await connect({ port: base + 1, count: 17 });
      // Queued first: a reset that overtakes the final ACK by another CPU would end the handshake.
      const held = await holdOpen({ port: base + 2, count: 41, linger0: true });
      assert.equal(held.ok, 41);
      const queued = (): number => [...ssQueues(base + 2).values()].reduce((sum, [queue]) => sum + queue, 0);
      await waitFor('all of them to be queued', () => queued() === 41, SETTLE_MS);
      await held.stop();
      // accept() returns a connection that was reset in the queue, too.
      await Promise.all((slow ?? []).map((server) => server.resume()));
      counted = new Map([...(await countsOf(alone ?? [], 17)), ...(await countsOf(slow ?? [], 41))]);
    },
    check: (tool, closing) => {
      const servers = [...(alone ?? []), ...(slow ?? [])];
      sameCounts(closing, servers, counted);
      for (const server of servers) {
        const { queue, killed, dropped } = memberOf(closing, server);
        assert.deepEqual([queue, killed, dropped], [0, 0, 0]);
      }
      const picks = picksOf(tool.events, base + 1);
      assert.deepEqual([...new Set(picks.map(({ n, index }) => `${n} ${index}`))], ['1 0']);
    },
  };
};
