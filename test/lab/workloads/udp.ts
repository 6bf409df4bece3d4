// UDP as the function rungs see it: picked, delivered, refused by a full buffer, received, and how many clients there are.
import assert from 'node:assert/strict';
import { connect, type Server, startServers, waitFor } from '../../workloads/workload.js';
import { causesOf, memberOf, picksOf, sameButMissed } from '../check.js';
import type { Workload } from '../workload.js';

/** What each server read, once no more comes. */
export const readBy = (servers: readonly Server[]): Promise<readonly number[]> => {
  let before = '';
  return waitFor(
    'the servers to have read everything',
    async () => {
      const counts = await Promise.all(servers.map((server) => server.count()));
      if (counts.join() !== before) {
        before = counts.join();
        throw new Error(before);
      }
      return counts;
    },
    120_000,
  );
};

const sumOf = (values: readonly (number | null)[]): number =>
  values.reduce<number>((sum, value) => sum + (value ?? Number.NaN), 0);

export const udp = (base: number): Workload => {
  let older: readonly Server[] = [];
  let younger: readonly Server[] = [];
  let six: readonly Server[] = [];
  let joined: readonly Server[] = [];
  let counts: readonly (readonly number[])[] = [];
  return {
    name: 'UDP: every datagram is picked, delivered or refused, and received',
    before: async () => {
      older = await startServers(3, { port: base + 1, proto: 'udp' });
    },
    run: async (tool) => {
      younger = await startServers(4, { port: base + 2, proto: 'udp' });
      six = await startServers(2, { port: base + 3, proto: 'udp', addr: '::1' });
      await connect({ port: base + 1, proto: 'udp', count: 997, perSocket: 3 });
      const src = '127.0.0.1-127.0.0.60';
      assert.equal((await connect({ port: base + 2, proto: 'udp', count: 1201, src })).ok, 1201);
      await connect({ port: base + 3, addr: '::1', proto: 'udp', count: 311 });
      // Of a stopped one the buffer fills up: some 160 datagrams fit into 212,992 bytes.
      await younger[1]?.stick();
      await connect({ port: base + 2, proto: 'udp', count: 2003 });
      // A wildcard socket that is connected leaves its group, one of an address stays and is skipped.
      joined = await startServers(3, (index) => ({
        port: base + 4,
        proto: 'udp',
        ...(index === 1 ? { connectTo: { addr: '127.0.0.9', port: 9 } } : {}),
      }));
      await connect({ port: base + 4, proto: 'udp', count: 401 });
      await tool.see('the connected one to be told', (events) =>
        events.some(
          (event) => event.kind === 'socket' && event.ino === joined[1]?.ino && event.peer !== undefined,
        ),
      );
      await younger[1]?.resume();
      counts = [await readBy(older), await readBy(younger), await readBy(six), await readBy(joined)];
      await younger[0]?.close();
      await tool.see('the close', (events) =>
        events.some((event) => event.kind === 'close' && event.ino === younger[0]?.ino),
      );
    },
    check: (tool, closing) => {
      const groups = [older, younger, six, joined];
      const sent = [997, 3204, 311, 401];
      groups.forEach((group, at) => {
        const members = group.map((server) => memberOf(closing, server));
        const { missed } = closing.summary;
        const known = (value: number | null): number => value ?? Number.NaN;
        sameButMissed(
          'received',
          members.map(({ received }) => known(received)),
          counts[at] ?? [],
          missed,
        );
        sameButMissed('picks', [sumOf(members.map(({ picks }) => picks))], [sent[at] ?? -1], missed);
        // Two programs count what was picked and what became of it: either may have been skipped.
        for (const { picks, delivered, dropped } of members) {
          const short = picks - known(delivered) - known(dropped);
          assert.ok(
            Math.abs(short) <= missed,
            `${picks} picks, ${delivered} delivered, ${dropped} dropped, ${missed} skipped`,
          );
        }
      });
      const stopped = memberOf(closing, younger[1] as Server);
      assert.ok((stopped.dropped ?? 0) > 0, 'nothing was refused by the full buffer');
      for (const server of younger) {
        const { clients, clientsError } = memberOf(closing, server);
        // 60 addresses and 127.0.0.1 again; each comes to every member sooner or later.
        assert.ok(clients !== null && clients >= 55 && clients <= 70, `${clients} ±${clientsError} clients`);
      }
      assert.deepEqual(
        older.map((server) => memberOf(closing, server).index),
        [0, 1, 2],
      );
      assert.equal(memberOf(closing, younger[0] as Server).listening, false);
      // The last one moved into the place of the first, which closed.
      assert.deepEqual(
        younger.slice(1).map((server) => memberOf(closing, server).index),
        [1, 2, 0],
      );
      const skipped = causesOf(picksOf(tool.events, base + 4));
      assert.ok((skipped['skipped-connected'] ?? 0) > 0, JSON.stringify(skipped));
      assert.equal(memberOf(closing, joined[1] as Server).picks, 0);
      const joins = tool.events.filter((event) => event.kind === 'join' && event.lport === base + 2);
      assert.deepEqual(
        joins.map((event) => event.kind === 'join' && [event.proto, event.index]),
        [0, 1, 2, 3].map((index) => ['udp', index]),
      );
    },
  };
};
