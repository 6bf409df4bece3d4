// A listener that closes in the middle of handshakes, where the kernel migrates: the situation of Linux's migrate_reuseport for requests.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  connect,
  type Outcome,
  type Server,
  setInNetns,
  startServers,
  waitFor,
} from '../../workloads/workload.js';
import { memberOf } from '../check.js';
import type { Workload } from '../workload.js';

/** How slow a loopback is on which a handshake lasts long enough to be seen. */
const DELAY = '1500ms';
const CLIENTS = 12;

export const handshakes = (port: number): Workload => {
  const netns = `slow-hs-${port}`;
  const inNetns = (...words: readonly string[]): string =>
    execFileSync('ip', ['netns', 'exec', netns, ...words], { encoding: 'utf8' });
  let servers: readonly Server[] = [];
  let clients: Outcome | undefined;
  return {
    name: 'handshakes of a listener that closes go to the other one, and none is told as lost',
    before: async () => {
      execFileSync('ip', ['netns', 'add', netns]);
      execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
      execFileSync('tc', ['-n', netns, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', DELAY]);
      setInNetns(netns, 'net/ipv4/tcp_migrate_req', '1');
      servers = await startServers(2, { port, netns });
    },
    run: async () => {
      const connecting = connect({ port, netns, count: CLIENTS, parallel: CLIENTS, timeoutMs: 60_000 });
      await waitFor(
        'every handshake to be half done',
        () => inNetns('ss', '-Htn', 'state', 'syn-recv').trim().split('\n').length === CLIENTS,
        60_000,
      );
      await servers[0]?.close();
      clients = await connecting;
      await waitFor('the heir to have all', async () => (await servers[1]?.count()) === CLIENTS, 60_000);
    },
    after: () => void execFileSync('ip', ['netns', 'delete', netns]),
    check: (tool, closing) => {
      const [from, to] = servers.map((server) => memberOf(closing, server));
      assert.equal(clients?.ok, CLIENTS);
      assert.equal((from?.picks ?? 0) + (to?.picks ?? 0), CLIENTS);
      assert.deepEqual([from?.accepted, to?.accepted], [0, CLIENTS]);
      const moves = tool.events.filter((event) => event.kind === 'moved' && event.ino === from?.ino);
      assert.ok(moves.length >= (from?.picks ?? Number.NaN), `${moves.length} moved of ${from?.picks}`);
      assert.ok(
        moves.every((event) => event.kind === 'moved' && event.what === 'request' && event.toIno === to?.ino),
      );
      const lost = closing.summary.findings.filter(
        ({ rule, group }) => rule === 'lost-at-close' && group?.endsWith(` ${port}`),
      );
      assert.deepEqual(
        lost.map(({ text }) => text),
        [],
      );
    },
  };
};
