// Counts on this machine's kernel: what the tool says of each member against what each server counted itself.
import { afterEach, describe, expect, it } from 'vitest';
import {
  connect,
  type Server,
  type ServerOptions,
  startServers,
  stopAll,
  waitFor,
  withNetns,
} from '../workloads/workload.js';
import { type Closing, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

/** Waits until the servers have taken everything, then compares member by member. */
const compare = async (servers: readonly Server[], total: number, closing: Closing): Promise<void> => {
  const counted = await countsWhen(servers, total);
  const seen = new Map(closing.members.map((member) => [member.ino, member]));
  for (const server of servers) {
    const member = seen.get(server.ino);
    expect({ ino: server.ino, picks: member?.picks, accepted: member?.accepted, pid: member?.pid }).toEqual({
      ino: server.ino,
      picks: counted.get(server.ino),
      accepted: counted.get(server.ino),
      pid: server.pid,
    });
  }
  const { picks, shown, sampledAway, lost } = closing.summary;
  expect(shown + sampledAway + lost).toBe(picks);
};

const countsWhen = (servers: readonly Server[], total: number): Promise<Map<number, number>> =>
  waitFor(
    `the servers to count ${total}`,
    async () => {
      const counts = await Promise.all(
        servers.map(async (server) => [server.ino, await server.count()] as const),
      );
      const sum = counts.reduce((all, [, count]) => all + count, 0);
      if (sum !== total) throw new Error(`${sum} counted`);
      return new Map(counts);
    },
    60_000,
  );

const run = async (options: ServerOptions, startFirst: 'servers' | 'tool', port: number): Promise<void> => {
  const start = (): Promise<readonly Server[]> => startServers(4, { ...options, port });
  let servers = startFirst === 'servers' ? await start() : [];
  const tool = await startTool(['--port', String(port)]);
  if (startFirst === 'tool') servers = await start();
  const outcome = await connect({ port, count: 997, addr: options.addr === '::' ? '::1' : '127.0.0.1' });
  expect(outcome.ok).toBe(997);
  await countsWhen(servers, 997);
  const closing = await tool.finish();
  await compare(servers, 997, closing);
  expect(closing.summary).toMatchObject({ picks: 997, accepted: 997, malformed: 0, lost: 0 });
  expect(closing.members.map((member) => member.index)).toEqual([0, 1, 2, 3]);
  expect(closing.exitCode).toBe(0);
};

describe.skipIf(skip !== null)(
  `counts equal the servers' own${skip === null ? '' : ` (skipped: ${skip})`}`,
  () => {
    it('with listeners that were there before the tool', () => run({}, 'servers', 21_101));
    it('with listeners started after the tool', () => run({}, 'tool', 21_102));
    it('over IPv6', () => run({ addr: '::', v6only: true }, 'servers', 21_103));

    it('with counters only, where no connection is printed', async () => {
      const port = 22_101;
      const servers = await startServers(4, { port });
      const tool = await startTool(['--port', String(port), '--details', '0']);
      expect((await connect({ port, count: 499 })).ok).toBe(499);
      await countsWhen(servers, 499);
      const closing = await tool.finish();
      await compare(servers, 499, closing);
      expect(closing.summary).toMatchObject({ picks: 499, shown: 0, sampledAway: 499, lost: 0 });
      expect(tool.events.filter(({ kind }) => kind === 'pick' || kind === 'accept')).toEqual([]);
    });

    it('in two network namespaces that use the same port', () =>
      withNetns((one) =>
        withNetns(async (two) => {
          const port = 21_104;
          const first = await startServers(2, { port, netns: one });
          const second = await startServers(3, { port, netns: two });
          const tool = await startTool(['--port', String(port)]);
          await Promise.all([
            connect({ port, count: 499, netns: one }),
            connect({ port, count: 751, netns: two }),
          ]);
          await countsWhen(first, 499);
          await countsWhen(second, 751);
          const closing = await tool.finish();
          await compare([...first, ...second], 1250, closing);
          expect(new Set(closing.members.map((member) => member.netns)).size).toBe(2);
        }),
      ));

    it('of the port that was asked for, beside another whose clients have gone before they were accepted', async () => {
      const [port, other] = [21_107, 21_108];
      const servers = await startServers(2, { port });
      const beside = await startServers(1, { port: other });
      await beside[0]?.stick();
      const tool = await startTool(['--port', String(port)]);
      // A connection that was reset has no port any more.
      expect((await connect({ port: other, count: 97, linger0: true })).ok).toBe(97);
      await beside[0]?.resume();
      await countsWhen(beside, 97);
      expect((await connect({ port, count: 53 })).ok).toBe(53);
      await countsWhen(servers, 53);
      const closing = await tool.finish();
      await compare(servers, 53, closing);
      expect(closing.summary).toMatchObject({ picks: 53, accepted: 53, acceptedUnknown: 0 });
    });

    it('in a group of 300 members, all of whose indexes are found', async () => {
      const port = 21_106;
      const servers = await startServers(300, { port, backlog: 64 });
      const tool = await startTool(['--port', String(port)]);
      expect((await connect({ port, count: 3001, linger0: true })).ok).toBe(3001);
      await countsWhen(servers, 3001);
      const closing = await tool.finish();
      const seen = new Map(closing.members.map((member) => [member.ino, member]));
      expect(servers.map((server) => seen.get(server.ino)?.index)).toEqual(servers.map((_, index) => index));
      await compare(
        servers.filter((server) => seen.get(server.ino)?.accepted !== 0),
        3001,
        closing,
      );
    });

    it('for 200,000 connections as fast as they come, although details are sampled', async () => {
      const port = 21_105;
      const servers = await startServers(4, { port, backlog: 4096 });
      const tool = await startTool(['--port', String(port)]);
      const { ok } = await connect({
        port,
        count: 200_000,
        parallel: 2,
        linger0: true,
        src: '127.0.0.1-127.0.0.8',
      });
      await countsWhen(servers, ok);
      const closing = await tool.finish();
      await compare(servers, ok, closing);
      expect(ok).toBe(200_000);
      expect(closing.summary.sampledAway).toBeGreaterThan(0);
      expect(closing.summary).toMatchObject({ picks: ok, accepted: ok, malformed: 0 });
      console.info('200,000 connections:', JSON.stringify(closing.summary));
    });
  },
);
