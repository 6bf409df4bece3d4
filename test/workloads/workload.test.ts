// Knows that the workloads count truthfully and that the kernel refuses what they say it refuses; knows no probe.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import {
  connect,
  countAll,
  holdOpen,
  type ServerOptions,
  startRefused,
  startServer,
  startServers,
  stopAll,
  waitFor,
  withNetns,
} from './workload.js';

const isRoot = process.getuid?.() === 0;
const inUse = constants.errno.EADDRINUSE;
const timeoutMs = 5000;

afterEach(stopAll);

describe('workloads', () => {
  it.each<[string, ServerOptions, string]>([
    ['IPv4', { addr: '127.0.0.1' }, '127.0.0.1'],
    ['IPv6', { addr: '::1' }, '::1'],
    ['dual stack, asked by IPv4', { addr: '::' }, '127.0.0.1'],
    ['UDP', { proto: 'udp' }, '127.0.0.1'],
  ])('count every connection over %s', async (_, options, addr) => {
    const servers = await startServers(4, options);
    const outcome = await connect({
      addr,
      port: servers[0]?.port ?? 0,
      proto: options.proto === 'udp' ? 'udp' : 'tcp',
      count: 997,
      parallel: 2,
      linger0: true,
    });
    expect(outcome).toEqual({ ok: 997, refused: 0, timedout: 0, reset: 0, other: 0 });
    await waitFor('997 counted', async () => same(await countAll(servers), 997), timeoutMs);
  });

  it('names a socket that /proc knows, and its port', async () => {
    const server = await startServer({ name: 'rpt-named' });
    expect(readFileSync(`/proc/${server.pid}/comm`, 'utf8')).toBe('rpt-named\n');
    const listeners = readFileSync('/proc/net/tcp', 'utf8');
    expect(listeners).toContain(` ${server.ino} `);
    expect(listeners).toContain(`:${server.port.toString(16).toUpperCase().padStart(4, '0')} `);
  });

  it('adds up what the children of one descriptor accepted', async () => {
    const server = await startServer({ fork: 3 });
    await connect({ port: server.port, count: 101, linger0: true });
    await waitFor('101 counted', async () => same(await server.count(), 101), timeoutMs);
    expect((await server.countEach()).length).toBe(3);
  });

  it('leaves what a stuck server did not take in its queue, and takes it on resume', async () => {
    const server = await startServer({ stuckAfter: 7, backlog: 50 });
    const held = await holdOpen({ port: server.port, count: 31 });
    expect(held.ok).toBe(31);
    await waitFor('the seventh', async () => same(await server.count(), 7), timeoutMs);
    await server.resume();
    await waitFor('the rest', async () => same(await server.count(), 31), timeoutMs);
    await held.stop();
  });

  it('times out where a stuck server has a full queue', async () => {
    const server = await startServer({ mode: 'stuck', backlog: 4 });
    const outcome = await connect({ port: server.port, count: 7, timeoutMs: 200 });
    expect(outcome).toMatchObject({ ok: 5, timedout: 2 });
  });

  it('is refused where nobody listens any more', async () => {
    const server = await startServer();
    await server.close();
    expect(await connect({ port: server.port, count: 3 })).toMatchObject({ ok: 0, refused: 3 });
  });

  it('keeps the port while a child holds the descriptor', async () => {
    const server = await startServer({ leak: 1 });
    await server.close();
    expect(await connect({ port: server.port, count: 3 })).toMatchObject({ ok: 3, refused: 0 });
  });

  it.skipIf(!isRoot)('runs in two network namespaces with one port (needs root)', async () => {
    const port = 20017;
    await withNetns(async (one) => {
      await withNetns(async (two) => {
        const inOne = await startServers(2, { port, netns: one });
        const inTwo = await startServers(2, { port, netns: two });
        await connect({ port, count: 101, netns: one, linger0: true });
        await connect({ port, count: 53, netns: two, linger0: true });
        await waitFor('101 in one', async () => same(await countAll(inOne), 101), timeoutMs);
        await waitFor('53 in two', async () => same(await countAll(inTwo), 53), timeoutMs);
        await stopAll();
      });
    });
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(`rpt-${process.pid}`);
  });

  it('says on the deadline what was seen last', async () => {
    await expect(waitFor('seven', () => same(6, 7), 1)).rejects.toThrow('for seven; last seen: 6');
  });
});

describe('the kernel', () => {
  it.skipIf(!isRoot)('refuses another uid (needs root)', async () => {
    const { port } = await startServer();
    expect(await startRefused({ port, uid: 65534 })).toMatchObject({ call: 'bind', errno: inUse });
  });

  it('refuses a socket without the option', async () => {
    const { port } = await startServer();
    expect(await startRefused({ port, reuseport: false })).toMatchObject({ call: 'bind', errno: inUse });
  });

  it('refuses a socket where the holder lacks the option', async () => {
    const { port } = await startServer({ reuseport: false });
    expect(await startRefused({ port })).toMatchObject({ call: 'bind', errno: inUse });
  });

  it('refuses a socket while a connection without the option is in TIME_WAIT', async () => {
    const holder = await startServer({ reuseport: false });
    expect(await connect({ port: holder.port, count: 1, waitEof: true })).toMatchObject({ ok: 1 });
    await holder.stop();
    expect(await startRefused({ port: holder.port })).toMatchObject({ call: 'bind', errno: inUse });
  });

  it('refuses a second socket whose program was attached before bind', async () => {
    const { port } = await startServer({ cbpf: 0, cbpfWhen: 'before' });
    expect(await startRefused({ port, cbpf: 0, cbpfWhen: 'before' })).toMatchObject({
      call: 'bind',
      errno: inUse,
    });
  });

  it('refuses listen() to the second of two sockets that were bound by SO_REUSEADDR', async () => {
    const bound: ServerOptions = { reuseport: false, reuseaddr: true, listen: false };
    const first = await startServer({ ...bound, port: 20018 });
    const second = await startServer({ ...bound, port: 20018 });
    expect(await first.listen()).toBe(0);
    expect(await second.listen()).toBe(inUse);
  });

  it.skipIf(!isRoot).each<[string, ServerOptions, readonly number[]]>([
    ['a classic program', { cbpf: 2 }, [0, 0, 101, 0]],
    ['an SK_REUSEPORT program', { ebpf: 'index' }, [0, 0, 0, 101]],
  ])('gives every connection to the one that %s names (needs root)', async (_, program, expected) => {
    const servers = await startServers(4, (index) => (index === 3 ? program : {}));
    await connect({ port: servers[0]?.port ?? 0, count: 101, linger0: true });
    await waitFor('101 counted', async () => same(await countAll(servers), 101), timeoutMs);
    expect(await Promise.all(servers.map((server) => server.count()))).toEqual(expected);
  });

  it.skipIf(!isRoot).each<[string, ServerOptions]>([
    ['a classic program names an index past the group', { cbpf: 99 }],
    ['an SK_REUSEPORT program names nobody', { ebpf: 'pass' }],
    ['an SK_REUSEPORT program asks for an empty slot', { ebpf: 'empty' }],
  ])('falls back to the hash where %s (needs root)', async (_, program) => {
    const servers = await startServers(2, (index) => (index === 1 ? program : {}));
    await connect({ port: servers[0]?.port ?? 0, count: 101, linger0: true });
    await waitFor('101 counted', async () => same(await countAll(servers), 101), timeoutMs);
    for (const server of servers) expect(await server.count()).toBeGreaterThan(10);
  });

  it.skipIf(!isRoot)('refuses connections where an SK_REUSEPORT program drops (needs root)', async () => {
    const server = await startServer({ ebpf: 'drop' });
    expect(await connect({ port: server.port, count: 3 })).toMatchObject({ refused: 3 });
  });
});

function same(seen: number, wanted: number): true {
  if (seen !== wanted) throw new Error(String(seen));
  return true;
}
