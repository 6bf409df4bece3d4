// MPTCP listeners, as Go makes them by default, on a live kernel: seen as the TCP listeners that they are, counted, and named.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { looks } from './found.js';
import { startTool, whyNotLive } from './tool.js';

/** A kernel may be built without it: that is no failure of the tool. */
const hasMptcp = (): boolean => {
  try {
    return readFileSync('/proc/sys/net/mptcp/enabled', 'utf8').trim() === '1';
  } catch {
    return false;
  }
};

const skip = whyNotLive() ?? (hasMptcp() ? null : 'this kernel has no MPTCP');

afterEach(stopAll);

describe.skipIf(skip !== null)(`MPTCP${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each([
    ['that were there before', 10_556, true],
    ['that began to listen after', 10_557, false],
  ] as const)('listeners %s have the connections that they accepted', async (_, port, isBefore) => {
    const start = () => startServers(3, { port, proto: 'mptcp' });
    const before = isBefore ? await start() : null;
    const tool = await startTool(['--port', String(port)]);
    const servers = before ?? (await start());
    expect((await connect({ port, count: 211, linger0: true })).ok).toBe(211);
    const counts = await Promise.all(servers.map((server) => server.count()));
    await looks(tool, 2);
    const { members, summary } = await tool.finish();
    const facts = servers.map(({ ino }) => members.find((member) => member.ino === ino));
    expect(
      facts.map((member) => [member?.proto, member?.index, member?.picks, member?.accepted, member?.pid]),
    ).toEqual(servers.map(({ pid }, index) => ['tcp', index, counts[index], counts[index], pid]));
    expect(members.length).toBe(3);
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
  });
});
