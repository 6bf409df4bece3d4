// The tracepoint rung beside the fentry rung on one workload: every number that both know is the same. Needs 6.3 or newer.

import assert from 'node:assert/strict';
import type { MemberFacts } from '../../../src/members/facts.js';
import { startTool } from '../../live/tool.js';
import { connect, holdOpen, startServers, stopAll } from '../../workloads/workload.js';
import type { Case } from '../case.js';
import { countsOf, hasTracepoint, memberOf, sameButMissed } from '../check.js';

const agree: Case = {
  name: 'tracepoint and fentry agree on every number that both know',
  run: async () => {
    try {
      const port = 8401;
      const servers = await startServers(4, { port });
      const stuck = await startServers(2, { port: port + 1, mode: 'stuck', backlog: 64 });
      const args = ['--port', `${port},${port + 1}`, '--probe'];
      const [functions, tracepoints] = [
        await startTool([...args, 'fentry']),
        await startTool([...args, 'tracepoint']),
      ];
      await connect({ port, count: 223 });
      const held = await holdOpen({ port: port + 1, count: 31 });
      assert.equal(held.ok, 31);
      await servers[1]?.close();
      await connect({ port, count: 101 });
      const counted = await countsOf(servers, 324);
      const [one, other] = [await functions.finish(), await tracepoints.finish()];
      const members = [...servers, ...stuck].map(
        (server) => [memberOf(one, server), memberOf(other, server)] as const,
      );
      for (const [a, b] of members) {
        assert.deepEqual(
          [b.backlog, b.index, b.pid, b.listening, b.queuedAtClose],
          [a.backlog, a.index, a.pid, a.listening, a.queuedAtClose],
        );
        if (counted.has(a.ino)) assert.equal(a.accepted, counted.get(a.ino));
      }
      const { missed } = other.summary;
      const same = (
        what: string,
        ofOther: (b: MemberFacts) => number,
        ofOne: (a: MemberFacts) => number,
      ): void =>
        sameButMissed(
          what,
          members.map(([, b]) => ofOther(b)),
          members.map(([a]) => ofOne(a)),
          missed,
        );
      // A pick of the tracepoint rung is a finished handshake.
      same(
        'picks',
        (b) => b.picks,
        (a) => a.established,
      );
      same(
        'accepted',
        (b) => b.accepted,
        (a) => a.accepted,
      );
      // What was not seen to be accepted stays in the queue as last seen.
      for (const [a, b] of members) {
        const beyond = (b.queue ?? 0) - (a.queue ?? 0);
        assert.ok(beyond >= 0 && beyond <= a.accepted - b.accepted, `queue ${b.queue}, is ${a.queue}`);
      }
      await held.stop();
    } finally {
      await stopAll();
    }
  },
};

export const cases: readonly Case[] = hasTracepoint ? [agree] : [];
