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
  waitFor,
} from '../../workloads/workload.js';
import { memberOf, SETTLE_MS, ssQueues, stillOpen } from '../check.js';
import type { Workload } from '../workload.js';

/** How slow a loopback is on which five SYNs arrive before the first final ACK does. */
const DELAY = '400ms';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

/** Two queues of BACKLOG + 1 are full after so many attempts, but once in 3,500 times (binomial). */
const [BACKLOG, ATTEMPTS] = [3, 24];
const FULL = 2 * (BACKLOG + 1);

export const losses = (base: number): Workload => {
  let [full, killed, moved, late]: (readonly Server[])[] = [];
  let clients: Outcome | undefined;
  let waiting: Held | undefined;
  /** What the clients of the two groups saw: connected, given up, and still connected when one member had closed. */
  const saw: { ok: number; timedout: number; open: number }[] = [];
  const slowNetns = `slow-lo-${base}`;
  return {
    name: 'connections dropped at SYN and final ACK, killed and moved equal what the clients saw',
    before: async () => {
      full = await startServers(1, { port: base + 1, mode: 'stuck', backlog: 4 });
      killed = await startServers(2, { port: base + 2, mode: 'stuck', backlog: BACKLOG });
      moved = await startServers(2, { port: base + 3, mode: 'stuck', backlog: BACKLOG });
      execFileSync('ip', ['netns', 'add', slowNetns]);
      execFileSync('ip', ['-n', slowNetns, 'link', 'set', 'lo', 'up']);
      execFileSync('tc', ['-n', slowNetns, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', DELAY]);
      late = await startServers(1, { port: base + 4, mode: 'stuck', backlog: 1, netns: slowNetns });
    },
    run: async () => {
      // One more than the backlog fits.
      waiting = await holdOpen({ port: base + 1, count: 5 });
      assert.equal(waiting.ok, 5);
      assert.equal((await connect({ port: base + 1, count: 7, timeoutMs: 400 })).timedout, 7);
      clients = await connect({ port: base + 4, count: 5, parallel: 5, netns: slowNetns });
      for (const [port, servers, migrates, left] of [
        [base + 2, killed, '0', FULL / 2],
        [base + 3, moved, '1', FULL],
      ] as const) {
        const { ok, timedout } = await holdOpen({ port, count: ATTEMPTS, timeoutMs: 400 });
        assert.deepEqual([...ssQueues(port).values()], Array(2).fill([BACKLOG + 1, BACKLOG]));
        writeFileSync(MIGRATE, migrates);
        await servers?.[0]?.close();
        writeFileSync(MIGRATE, '0');
        await waitFor(`${left} clients to be connected`, () => stillOpen(port) === left, SETTLE_MS);
        saw.push({ ok, timedout, open: stillOpen(port) });
      }
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

      const [ofKilled, ofMoved] = saw;
      const [closed, stays] = facts(killed);
      const sum = (counter: 'picks' | 'established' | 'dropped', members: ReturnType<typeof facts>) =>
        members.reduce((all, member) => all + (member[counter] ?? Number.NaN), 0);
      for (const [seen, members] of [
        [ofKilled, facts(killed)],
        [ofMoved, facts(moved)],
      ] as const) {
        assert.equal(seen?.ok, FULL);
        assert.deepEqual(
          [sum('picks', members), sum('established', members), sum('dropped', members)],
          [ATTEMPTS, seen?.ok, seen?.timedout],
        );
      }
      assert.deepEqual([closed?.killed, closed?.queuedAtClose], [FULL - (ofKilled?.open ?? 0), BACKLOG + 1]);
      assert.deepEqual([stays?.index, stays?.queue, stays?.killed], [0, BACKLOG + 1, 0]);

      // Its queue is beyond its limit then: inet_csk_listen_stop() does not look at it.
      const [from, to] = facts(moved);
      assert.deepEqual([from?.movedFrom, to?.movedTo, from?.killed], [BACKLOG + 1, BACKLOG + 1, 0]);
      assert.equal(to?.queue, ofMoved?.open);
    },
  };
};
