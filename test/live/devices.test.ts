// Groups of one address and port on several interfaces, on a live kernel: kept apart, named, and counted as their servers count.
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type Server, startServers, stopAll, withNetns } from '../workloads/workload.js';
import { findingsIn, looks } from './found.js';
import { runTool, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const PORT = 10_640;
const PROTOS = ['tcp', 'udp'] as const;
const IFINDEXES = [21, 22] as const;
const ADDRESS = 'fe80::77';

afterEach(stopAll);

/** Two cables between two namespaces; the first has the same link-local address at both of its ends. */
const withCables = <T>(fn: (servers: string, clients: string) => Promise<T>): Promise<T> =>
  withNetns((servers) =>
    withNetns((clients) => {
      const ip = (...words: string[]): unknown => execFileSync('ip', words);
      for (const index of IFINDEXES) {
        const [mine, theirs] = [`s${index}`, `c${index}`];
        ip('-n', servers, 'link', 'add', mine, 'index', String(index), 'type', 'veth', 'peer', theirs);
        ip('-n', servers, 'link', 'set', theirs, 'netns', clients);
        ip('-n', servers, 'addr', 'add', `${ADDRESS}/64`, 'dev', mine, 'nodad');
        ip('-n', clients, 'addr', 'add', `fe80::1/64`, 'dev', theirs, 'nodad');
        ip('-n', servers, 'link', 'set', mine, 'up');
        ip('-n', clients, 'link', 'set', theirs, 'up');
      }
      return fn(servers, clients);
    }),
  );

/** The scope id by which the clients reach that interface of the servers. */
const indexIn = (netns: string, name: string): number =>
  Number(/^(\d+):/.exec(String(execFileSync('ip', ['-n', netns, '-o', 'link', 'show', name])))?.[1]);

describe.skipIf(skip !== null)(`interfaces${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each([
    ['before the tool: found in /proc, where nothing tells them apart, and moved when they are picked', true],
    ['after the tool: told as they begin', false],
  ])('that have the same link-local address are two groups, started %s', (_, isBefore) =>
    withCables(async (netns, clients) => {
      const groups: { index: number; proto: 'tcp' | 'udp'; servers: readonly Server[] }[] = [];
      const start = async (): Promise<void> => {
        for (const index of IFINDEXES)
          for (const proto of PROTOS) {
            const at = { port: PORT, proto, netns, addr: `${ADDRESS}%${index}` };
            groups.push({ index, proto, servers: await startServers(index === 21 ? 2 : 3, at) });
          }
      };
      if (isBefore) await start();
      const tool = await startTool(['--port', String(PORT)]);
      if (!isBefore) await start();
      for (const { index, proto } of groups) {
        const addr = `${ADDRESS}%${indexIn(clients, `c${index}`)}`;
        const count = 40 * (index - 20);
        expect(await connect({ port: PORT, proto, count, addr, netns: clients })).toMatchObject({
          ok: count,
        });
      }
      await looks(tool, 5);
      const counted = await Promise.all(
        groups.map(({ servers }) => Promise.all(servers.map((server) => server.count()))),
      );
      const once = await runTool(['--port', String(PORT), '--once']);
      const { members } = await tool.finish();
      for (const [at, { index, proto, servers }] of groups.entries()) {
        const facts = servers.map(({ ino }) => members.find((member) => member.ino === ino));
        expect(facts.map((member) => [member?.laddr, member?.device])).toEqual(
          servers.map(() => [`${ADDRESS}%${index}`, index]),
        );
        expect(facts.map((member) => member?.index)).toEqual(servers.map((_server, i) => i));
        const taken = facts.map((member) => (proto === 'tcp' ? member?.accepted : member?.received));
        expect(taken).toEqual(counted[at]);
        expect(counted[at]?.reduce((sum, each) => sum + each, 0)).toBe(40 * (index - 20));
        if (proto === 'tcp') expect(facts.map((member) => member?.picks)).toEqual(counted[at]);
      }
      // It reads /proc alone, which does not tell.
      expect(once.stdout).toContain(`tcp6 [${ADDRESS}]:${PORT}`);
      expect(findingsIn(tool).filter(({ rule }) => rule === 'split')).toEqual([]);
    }),
  );

  it('of which one has listeners of its own: a note says who gets what comes by it', () =>
    withNetns(async (netns) => {
      const tool = await startTool(['--port', String(PORT)]);
      const at = { port: PORT, netns };
      const everywhere = await startServers(2, at);
      const bound = await startServers(2, { ...at, dev: 'lo' });
      expect((await connect({ ...at, count: 30 })).ok).toBe(30);
      await looks(tool, 6);
      const counted = await Promise.all([...everywhere, ...bound].map((server) => server.count()));
      const { members } = await tool.finish();
      const facts = [...everywhere, ...bound].map(({ ino }) => members.find((member) => member.ino === ino));
      expect(facts.map((member) => [member?.device, member?.accepted])).toEqual(
        counted.map((count, i) => [i < 2 ? null : 1, count]),
      );
      expect(counted.slice(0, 2)).toEqual([0, 0]);
      expect(
        findingsIn(tool).flatMap(({ rule, severity, text }) => (rule === 'split' ? [[severity, text]] : [])),
      ).toEqual([
        [
          'note',
          `tcp 127.0.0.1:${PORT} shares its port with sockets that are bound to an interface (127.0.0.1%1:${PORT}): what comes by it is theirs`,
        ],
      ]);
    }));
});
