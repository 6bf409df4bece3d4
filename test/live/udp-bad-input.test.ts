// What hosts do to a tool that watches UDP and namespaces: many groups, owners that change, a member that flaps, holders that cannot be seen.
import { afterEach, describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/event.js';
import { numberOf, startScript } from '../workloads/script.js';
import { connect, type Server, startServer, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { findingsIn, looks, seeFinding } from './found.js';
import { startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const BASE = 10_540;
const PEER = { addr: '127.0.0.9', port: 9 };

afterEach(stopAll);

const sum = (values: readonly (number | null | undefined)[]): number =>
  values.reduce<number>((all, each) => all + (each ?? 0), 0);

/** When a socket took its port. */
const boundNs = (events: readonly Event[], ino: number | undefined): number | undefined =>
  events.find((event) => event.kind === 'bind' && event.ino === ino)?.tsNs;

describe.skipIf(skip !== null)(`hard hosts${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('5,000 sockets in 600 groups are all there, and what comes to each group is counted', async () => {
    // 20 ports of 30 addresses; as many sockets as a fifth of what is kept.
    const [port, ports, addrs] = [BASE + 20, 20, 30];
    const [udp, tcp] = ['udp', 'tcp'].map((proto) =>
      startScript('many.pl', { port, ports, addrs: addrs / 2, proto, sockets: 2500 }, undefined),
    );
    if (udp === undefined || tcp === undefined) throw new Error('no scripts');
    await Promise.all([udp.read(), tcp.read()]);
    const tool = await startTool([]);
    for (let addr = 1; addr <= addrs / 2; addr++)
      for (let at = 0; at < ports; at += 5)
        for (const proto of ['udp', 'tcp'] as const)
          await connect({ addr: `127.0.0.${addr}`, port: port + at, proto, count: 7 });
    await Promise.all([udp.ask('count'), tcp.ask('count')]);
    await looks(tool, 3);
    const { members, summary } = await tool.finish();
    const ours = members.filter(
      ({ lport, laddr }) => lport >= port && lport < port + ports && laddr.startsWith('127.'),
    );
    expect(ours.filter(({ listening }) => listening).length).toBe(5000);
    expect(new Set(ours.map(({ proto, laddr, lport }) => `${proto} ${laddr} ${lport}`)).size).toBe(600);
    const expected = (addrs / 2) * (ports / 5) * 7;
    expect(sum(ours.map(({ received }) => received))).toBe(expected);
    expect(sum(ours.map(({ accepted }) => accepted))).toBe(expected);
    expect(ours.every(({ pid }) => pid === udp.pid || pid === tcp.pid)).toBe(true);
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it('an address that changes its owner within a second keeps the counts of each apart', async () => {
    const port = BASE;
    const tool = await startTool(['--port', String(port), '--udp']);
    const owners: Server[] = [];
    const read: number[] = [];
    for (let turn = 0; turn < 12; turn++) {
      const server = await startServer({ port, proto: 'udp', name: `owner ${turn}` });
      owners.push(server);
      expect((await connect({ port, proto: 'udp', count: 11 + turn })).ok).toBe(11 + turn);
      read.push(await server.count());
      await server.stop();
    }
    // Whoever lived between two looks at /proc has no close of its own: the next scan says that it has gone.
    await tool.see('a scan after the last one', (events) =>
      events.some(
        (event) => event.kind === 'scanned' && event.tsNs > (boundNs(events, owners.at(-1)?.ino) ?? Infinity),
      ),
    );
    await looks(tool, 2);
    const { members, summary } = await tool.finish();
    const facts = owners.map(({ ino }) => members.find((member) => member.ino === ino));
    expect(read).toEqual(owners.map((_, turn) => 11 + turn));
    expect(facts.map((member) => [member?.received, member?.pid, member?.listening])).toEqual(
      owners.map(({ pid }, turn) => [11 + turn, pid, false]),
    );
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it('a member that connects and disconnects a thousand times a second is one member, and the tool keeps up', async () => {
    const port = BASE + 1;
    const others = await startServers(2, { port, proto: 'udp' });
    const flapping = startScript('flap.pl', { port, rate: 1000 }, undefined);
    const ino = numberOf(await flapping.read(), 'ino');
    const tool = await startTool(['--port', String(port), '--udp']);
    await connect({ port, proto: 'udp', count: 3000, rate: 1000 });
    const said = await flapping.ask('count');
    expect(numberOf(said, 'flaps')).toBeGreaterThan(2000);
    await looks(tool, 2);
    const told = tool.events.filter((event) => event.kind === 'socket' && event.ino === ino).length;
    const ticks = tool.events.filter(({ kind }) => kind === 'tick').length;
    const last = numberOf(await flapping.ask('count'), 'read');
    const counts = await Promise.all(others.map((server) => server.count()));
    await flapping.stop();
    const { members, summary } = await tool.finish();
    expect(members.length).toBe(3);
    expect(members.find((member) => member.ino === ino)?.received).toBe(last);
    expect(others.map((server) => members.find((member) => member.ino === server.ino)?.received)).toEqual(
      counts,
    );
    expect(told).toBeLessThanOrEqual(3 * ticks);
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
  });

  it('a member that stays connected is told, with what it does to the others', async () => {
    const port = BASE + 2;
    const tool = await startTool(['--port', String(port), '--udp']);
    const servers = await startServers(3, (index) => ({
      port,
      proto: 'udp',
      ...(index === 1 ? { connectTo: PEER } : {}),
    }));
    await connect({ port, proto: 'udp', count: 90, rate: 100 });
    const { ino, evidence } = await seeFinding(tool, port, 'connected');
    expect([ino, evidence.peer]).toEqual([servers[1]?.ino, '127.0.0.9:9']);
    await tool.finish();
  });

  it('holders in a pid namespace that cannot be seen have no name until they act, and the tool says so', async () => {
    const [port, silent] = [BASE + 3, BASE + 4];
    const servers = await startServers(2, { port, proto: 'udp' });
    const idle = await startServers(2, { port: silent });
    const inside = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
    const tool = await startTool(['--port', `${port},${silent}`, '--duration', '6'], {}, inside);
    await connect({ port, proto: 'udp', count: 400, rate: 400 });
    const counts = await waitFor(
      '400 datagrams',
      async () => {
        const each = await Promise.all(servers.map((server) => server.count()));
        return sum(each) === 400 ? each : null;
      },
      30_000,
    );
    const { members, summary } = await tool.ended();
    const factsOf = (all: readonly Server[]) =>
      all.map(({ ino }) => members.find((member) => member.ino === ino));
    expect(factsOf(servers).map((member) => [member?.received, member?.holders])).toEqual(
      counts.map((count) => [count, []]),
    );
    expect(factsOf(idle).map((member) => [member?.pid, member?.comm, member?.holders])).toEqual([
      [null, null, []],
      [null, null, []],
    ]);
    const notes = summary.findings.filter(({ rule }) => rule === 'lossy');
    expect(notes.map(({ severity, text }) => [severity, text.split(':')[0]])).toEqual([
      ['note', '4 sockets held by processes outside of the pid namespace of this tool'],
    ]);
    expect(findingsIn(tool).filter(({ severity }) => severity !== 'note')).toEqual([]);
  });
});
