// UDP on this machine's kernel: what the tool says of each socket against what each server counted itself.
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/core/state/finding.js';
import { connect, type Server, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { type Closing, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

const memberOf = (closing: Closing, server: Server) => {
  const found = closing.members.find(({ ino }) => ino === server.ino);
  if (found === undefined) throw new Error(`no member ${server.ino}: ${JSON.stringify(closing.members)}`);
  return found;
};

/** What each server read, once no more comes. */
const settled = (servers: readonly Server[]): Promise<readonly number[]> => {
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
    60_000,
  );
};

describe.skipIf(skip !== null)(`UDP${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each([
    ['sockets that were there before', 'servers', 10_511, '127.0.0.1'],
    ['sockets bound after', 'tool', 10_512, '127.0.0.1'],
    ['sockets of IPv6', 'tool', 10_513, '::1'],
  ] as const)('counts what each process received, of %s', async (_, first, port, addr) => {
    const start = () => startServers(4, { port, proto: 'udp', addr });
    let servers = first === 'servers' ? await start() : [];
    const tool = await startTool(['--port', String(port), '--probe', 'tracepoint']);
    if (first === 'tool') servers = await start();
    expect((await connect({ port, addr, proto: 'udp', count: 4999, perSocket: 7 })).ok).toBe(4999);
    const counts = await settled(servers);
    const closing = await tool.finish();
    const members = servers.map((server) => memberOf(closing, server));
    expect(members.map(({ received }) => received)).toEqual(counts);
    expect(
      members.map(({ index, pid, proto, accepted, delivered, clients }) => [
        index,
        pid,
        proto,
        accepted,
        delivered,
        clients,
      ]),
    ).toEqual(servers.map(({ pid }, index) => [index, pid, 'udp', 0, null, null]));
    // Every datagram was received, or refused by a full buffer.
    const dropped = members.reduce((sum, member) => sum + (member.dropped ?? Number.NaN), 0);
    expect(counts.reduce((sum, count) => sum + count, 0) + dropped).toBe(4999);
    expect(closing.summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it('counts a million datagrams at full speed, each of them once', async () => {
    const [port, count] = [10_515, 1_000_000];
    const servers = await startServers(8, { port, proto: 'udp' });
    const tool = await startTool(['--port', String(port), '--probe', 'tracepoint']);
    expect((await connect({ port, proto: 'udp', count, parallel: 2, perSocket: 50 })).ok).toBe(count);
    const counts = await settled(servers);
    const closing = await tool.finish();
    const members = servers.map((server) => memberOf(closing, server));
    expect(members.map(({ received }) => received)).toEqual(counts);
    const dropped = members.reduce((sum, member) => sum + (member.dropped ?? Number.NaN), 0);
    expect(counts.reduce((sum, each) => sum + each, 0) + dropped).toBe(count);
    expect(closing.summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it('finds the worker that stopped, and what its buffer refuses', async () => {
    const port = 10_514;
    const servers = await startServers(3, { port, proto: 'udp' });
    const tool = await startTool(['--port', String(port), '--probe', 'tracepoint']);
    await connect({ port, proto: 'udp', count: 60 });
    await servers[1]?.stick();
    const traffic = connect({ port, proto: 'udp', count: 8000, rate: 1000 });
    await tool.see('a finding', (events) => events.some((event) => isFinding(event, 'stuck')));
    await tool.see('an overflow', (events) => events.some((event) => isFinding(event, 'overflow')), 60_000);
    await traffic;
    const closing = await tool.finish();
    const stuck = closing.summary.findings.filter(({ rule }) => rule === 'stuck' || rule === 'overflow');
    expect(new Set(stuck.map(({ ino }) => ino))).toEqual(new Set([servers[1]?.ino]));
    // What a full buffer refuses wakes nobody: few wake-ups are no skew.
    expect(closing.summary.findings.map(({ rule }) => rule)).not.toContain('skew');
  });
});

const isFinding = (event: object, rule: Finding['rule']): boolean =>
  'rule' in event && 'status' in event && event.rule === rule && event.status === 'raised';
