// Prime numbers of connections over IPv4, IPv6 and both, to listeners older and younger than the tool: all counts equal.
import assert from 'node:assert/strict';
import { startTool } from '../../live/tool.js';
import { connect, holdOpen, startServer, startServers, stopAll } from '../../workloads/workload.js';
import type { Case } from '../case.js';
import {
  allByHash,
  clean,
  countsOf,
  FUNCTION_RUNGS,
  memberOf,
  picksOf,
  sameCounts,
  ssQueues,
} from '../check.js';

const ports = { v4: 8001, v6: 8002, dual: 8003, younger: 8004, single: 8005, stuck: 8006 };

export const cases: readonly Case[] = FUNCTION_RUNGS.map((rung) => ({
  name: `counts on the ${rung} rung equal the servers' own, and every pick is where the hash says`,
  run: async () => {
    try {
      const v4 = await startServers(4, { port: ports.v4, addr: '0.0.0.0' });
      const v6 = await startServers(3, { port: ports.v6, addr: '::1' });
      const dual = await startServers(5, { port: ports.dual, addr: '::', v6only: false });
      const single = await startServer({ port: ports.single, reuseport: false });
      const stuck = await startServers(2, { port: ports.stuck, mode: 'stuck', backlog: 64 });
      const tool = await startTool(['--probe', rung]);
      const younger = await startServers(3, { port: ports.younger });

      await connect({ port: ports.v4, count: 211 });
      await connect({ port: ports.v6, addr: '::1', count: 97 });
      await connect({ port: ports.dual, count: 53 });
      await connect({ port: ports.dual, addr: '::1', count: 47 });
      await connect({ port: ports.younger, count: 101 });
      await connect({ port: ports.single, count: 13 });
      const held = await holdOpen({ port: ports.stuck, count: 29 });
      assert.equal(held.ok, 29);

      const counted = new Map([
        ...(await countsOf(v4, 211)),
        ...(await countsOf(v6, 97)),
        ...(await countsOf(dual, 100)),
        ...(await countsOf(younger, 101)),
        ...(await countsOf([single], 13)),
      ]);
      const queues = ssQueues(ports.stuck);
      const closing = await tool.finish();
      sameCounts(closing, [...v4, ...v6, ...dual, ...younger, single], counted);
      for (const port of [ports.v4, ports.v6, ports.dual, ports.younger, ports.stuck]) {
        const picks = picksOf(tool.events, port);
        assert.ok(picks.length > 0);
        allByHash(picks);
      }
      for (const group of [v4, v6, dual, younger]) {
        assert.deepEqual(
          group.map((server) => memberOf(closing, server).index),
          group.map((_, index) => index),
        );
      }
      assert.equal(memberOf(closing, single).reuseport, false);
      for (const server of stuck) {
        const { queue, backlog, established, accepted } = memberOf(closing, server);
        assert.deepEqual([queue, backlog], queues.get(server.ino));
        assert.deepEqual([established, accepted], [queue, 0]);
      }
      clean(tool, closing);
      await held.stop();
    } finally {
      await stopAll();
    }
  },
}));
