// What public reports found: odd servers that are healthy, and sick ones that looked healthy; each told as it is.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { numberOf, type Script, startScript } from '../workloads/script.js';
import {
  connect,
  holdOpen,
  startRefused,
  startServer,
  startServers,
  stopAll,
} from '../workloads/workload.js';
import { countersOf, looks, onPort, seeFinding, troublesOn } from './found.js';
import { startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();
/** Looks after which the slowest rule has spoken. */
const QUIET_LOOKS = 8;
const [FIRST, PORTS] = [10_900, 16];
/** In the range from which connect() draws. */
const DRAWN = 47_990;

type Odd = Script & { readonly ino: number };
const startOdd = async (kind: string, port: number, words = {}): Promise<Odd> => {
  const script = startScript('odd.pl', { kind, port, ...words }, undefined);
  return Object.assign(script, { ino: numberOf(await script.read(), 'ino') });
};

describe.skipIf(skip !== null)(`servers of strangers${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  let tool: Tool;
  beforeAll(async () => {
    const ports = Array.from({ length: PORTS }, (_, i) => FIRST + i);
    tool = await startTool(['--port', [...ports, DRAWN].join(',')]);
  }, 300_000);
  afterEach(stopAll);
  afterAll(async () => {
    await tool?.finish();
  });

  it('a UDP server that connects a socket for each client is healthy, and has the members that share', async () => {
    const port = FIRST;
    const servers = [await startOdd('peers', port), await startOdd('peers', port)];
    await connect({ port, proto: 'udp', count: 60, rate: 30 });
    const peers = await Promise.all(
      servers.map(async (server) => numberOf(await server.ask('count'), 'peers')),
    );
    expect(peers[0]).toBeGreaterThan(0);
    expect((peers[0] ?? 0) + (peers[1] ?? 0)).toBe(60);
    await looks(tool, QUIET_LOOKS);
    expect(onPort(tool, port)).toEqual([]);
  });

  it('a UDP member that was connected once is in no group any more', async () => {
    const port = FIRST + 1;
    await startServers(2, { port, proto: 'udp' });
    const left = await startOdd('left', port);
    await tool.see('it is connected', (events) =>
      events.some((event) => event.kind === 'socket' && event.ino === left.ino && event.peer !== undefined),
    );
    await left.ask('leave');
    await connect({ port, proto: 'udp', count: 300, rate: 60 });
    const { ino, text } = await seeFinding(tool, port, 'connected');
    expect(ino).toBe(left.ino);
    expect(text).toMatch(/has SO_REUSEPORT and is in no group: it left its group when it was connected/);
    expect(troublesOn(tool, port).filter((trouble) => /^(?:split|skew)/.test(trouble))).toEqual([]);
  });

  it('copies of multicast are no picks and no skew, and are counted apart', async () => {
    const port = FIRST + 2;
    const group = await startOdd('group', port);
    await group.ask('multicast 80');
    await tool.see('all that was read', (events) =>
      events.some(
        (event) =>
          event.kind === 'count' && event.ino === group.ino && event.counter === 'copies' && event.total > 0,
      ),
    );
    await looks(tool, QUIET_LOOKS);
    const read = numberOf(await group.ask('count'), 'read');
    expect(read).toBe(4 * 80);
    expect(countersOf(tool, [group], 'copies') + countersOf(tool, [group], 'picks')).toBeLessThanOrEqual(80);
    expect(countersOf(tool, [group], 'picks')).toBeLessThanOrEqual(2);
    expect(onPort(tool, port)).toEqual([]);
  });

  it('connections that were dialled from the listening port are none of the group', async () => {
    const port = FIRST + 3;
    const [dialling] = [
      await startOdd('dial', port, { count: 120 }),
      await startOdd('dial', port, { count: 0 }),
    ];
    await looks(tool, 2);
    await holdOpen({ port, count: 20 });
    await tool.see('a count of open connections', (events) =>
      events.some(
        (event) => event.kind === 'open' && event.lport === port && (event.processes?.length ?? 0) > 0,
      ),
    );
    await looks(tool, QUIET_LOOKS);
    const last = tool.events.findLast((event) => event.kind === 'open' && event.lport === port);
    const open = last?.kind === 'open' ? last.processes : null;
    const accepted = numberOf(await dialling.ask('count'), 'accepted');
    expect(open?.find(({ pid }) => pid === dialling.pid)?.connections ?? 0).toBe(accepted);
    expect(troublesOn(tool, port)).toEqual([]);
  });

  it('accept() that fails for want of a descriptor is counted as the server counts it', async () => {
    const [port, healthy] = [FIRST + 4, FIRST + 5];
    const starved = await startOdd('starved', port);
    await startServers(2, { port: healthy });
    await connect({ port, count: 40, rate: 20 });
    await connect({ port: healthy, count: 40 });
    const { ino, text, evidence } = await seeFinding(tool, port, 'accept-failed');
    expect([ino, evidence.errno, evidence.descriptorLimit]).toEqual([starved.ino, 'EMFILE', 32]);
    expect(text).toMatch(/with EMFILE \(\d+ of 32 descriptors open\)/);
    await looks(tool, 3);
    const failed = numberOf(await starved.ask('count'), 'failed');
    expect(failed).toBeGreaterThan(0);
    expect(countersOf(tool, [starved], 'failed')).toBe(failed);
    expect(troublesOn(tool, healthy)).toEqual([]);
  });

  it('two programs in one group are strangers, workers of one are not', async () => {
    const [port, healthy] = [FIRST + 6, FIRST + 7];
    await startServers(2, { port });
    await startOdd('dial', port, { count: 0 });
    await startServers(3, { port: healthy });
    const { text, severity } = await seeFinding(tool, port, 'strangers');
    expect(severity).toBe('warning');
    expect(text).toMatch(
      /different programs: .*server\.pl .* and .*odd\.pl|different programs: .*odd\.pl .* and .*server\.pl/,
    );
    await looks(tool, QUIET_LOOKS);
    expect(onPort(tool, healthy)).toEqual([]);
  });

  it('a UDP socket with SO_REUSEADDR alone takes everything from the group beside it', async () => {
    const [port, healthy] = [FIRST + 8, FIRST + 9];
    await startServers(2, { port, proto: 'udp', reuseaddr: true });
    const last = await startServer({ port, proto: 'udp', reuseport: false, reuseaddr: true });
    await startServers(3, { port: healthy, proto: 'udp', reuseaddr: true });
    const busy = [port, healthy].map((at) => connect({ port: at, proto: 'udp', count: 800, rate: 80 }));
    const { text } = await seeFinding(tool, port, 'not-sharing');
    expect(text).toMatch(
      new RegExp(`1 of 3 sockets without SO_REUSEPORT, .*pid ${last.pid} perl gets every datagram`),
    );
    await Promise.all(busy);
    expect(await last.count()).toBe(800);
    expect(troublesOn(tool, healthy)).toEqual([]);
  });

  it('a port that a client has is laid to that client', async () => {
    const client = await startOdd('client', DRAWN);
    const { pid } = await startRefused({ port: DRAWN, reuseport: false });
    const { text, evidence, advice } = await seeFinding(tool, DRAWN, 'bind-refused');
    expect([evidence.pid, evidence.holderPid]).toEqual([pid, client.pid]);
    expect(text).toMatch(
      new RegExp(`In the way: pid ${client.pid} perl, its connection 127\\.0\\.0\\.1:${DRAWN} -> `),
    );
    expect(text).toMatch(/connect\(\) drew the port/);
    expect(advice).toMatch(/ip_local_reserved_ports/);
  });

  it('a refused bind is told once, also when who held the port closes', async () => {
    const port = FIRST + 10;
    const holder = await startServer({ port });
    await startRefused({ port, uid: 65_534 });
    await seeFinding(tool, port, 'bind-refused');
    await holder.stop();
    await looks(tool, 4);
    expect(
      onPort(tool, port).filter(({ rule, status }) => rule === 'bind-refused' && status === 'raised'),
    ).toHaveLength(1);
  });

  it('one process alone with SO_REUSEPORT is no finding', async () => {
    const port = FIRST + 11;
    await startServer({ port });
    await connect({ port, count: 20 });
    await looks(tool, QUIET_LOOKS);
    expect(onPort(tool, port)).toEqual([]);
  });

  it('a dead process is accused of nothing: who accepted is gone, and who keeps the socket open is named', async () => {
    const port = FIRST + 12;
    const server = await startServer({ port, fork: 1 });
    const [child] = server.children;
    if (child === undefined) throw new Error('no child');
    await connect({ port, count: 30 });
    await looks(tool, 2);
    process.kill(child, 'SIGKILL');
    await holdOpen({ port, count: 20 });
    const { text, evidence, advice } = await seeFinding(tool, port, 'stuck');
    expect(evidence.pid).toBe(server.pid);
    expect(text).toMatch(
      new RegExp(`pid ${child} perl, which accepted here, is gone, and pid ${server.pid} perl keeps it open`),
    );
    expect(advice).toMatch(/^Let one of those that hold it accept/);
  });
});
