// Whatever chose in place of the hash is named: SO_INCOMING_CPU, classic and eBPF programs, and what they left to the hash.
import assert from 'node:assert/strict';
import { scale } from '../../../src/core/cause.js';
import { connect, type Server, type ServerOptions, startServers } from '../../workloads/workload.js';
import { causesOf, countsOf, memberOf, picksOf, sameCounts } from '../check.js';
import type { Workload } from '../workload.js';

/** Member `at` of the group has the options, the others only the port. */
const only =
  (at: number, options: ServerOptions): ((index: number) => ServerOptions) =>
  (index) =>
    index === at ? options : { port: options.port ?? 0 };

export const causes = (base: number): Workload => {
  const ports = {
    classic: base + 1,
    outside: base + 2,
    select: base + 3,
    pass: base + 4,
    drop: base + 5,
    cpus: base + 6,
  };
  let served: (readonly Server[])[] = [];
  let refusing: readonly Server[] = [];
  const counted = new Map<number, number>();
  return {
    name: 'the cause of every pick is named',
    before: async () => {
      served = [
        await startServers(3, only(0, { port: ports.classic, cbpf: 1, cbpfWhen: 'after' })),
        await startServers(3, only(0, { port: ports.outside, cbpf: 9, cbpfWhen: 'after' })),
        await startServers(3, only(2, { port: ports.select, ebpf: 'index' })),
        await startServers(3, only(0, { port: ports.pass, ebpf: 'pass' })),
        await startServers(2, (index) => ({ port: ports.cpus, incomingCpu: index })),
      ];
      refusing = await startServers(3, only(0, { port: ports.drop, ebpf: 'drop' }));
    },
    run: async () => {
      for (const group of served)
        assert.equal((await connect({ port: group[0]?.port ?? 0, count: 31 })).ok, 31);
      assert.equal((await connect({ port: ports.drop, count: 7 })).refused, 7);
      for (const group of served)
        for (const [ino, count] of await countsOf(group, 31)) counted.set(ino, count);
    },
    check: (tool, closing) => {
      for (const group of served) sameCounts(closing, group, counted);
      const picks = (port: number) => picksOf(tool.events, port);
      assert.deepEqual(causesOf(picks(ports.classic)), { bpf: 31 });
      assert.deepEqual(causesOf(picks(ports.outside)), { 'bpf-fallback': 31 });
      assert.deepEqual(causesOf(picks(ports.select)), { bpf: 31 });
      assert.deepEqual(causesOf(picks(ports.pass)), { 'bpf-fallback': 31 });
      assert.deepEqual(causesOf(picks(ports.cpus)), { 'incoming-cpu': 31 });
      assert.ok(picks(ports.classic).every((pick) => pick.index === 1));
      assert.ok(picks(ports.select).every((pick) => pick.index === 2));
      assert.ok(picks(ports.cpus).every((pick) => pick.index === pick.cpu));
      for (const pick of [...picks(ports.outside), ...picks(ports.pass)]) {
        assert.equal(pick.index, scale(pick.hash ?? -1, pick.n));
      }
      const drops = new Set(refusing.map((server) => server.ino));
      assert.equal(tool.events.filter((event) => event.kind === 'refused' && drops.has(event.ino)).length, 7);
      for (const server of refusing) assert.equal(memberOf(closing, server).picks, 0);
      const types = new Set(tool.events.flatMap((event) => (event.kind === 'program' ? [event.type] : [])));
      assert.deepEqual(
        [types.has(0), types.has(21)],
        [true, true],
        `program types seen: ${[...types].join(' ')}`,
      );
    },
  };
};
