// What a stuck worker costs: connections dropped at the SYN, killed at close, moved where the kernel migrates.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect, type Held, holdOpen, type Server, startServers } from '../../workloads/workload.js';
import { memberOf } from '../check.js';
import type { Workload } from '../workload.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export const losses = (base: number): Workload => {
  let [full, killed, moved]: (readonly Server[])[] = [];
  const open: Held[] = [];
  return {
    name: 'dropped, killed and moved connections equal what the clients saw',
    before: async () => {
      full = await startServers(1, { port: base + 1, mode: 'stuck', backlog: 4 });
      killed = await startServers(2, { port: base + 2, mode: 'stuck', backlog: 64 });
      moved = await startServers(2, { port: base + 3, mode: 'stuck', backlog: 64 });
    },
    run: async () => {
      // One more than the backlog fits.
      for (const [port, count] of [
        [base + 1, 5],
        [base + 2, 23],
        [base + 3, 19],
      ] as const) {
        const held = await holdOpen({ port, count });
        open.push(held);
        assert.equal(held.ok, count);
      }
      assert.equal((await connect({ port: base + 1, count: 7, timeoutMs: 400 })).timedout, 7);
      writeFileSync(MIGRATE, '0');
      await killed?.[0]?.close();
      writeFileSync(MIGRATE, '1');
      await moved?.[0]?.close();
      writeFileSync(MIGRATE, '0');
    },
    check: (_, closing) => {
      const facts = (servers: readonly Server[] | undefined) =>
        (servers ?? []).map((server) => memberOf(closing, server));
      const [stuck] = facts(full);
      assert.deepEqual([stuck?.picks, stuck?.established, stuck?.queue, stuck?.dropped], [12, 5, 5, 7]);

      const [closed, stays] = facts(killed);
      assert.equal((closed?.established ?? 0) + (stays?.established ?? 0), 23);
      assert.deepEqual([closed?.killed, closed?.queuedAtClose], [closed?.established, closed?.established]);
      assert.equal(stays?.index, 0);

      const [from, to] = facts(moved);
      assert.equal((from?.established ?? 0) + (to?.established ?? 0), 19);
      assert.deepEqual(
        [from?.movedFrom, to?.movedTo, from?.killed],
        [from?.established, from?.established, 0],
      );
      assert.equal(to?.queue, 19);
    },
  };
};
