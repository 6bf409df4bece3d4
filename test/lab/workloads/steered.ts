// The situations of Linux's own self-tests of steered groups (reuseport_bpf, reuseport_bpf_cpu, reuseport_bpf_numa, migrate_reuseport), as the function rungs see them.
import assert from 'node:assert/strict';
import {
  connect,
  type Held,
  holdOpen,
  type Server,
  type ServerOptions,
  startServers,
} from '../../workloads/workload.js';
import { causesOf, memberOf, picksOf, sameButMissed } from '../check.js';
import type { Workload } from '../workload.js';

const NUMBERS = 62;
const PER_CPU = [40, 47];
const QUEUED = 19;

export const steered = (base: number): Workload => {
  const groups: {
    readonly servers: readonly Server[];
    readonly want: readonly number[];
    readonly type: number;
  }[] = [];
  let moved: readonly Server[] = [];
  let before: readonly Server[] = [];
  let held: Held | undefined;
  /** Member 0 has the program. */
  const start = async (
    n: number,
    at: ServerOptions,
    program: ServerOptions,
    want: readonly number[],
    type: number,
  ) => {
    const servers = await startServers(n, (index) => (index === 0 ? { ...at, ...program } : at));
    groups.push({ servers, want, type });
  };
  const thirds = [21, 21, 20];
  return {
    name: 'programs by payload, CPU and NUMA node, one that migrates, and one that runs before the groups',
    before: async () => {
      await start(3, { port: base + 1, proto: 'udp' }, { cbpf: 'mod:3', cbpfWhen: 'after' }, thirds, 0);
      await start(3, { port: base + 2, proto: 'udp', addr: '::1' }, { ebpf: 'mod:3' }, thirds, 1);
      await start(2, { port: base + 3 }, { cbpf: 'cpu', cbpfWhen: 'after' }, PER_CPU, 0);
      await start(2, { port: base + 4, proto: 'udp' }, { cbpf: 'cpu', cbpfWhen: 'after' }, PER_CPU, 0);
      // The guest is one node.
      await start(2, { port: base + 5 }, { ebpf: 'numa' }, [NUMBERS, 0], 1);
      const stuck = { port: base + 6, mode: 'stuck', backlog: 64 } as const;
      moved = await startServers(2, (index) => (index === 0 ? { ...stuck, ebpf: 'migrate' } : stuck));
    },
    run: async (tool) => {
      before = await startServers(1, { port: base + 7, lookup: 'first_of_all' });
      await connect({ port: base + 1, proto: 'udp', number: true, count: NUMBERS });
      await connect({ port: base + 2, proto: 'udp', addr: '::1', number: true, count: NUMBERS });
      for (const [cpu, count] of PER_CPU.entries()) {
        await connect({ port: base + 3, cpu, count });
        await connect({ port: base + 4, proto: 'udp', cpu, count });
      }
      await connect({ port: base + 5, count: NUMBERS });
      held = await holdOpen({ port: base + 6, count: QUEUED });
      await moved[0]?.close();
      await tool.see('the program before the groups', (events) =>
        events.some((event) => event.kind === 'lookup' && event.name === 'first_of_all'),
      );
      await before[0]?.stop();
      await tool.see('its end', (events) =>
        events.some((event) => event.kind === 'lookup' && event.place === null),
      );
      for (const { servers, want } of groups)
        assert.deepEqual(await Promise.all(servers.map((server) => server.count())), want);
    },
    check: (tool, closing) => {
      const { missed } = closing.summary;
      for (const { servers, want, type } of groups) {
        const members = servers.map((server) => memberOf(closing, server));
        const taken = members.map(({ proto, received, accepted }) =>
          proto === 'udp' ? (received ?? 0) : accepted,
        );
        sameButMissed('taken', taken, want, missed);
        sameButMissed(
          'picks',
          members.map(({ picks }) => picks),
          want,
          missed,
        );
        const inos = servers.map(({ ino }) => ino);
        const types = tool.events.flatMap((event) =>
          event.kind === 'program' && inos.includes(event.ino) && event.type >= 0 ? [event.type] : [],
        );
        assert.deepEqual([...new Set(types)], [type]);
        assert.deepEqual(Object.keys(causesOf(picksOf(tool.events, servers[0]?.port ?? 0))), ['bpf']);
      }
      assert.equal(held?.ok, QUEUED);
      const [from, to] = moved.map((server) => memberOf(closing, server));
      assert.equal((from?.established ?? 0) + (to?.established ?? 0), QUEUED);
      assert.deepEqual(
        [from?.movedFrom, to?.movedTo, from?.killed],
        [from?.established, from?.established, 0],
      );
      assert.equal(to?.queue, QUEUED);
    },
  };
};
