// What a stuck worker costs: connections dropped at the SYN, killed at close, moved where the kernel migrates.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import {
  connect,
  type Held,
  holdOpen,
  type Outcome,
  type Server,
  startServers,
} from '../../workloads/workload.js';
import { memberOf } from '../check.js';
import type { Workload } from '../workload.js';

/** How slow a loopback is on which five SYNs arrive before the first final ACK does. */
const DELAY = '400ms';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export const losses = (base: number): Workload => {
  let [full, killed, moved, late]: (readonly Server[])[] = [];
  let clients: Outcome | undefined;
  const open: Held[] = [];
  const slowNetns = `slow-lo-${base}`;
  return {
    name: 'connections dropped at SYN and final ACK, killed and moved equal what the clients saw',
    before: async () => {
      full = await startServers(1, { port: base + 1, mode: 'stuck', backlog: 4 });
      killed = await startServers(2, { port: base + 2, mode: 'stuck', backlog: 64 });
      moved = await startServers(2, { port: base + 3, mode: 'stuck', backlog: 64 });
      execFileSync('ip', ['netns', 'add', slowNetns]);
      execFileSync('ip', ['-n', slowNetns, 'link', 'set', 'lo', 'up']);
      execFileSync('tc', ['-n', slowNetns, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', DELAY]);
      late = await startServers(1, { port: base + 4, mode: 'stuck', backlog: 1, netns: slowNetns });
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
      clients = await connect({ port: base + 4, count: 5, parallel: 5, netns: slowNetns });
      writeFileSync(MIGRATE, '0');
      await killed?.[0]?.close();
      writeFileSync(MIGRATE, '1');
      await moved?.[0]?.close();
      writeFileSync(MIGRATE, '0');
    },
    after: () => void execFileSync('ip', ['netns', 'delete', slowNetns]),
    check: (tool, closing) => {
      const facts = (servers: readonly Server[] | undefined) =>
        (servers ?? []).map((server) => memberOf(closing, server));
      const [stuck] = facts(full);
      assert.deepEqual([stuck?.picks, stuck?.established, stuck?.queue, stuck?.dropped], [12, 5, 5, 7]);

      // All five clients believe that they are connected; two fit, of three the final ACK was dropped.
      const [slow] = facts(late);
      const dropped = tool.events.filter((event) => event.kind === 'drop' && event.ino === slow?.ino);
      assert.equal(clients?.ok, 5);
      assert.deepEqual([slow?.picks, slow?.established, slow?.queue, slow?.dropped], [5, 2, 2, 3]);
      assert.deepEqual(
        dropped.map((event) => event.kind === 'drop' && event.why),
        ['ack', 'ack', 'ack'],
      );

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
