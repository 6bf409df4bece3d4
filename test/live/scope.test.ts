// What the user did not ask for is neither counted nor printed, whatever the kernel's own filter lets through.
import { readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type Server, startServers, stopAll, withNetns } from '../workloads/workload.js';
import { looks } from './found.js';
import { startTool, whyNotLive } from './tool.js';

type Kind = { readonly proto: 'tcp' | 'udp'; readonly addr: '127.0.0.1' | '::1'; readonly isHost: boolean };

const skip = whyNotLive();
const PORT = 10_630;
const KINDS: readonly Kind[] = (['tcp', 'udp'] as const).flatMap((proto) => [
  { proto, addr: '127.0.0.1', isHost: true } as const,
  { proto, addr: '::1', isHost: true } as const,
  { proto, addr: '127.0.0.1', isHost: false } as const,
]);

afterEach(stopAll);

describe.skipIf(skip !== null)(`the scope${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each<[string, (kind: Kind) => boolean]>([
    ['--tcp', ({ proto }) => proto === 'tcp'],
    ['--udp', ({ proto }) => proto === 'udp'],
    ['--ipv4', ({ addr }) => addr === '127.0.0.1'],
    ['--ipv6', ({ addr }) => addr === '::1'],
    ['--netns', ({ isHost }) => isHost],
  ])('%s: sockets of others come in no event and in no count', (option, isAsked) =>
    withNetns(async (other) => {
      const host = /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '';
      const tool = await startTool(['--port', String(PORT), option, ...(option === '--netns' ? [host] : [])]);
      const [wanted, others, all]: [Set<number>, Set<number>, Server[]] = [new Set(), new Set(), []];
      for (const kind of KINDS) {
        const { proto, addr, isHost } = kind;
        const at = { proto, addr, port: PORT, ...(isHost ? {} : { netns: other }) };
        const servers = await startServers(2, at);
        all.push(...servers);
        for (const { ino } of servers) (isAsked(kind) ? wanted : others).add(ino);
        expect((await connect({ ...at, count: 12 })).ok).toBe(12);
      }
      await looks(tool, 2);
      await Promise.all(all.map((server) => server.close()));
      await looks(tool, 2);
      const { members } = await tool.finish();
      expect(new Set(members.map(({ ino }) => ino))).toEqual(wanted);
      const told = new Set(
        tool.events.flatMap((event) => ('lport' in event && 'ino' in event ? [event.ino] : [])),
      );
      expect(told).toEqual(wanted);
      expect([...others].filter((ino) => told.has(ino))).toEqual([]);
    }),
  );
});
