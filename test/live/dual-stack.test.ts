// IPv4 and IPv6 on one port, wildcard beside address: which group gets what, on a live kernel, and that the tool tells it (situations of Linux's reuseport_dualstack and reuseport_addr_any).
import { afterEach, describe, expect, it } from 'vitest';
import { foldMapped } from '../../src/core/text/endpoint.js';
import { connect, type Server, startServers, stopAll } from '../workloads/workload.js';
import { findingsIn, looks, seeFinding } from './found.js';
import { startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

/** Groups of two, by address; `v6only` false takes IPv4 as well. */
const groupsOn = async (port: number, proto: 'tcp' | 'udp', addrs: readonly string[]) => {
  const groups = new Map<string, readonly Server[]>();
  for (const addr of addrs) groups.set(addr, await startServers(2, { port, proto, addr, v6only: false }));
  return groups;
};

describe.skipIf(skip !== null)(`dual stack${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each([
    ['udp', 10_550, ['::', '0.0.0.0']],
    ['udp', 10_551, ['0.0.0.0', '::']],
    ['tcp', 10_552, ['0.0.0.0', '::']],
    ['udp', 10_553, ['::']],
    ['udp', 10_554, ['::', '0.0.0.0', '127.0.0.1', '::1']],
    ['tcp', 10_555, ['0.0.0.0', '127.0.0.1']],
    ['tcp', 10_631, ['::', '0.0.0.0', '127.0.0.1', '::1']],
    ['tcp', 10_632, ['::', '::ffff:127.0.0.1']],
  ] as const)('%s %i of %s: each group has what its own servers count', async (proto, port, addrs) => {
    const tool = await startTool(['--port', String(port)]);
    const groups = await groupsOn(port, proto, addrs);
    await connect({ port, proto, addr: '127.0.0.1', count: 60 });
    if (addrs.some((addr) => addr.includes(':'))) await connect({ port, proto, addr: '::1', count: 50 });
    const counts = new Map<string, readonly number[]>();
    for (const [addr, servers] of groups)
      counts.set(addr, await Promise.all(servers.map((server) => server.count())));
    await looks(tool, 6);
    const { members, summary } = await tool.finish();
    const sums = new Map<string, number>();
    for (const [addr, servers] of groups) {
      const facts = servers.map(({ ino }) => members.find((member) => member.ino === ino));
      const taken = facts.map((member) => (proto === 'udp' ? member?.received : member?.accepted));
      expect(taken).toEqual(counts.get(addr));
      expect(facts.map((member) => [member?.laddr, member?.index])).toEqual([
        [foldMapped(addr), 0],
        [foldMapped(addr), 1],
      ]);
      sums.set(
        addr,
        (counts.get(addr) ?? []).reduce((all, each) => all + each, 0),
      );
    }
    // The kernel asks the exact address first, then 0.0.0.0, then [::].
    const four = ['127.0.0.1', '::ffff:127.0.0.1', '0.0.0.0', '::'].find((addr) => groups.has(addr)) ?? '';
    expect(sums.get(four)).toBe(four === '::' ? 110 : 60);
    const split = findingsIn(tool).filter(({ rule }) => rule === 'split');
    expect(split.length > 0).toBe(addrs.length > 1);
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it.each([
    ['tcp', 10_633, 'listeners'],
    ['udp', 10_634, 'sockets'],
  ] as const)(
    '%s %i of an IPv4 address and the same one v4-mapped: one name, and told as two groups',
    async (proto, port, noun) => {
      const tool = await startTool(['--port', String(port)]);
      const groups = await groupsOn(port, proto, ['::ffff:127.0.0.1', '127.0.0.1']);
      expect((await connect({ port, proto, count: 60 })).ok).toBe(60);
      const servers = [...groups.values()].flat();
      const counts = await Promise.all(servers.map((server) => server.count()));
      // Which of the two is asked is the kernel's affair: one gets all.
      expect(
        [counts.slice(0, 2), counts.slice(2)].map((each) => each.reduce((a, b) => a + b)).sort(),
      ).toEqual([0, 60]);
      const { text } = await seeFinding(tool, port, 'split');
      expect(text).toContain(`has 4 ${noun}, but the group last picked from has n = 2`);
      const { members } = await tool.finish();
      const facts = servers.map(({ ino }) => members.find((member) => member.ino === ino));
      expect(facts.map((member) => (proto === 'udp' ? member?.received : member?.accepted))).toEqual(counts);
      expect(new Set(facts.map((member) => member?.laddr))).toEqual(new Set(['127.0.0.1']));
    },
  );
});
