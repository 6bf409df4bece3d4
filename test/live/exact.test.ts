// Exact under churn, shutdown and races: the situations in which counts were once wrong, each against what the servers counted.
import { afterEach, describe, expect, it } from 'vitest';
import { apply } from '../../src/core/apply.js';
import { createState } from '../../src/core/state/state.js';
import { startSockets } from '../workloads/sockets.js';
import { connect, startServers, stopAll, withNetns } from '../workloads/workload.js';
import { type Closing, ruleOf, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

const factsOf = ({ members }: Closing, ino: number) => {
  const member = members.find((each) => each.ino === ino);
  return { picks: member?.picks, accepted: member?.accepted, received: member?.received };
};

describe.skipIf(skip !== null)(`counts are exact${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('where a thread closes an empty listener and connects at once, and another accepts in a spin', async () => {
    const port = 20_611;
    const tool = await startTool(['--port', String(port)]);
    const { tell, open } = await startSockets();
    const ino = await open(1, 'tcp', '127.0.0.1', port);
    await tell('listen 1');
    const race = await tell('race 1 20 300');
    const [made, taken] = [race.number('made'), race.number('taken')];
    const closing = await tool.finish();
    expect([made, taken]).toEqual([6000, 6000]);
    expect(factsOf(closing, ino)).toMatchObject({ picks: made, accepted: taken });
    expect(
      closing.members.filter(({ movedFrom, movedTo }) => movedFrom !== null || movedTo !== null),
    ).toEqual([]);
    expect(closing.summary).toMatchObject({ picks: made, accepted: taken });
  });

  it.each(['tcp', 'udp'] as const)(
    'of %s sockets that live for a moment, thousands of them beside one that stays',
    async (proto) => {
      const port = proto === 'tcp' ? 20_612 : 20_613;
      const tool = await startTool(['--port', String(port)]);
      const { tell, open } = await startSockets();
      const ino = await open(1, proto, '127.0.0.1', port);
      if (proto === 'tcp') await tell('listen 1');
      const churn = await tell('churn 1 4000 3');
      const [made, taken, own] = [churn.number('made'), churn.number('taken'), churn.number('own')];
      expect([made, taken + own]).toEqual([12_000, 12_000]);
      await tool.see('the end of the others', (events) => {
        const state = createState({ ports: [port], family: null, netns: null, pid: null });
        for (const event of events) if (ruleOf(event) === null) apply(state, event);
        return [...state.members.values()].every((member) => member.ino === ino || member.closedNs !== null);
      });
      const closing = await tool.finish();
      const key = proto === 'tcp' ? 'accepted' : 'received';
      expect(factsOf(closing, ino)[key]).toBe(own);
      expect(closing.summary[key]).toBe(made);
      if (proto === 'tcp') expect(closing.summary.picks).toBe(made);
      const { picks, shown, sampledAway, lost } = closing.summary;
      expect(shown + sampledAway + lost).toBe(picks);
      expect(closing.summary.findings.map(({ rule }) => rule)).not.toContain('stuck');
      // Whose lines went beyond the budget closed all the same: nobody but the one that stays is listening.
      expect(closing.members.filter((member) => member.listening && member.ino !== ino)).toEqual([]);
    },
  );

  it('where a listener is shut down, listens again, and loses what was queued', async () => {
    const port = 20_614;
    const tool = await startTool(['--port', String(port)]);
    const { tell, open } = await startSockets();
    const inos = [await open(1, 'tcp', '127.0.0.1', port), await open(2, 'tcp', '127.0.0.1', port)];
    const taken = [0, 0];
    const take = async (): Promise<void> => {
      for (const at of [0, 1]) taken[at] = (taken[at] ?? 0) + (await tell(`take ${at + 1}`)).number('taken');
    };
    await tell('listen 1');
    await tell('listen 2');
    await tell('connect 1 100');
    await take();
    await tell('shutdown 1');
    await tell('listen 1');
    await tell('connect 1 50');
    await take();
    await tell('connect 1 40');
    const queued = (await tell('queue 1')).number('queue');
    await tell('shutdown 1');
    await tell('listen 1');
    await tell('connect 1 10');
    await take();
    await tool.see('the loss', (events) => events.some((event) => ruleOf(event) === 'lost-at-close'));
    const closing = await tool.finish();
    expect(inos.map((ino) => factsOf(closing, ino))).toMatchObject([
      { picks: (taken[0] ?? 0) + queued, accepted: taken[0] },
      { picks: taken[1], accepted: taken[1] },
    ]);
    expect(closing.summary).toMatchObject({ picks: 200, accepted: 200 - queued });
    const loss = closing.summary.findings.find(({ rule }) => rule === 'lost-at-close');
    expect(loss?.evidence.connections).toBe(queued);
  });

  it('of the process that was asked for alone, in the summary as in its rows', async () => {
    const port = 20_615;
    const servers = await startServers(4, { port });
    const [asked] = servers;
    const tool = await startTool(['--port', String(port), '--pid', String(asked?.pid)]);
    expect((await connect({ port, count: 400, linger0: true })).ok).toBe(400);
    await Promise.all(servers.map((server) => server.count()));
    const counted = await asked?.count();
    const { members, summary } = await tool.finish();
    expect(members.map(({ ino, picks }) => [ino, picks])).toEqual([[asked?.ino, counted]]);
    expect(summary).toMatchObject({ picks: counted, accepted: counted });
    expect(summary.shown + summary.sampledAway + summary.lost).toBe(summary.picks);
  });

  it('in one group, where listen() draws the port of a socket that was not bound', () =>
    withNetns(async (netns) => {
      const tool = await startTool(['--netns', netns]);
      const { tell, open } = await startSockets(netns);
      const inos = [await open(1, 'tcp', '0.0.0.0', 0)];
      const port = (await tell('listen 1')).number('port');
      inos.push(await open(2, 'tcp', '0.0.0.0', port));
      await tell('listen 2');
      await tell('connect 1 60');
      const taken = [(await tell('take 1')).number('taken'), (await tell('take 2')).number('taken')];
      // What is still in bpftrace's buffers when it is asked to end is not printed.
      await tool.see('both', (events) =>
        inos.every((ino) => events.some((event) => event.kind === 'slot' && event.ino === ino)),
      );
      const { members } = await tool.finish();
      expect(members.map(({ ino, laddr, lport, accepted }) => [ino, laddr, lport, accepted]).sort()).toEqual(
        inos.map((ino, at) => [ino, '0.0.0.0', port, taken[at]]).sort(),
      );
    }));

  it('of a UDP socket that shares its port with nobody, when more than four ports are asked', async () => {
    const port = 20_616;
    const tool = await startTool(['--port', `${port},1,2,3,4`]);
    const { tell } = await startSockets();
    const ino = (await tell(`open 1 udp 127.0.0.1 ${port} alone`)).number('ino');
    await tell('connect 1 50');
    expect((await tell('take 1')).number('taken')).toBe(50);
    expect(factsOf(await tool.finish(), ino).received).toBe(50);
  });
});
