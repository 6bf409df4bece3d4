// Prime numbers of connections over IPv4, IPv6 and both, to listeners older and younger than the tool: all counts equal.
import assert from 'node:assert/strict';
import {
  connect,
  type Held,
  holdOpen,
  type Server,
  startServer,
  startServers,
} from '../../workloads/workload.js';
import { allByHash, countsOf, memberOf, picksOf, sameCounts, ssQueues } from '../check.js';
import type { Workload } from '../workload.js';

export const counts = (base: number): Workload => {
  const ports = {
    v4: base + 1,
    v6: base + 2,
    dual: base + 3,
    younger: base + 4,
    single: base + 5,
    stuck: base + 6,
  };
  let [v4, v6, dual, single, stuck, younger]: (readonly Server[])[] = [];
  let held: Held | undefined;
  const counted = new Map<number, number>();
  /** What ss says of every port. */
  const said = new Map<number, readonly [number, number]>();
  return {
    name: "picks, established and accepted of every member equal the server's own, and picks are where the hash says",
    before: async () => {
      v4 = await startServers(4, { port: ports.v4, addr: '0.0.0.0' });
      v6 = await startServers(3, { port: ports.v6, addr: '::1' });
      dual = await startServers(5, { port: ports.dual, addr: '::', v6only: false });
      single = [await startServer({ port: ports.single, reuseport: false })];
      stuck = await startServers(2, { port: ports.stuck, mode: 'stuck', backlog: 64 });
    },
    run: async () => {
      younger = await startServers(3, { port: ports.younger });
      await connect({ port: ports.v4, count: 211 });
      await connect({ port: ports.v6, addr: '::1', count: 97 });
      await connect({ port: ports.dual, count: 53 });
      await connect({ port: ports.dual, addr: '::1', count: 47 });
      await connect({ port: ports.younger, count: 101 });
      await connect({ port: ports.single, count: 13 });
      held = await holdOpen({ port: ports.stuck, count: 29 });
      assert.equal(held.ok, 29);
      for (const [servers, total] of [
        [v4, 211],
        [v6, 97],
        [dual, 100],
        [younger, 101],
        [single, 13],
      ] as const) {
        for (const [ino, count] of await countsOf(servers ?? [], total)) counted.set(ino, count);
      }
      for (const port of Object.values(ports))
        for (const [ino, queue] of ssQueues(port)) said.set(ino, queue);
    },
    check: (tool, closing) => {
      const groups = [v4, v6, dual, younger, single, stuck].map((servers) => servers ?? []);
      const sharing = groups.filter((servers) => servers !== single);
      sameCounts(closing, groups.filter((servers) => servers !== stuck).flat(), counted);
      for (const servers of sharing) {
        const picks = picksOf(tool.events, servers[0]?.port ?? 0);
        assert.ok(picks.length > 0);
        allByHash(picks, servers);
        assert.deepEqual(
          servers.map((server) => memberOf(closing, server).index),
          servers.map((_, index) => index),
        );
      }
      for (const server of single ?? []) assert.equal(memberOf(closing, server).reuseport, false);
      for (const server of stuck ?? []) {
        const { established, accepted } = memberOf(closing, server);
        assert.deepEqual([established, accepted], [said.get(server.ino)?.[0], 0]);
      }

      // Members and backlogs as ss says, and queues but for what the kernel skipped.
      const ours = closing.members.filter(({ lport }) => Object.values(ports).includes(lport));
      assert.deepEqual(
        new Map(ours.map(({ ino, backlog }) => [ino, backlog])),
        new Map([...said].map(([ino, [, backlog]]) => [ino, backlog])),
      );
      const beyond = ours.map(({ ino, queue }) =>
        Math.abs((queue ?? Number.NaN) - (said.get(ino)?.[0] ?? 0)),
      );
      assert.ok(
        beyond.reduce((sum, each) => sum + each, 0) <= closing.summary.missed,
        `queues ${ours.map(({ queue }) => queue).join(' ')}, ss says ${[...said.values()].map(([queue]) => queue).join(' ')}`,
      );
    },
  };
};
