// What a stuck worker costs: connections dropped at SYN and at the final ACK, killed at close, moved where the kernel migrates.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { startTool } from '../../live/tool.js';
import { connect, holdOpen, startServers, stopAll } from '../../workloads/workload.js';
import type { Case } from '../case.js';
import { clean, FUNCTION_RUNGS, memberOf } from '../check.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export const cases: readonly Case[] = FUNCTION_RUNGS.map((rung) => ({
  name: `dropped, killed and moved connections on the ${rung} rung equal what the clients saw`,
  run: async () => {
    try {
      const [stuck] = await startServers(1, { port: 8301, mode: 'stuck', backlog: 4 });
      const killed = await startServers(2, { port: 8302, mode: 'stuck', backlog: 64 });
      const moved = await startServers(2, { port: 8303, mode: 'stuck', backlog: 64 });
      assert.ok(stuck);
      const tool = await startTool(['--probe', rung]);

      // One more than the backlog fits; the rest hang. A handshake under way when it fills loses its final ACK.
      const held = await holdOpen({ port: 8301, count: 5 });
      assert.equal(held.ok, 5);
      const hung = await connect({ port: 8301, count: 7, timeoutMs: 400 });
      assert.equal(hung.timedout, 7);

      writeFileSync(MIGRATE, '0');
      const open = await holdOpen({ port: 8302, count: 23 });
      assert.equal(open.ok, 23);
      writeFileSync(MIGRATE, '1');
      const migrating = await holdOpen({ port: 8303, count: 19 });
      assert.equal(migrating.ok, 19);
      writeFileSync(MIGRATE, '0');
      await killed[0]?.close();
      writeFileSync(MIGRATE, '1');
      await moved[0]?.close();
      writeFileSync(MIGRATE, '0');
      const canMigrate = readFileSync('/proc/kallsyms', 'utf8').includes(' reuseport_migrate_sock\n');
      assert.ok(existsSync(MIGRATE));

      const closing = await tool.finish();
      const full = memberOf(closing, stuck);
      assert.deepEqual([full.established, full.queue, full.dropped], [5, 5, 7]);
      assert.equal(full.picks, 12);

      const [closedMember, openMember] = killed.map((server) => memberOf(closing, server));
      assert.ok(closedMember && openMember);
      assert.equal(closedMember.established + openMember.established, 23);
      assert.deepEqual(
        [closedMember.killed, closedMember.queuedAtClose],
        [closedMember.established, closedMember.established],
      );
      assert.equal(openMember.index, 0);

      const [from, to] = moved.map((server) => memberOf(closing, server));
      assert.ok(from && to);
      assert.equal(from.established + to.established, 19);
      if (canMigrate) {
        assert.deepEqual([from.movedFrom, to.movedTo, from.killed], [from.established, from.established, 0]);
        assert.equal(to.queue, 19);
      }
      await Promise.all([held.stop(), open.stop(), migrating.stop()]);
      clean(tool, closing);
    } finally {
      await stopAll();
    }
  },
}));
