// A DNS server as the function rungs see it: each datagram that NSD answered was picked and delivered, the others were refused.
import assert from 'node:assert/strict';
import type { FindingEvent } from '../../../src/core/state/finding.js';
import { findingsIn, seeFinding } from '../../live/found.js';
import { signal } from '../../workloads/daemon.js';
import { load, type Nsd, startNsd } from '../../workloads/nsd.js';
import type { Workload } from '../workload.js';

export const dns = (port: number): Workload => {
  const quiet = port + 1;
  let servers: readonly Nsd[] = [];
  let stuck: FindingEvent | null = null;
  let answered: readonly (readonly number[])[] = [];
  const sent = { all: 0, half: 0 };
  return {
    name: 'NSD: picked = delivered + refused for each worker, delivered = what it answered, and the one that stopped is named',
    run: async (tool) => {
      const all = await startNsd({ port: quiet, workers: 4 });
      const half = await startNsd({ port, workers: 3 });
      servers = [all, half];
      sent.all = (await load({ port: quiet, queries: 20_011, clients: 61, rate: 1000 })).sent;
      const [, worker = 0] = half.workers;
      // Of the three processes that hold a socket the one that reads is known when it has.
      sent.half = (await load({ port, queries: 211, clients: 61, rate: 200 })).sent;
      signal(worker, 'SIGSTOP');
      const loading = load({ port, queries: 4001, clients: 61, rate: 200 });
      stuck = await seeFinding(tool, port, 'stuck');
      sent.half += (await loading).sent;
      signal(worker, 'SIGCONT');
      await tool.see('its end', () =>
        findingsIn(tool).some(({ rule, status }) => rule === 'stuck' && status === 'cleared'),
      );
      answered = servers.map((nsd) => nsd.queries());
      await Promise.all(servers.map((nsd) => nsd.stop()));
    },
    check: (_, { members }) => {
      assert.equal(stuck?.evidence.pid, servers[1]?.workers[1]);
      servers.forEach(({ workers }, at) => {
        const byWorker = workers.map((pid) =>
          members.find((member) => member.proto === 'udp' && member.pid === pid),
        );
        assert.deepEqual(
          byWorker.map((member) => [member?.received, member?.delivered]),
          answered[at]?.map((count) => [count, count]),
        );
        const picks = byWorker.map((member) => member?.picks ?? Number.NaN);
        assert.deepEqual(
          byWorker.map((member) => (member?.delivered ?? Number.NaN) + (member?.dropped ?? Number.NaN)),
          picks,
        );
        assert.equal(
          picks.reduce((all, count) => all + count, 0),
          at === 0 ? sent.all : sent.half,
        );
        console.log(`  NSD answered ${answered[at]?.join(' ')}, picked ${picks.join(' ')}`);
      });
    },
  };
};
