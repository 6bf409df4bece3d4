// For every finding that this kernel's rung can know: a workload that triggers it, beside it a healthy twin that must not.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/event.js';
import type { RuleId } from '../../src/core/findings/rules/all.js';
import type { FindingEvent } from '../../src/core/state/finding.js';
import {
  connect,
  holdOpen,
  startRefused,
  startServer,
  startServers,
  stopAll,
} from '../workloads/workload.js';
import { looks, onPort, seeFinding, troublesOn } from './found.js';
import { startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();

/** Looks after which a healthy twin is known to be quiet: the slowest rule takes 6 seconds. */
const QUIET_LOOKS = 7;

type Case = {
  readonly rule: RuleId;
  /** What happens to each of the two, in words. */
  readonly sick: string;
  readonly healthy: string;
  /** Makes the trouble on a port; returns what the finding must hold. */
  readonly trigger: (port: number, tool: Tool) => Promise<object>;
  readonly twin: (port: number, tool: Tool) => Promise<void>;
  /** What the finding says. */
  readonly says: RegExp;
};

/** Enough that each of a few members gets some. */
const WARM_UP = { count: 60, linger0: true } as const;

const CASES: readonly Case[] = [
  {
    rule: 'stuck',
    sick: 'a worker that has served and serves no more',
    healthy: 'a worker that takes one connection a second, and two come',
    trigger: async (port) => {
      const [, sick] = await startServers(2, { port });
      await connect({ port, ...WARM_UP });
      await sick?.stick();
      await holdOpen({ port, count: 40 });
      return { severity: 'problem', ino: sick?.ino, evidence: { pid: sick?.pid } };
    },
    twin: async (port) => {
      await startServers(2, (index) => ({ port, ...(index === 1 ? { slowMs: 1000 } : {}) }));
      await connect({ port, count: 40, rate: 4 });
    },
    says: /pid \d+ perl: \d+\/4096 queued, no accept\(\) for \d+ s/,
  },
  {
    rule: 'ghost',
    sick: 'a listener that nobody has ever accepted on',
    healthy: 'a worker that needs a moment before its first accept()',
    trigger: async (port) => {
      const servers = await startServers(3, (index) => ({ port, ...(index === 2 ? { mode: 'stuck' } : {}) }));
      await connect({ port, count: 120, rate: 40, linger0: true });
      return { severity: 'problem', ino: servers[2]?.ino, evidence: { pid: servers[2]?.pid, holders: 1 } };
    },
    twin: async (port, tool) => {
      const servers = await startServers(3, (index) => ({ port, ...(index === 2 ? { mode: 'stuck' } : {}) }));
      const busy = connect({ port, count: 120, rate: 40, linger0: true });
      await looks(tool, 1);
      await servers[2]?.resume();
      await busy;
    },
    says: /nobody has accepted here ever, \d+\/4096 queued, held by pid \d+ perl; its siblings accepted \d+/,
  },
  {
    rule: 'overflow',
    sick: 'a queue that fills faster than it is emptied',
    healthy: 'a burst that fills most of the queue for an instant',
    trigger: async (port) => {
      const server = await startServer({ port, backlog: 8, slowMs: 400 });
      await connect({ port, count: 40, rate: 20, timeoutMs: 200 });
      return { ino: server.ino, evidence: { backlog: 8 } };
    },
    twin: async (port) => {
      const server = await startServer({ port, backlog: 64, stuckAfter: 1 });
      await connect({ port, count: 1 });
      await holdOpen({ port, count: 60 });
      await server.resume();
    },
    says: /queue full, 9\/8 queued|slow to accept, \d\/8 queued/,
  },
  {
    rule: 'lost-at-close',
    sick: 'a worker that closes while connections wait in its queue',
    healthy: 'a worker that has taken all of them before it closes',
    trigger: async (port) => {
      const [, closing] = await startServers(2, (index) => ({
        port,
        ...(index === 1 ? { mode: 'stuck' } : {}),
      }));
      await holdOpen({ port, count: 60 });
      await closing?.close();
      return {
        severity: 'problem',
        evidence: { listenersClosed: 1, listenersLeft: 1, connections: expect.any(Number) },
      };
    },
    twin: async (port) => {
      const [, closing] = await startServers(2, { port, mode: 'hold' });
      await holdOpen({ port, count: 60 });
      expect(await closing?.count()).toBeGreaterThan(0);
      await closing?.close();
    },
    says: /lost \d+ queued connections when #\d pid \d+ perl closed/,
  },
  {
    rule: 'bind-refused',
    sick: 'a program that binds without SO_REUSEPORT',
    healthy: 'one that sets it',
    trigger: async (port) => {
      await startServer({ port });
      const { pid } = await startRefused({ port, reuseport: false });
      return { severity: 'warning', evidence: { pid, errno: 'EADDRINUSE', lport: port } };
    },
    twin: async (port) => {
      await startServers(2, { port });
      await connect({ port, ...WARM_UP });
    },
    says: /bind\(\) of pid \d+ perl: EADDRINUSE.* did not set SO_REUSEPORT/,
  },
  {
    rule: 'not-sharing',
    sick: 'four forked processes that accept on one socket',
    healthy: 'two sockets, each held by a parent and two more',
    trigger: async (port) => {
      const server = await startServer({ port, fork: 4 });
      await connect({ port, count: 200, rate: 50, linger0: true });
      return { severity: 'warning', ino: server.ino, evidence: { sockets: 1, holders: 5 } };
    },
    twin: async (port) => {
      await startServers(2, { port, leak: 2 });
      await connect({ port, count: 200, linger0: true });
    },
    says: /one socket on which \d processes accept: SO_REUSEPORT is set and not in use/,
  },
  {
    rule: 'split',
    sick: 'workers on the wildcard beside others on one address',
    healthy: 'all of them on the wildcard',
    trigger: async (port) => {
      await startServers(2, { port, addr: '0.0.0.0' });
      await startServers(2, { port, addr: '127.0.0.1' });
      await connect({ port, ...WARM_UP });
      return { severity: 'warning', evidence: { groups: 2 } };
    },
    twin: async (port) => {
      await startServers(4, { port, addr: '0.0.0.0' });
      await connect({ port, ...WARM_UP });
    },
    says: /0\.0\.0\.0:\d+ shares its port: 127\.0\.0\.1:\d+ is a group of its own/,
  },
  {
    rule: 'renumbered',
    sick: 'a worker that leaves while clients come',
    healthy: 'workers that stay, and that came before the clients',
    trigger: async (port, tool) => {
      const servers = await startServers(4, { port });
      await connect({ port, ...WARM_UP });
      await looks(tool, 2);
      await servers[1]?.close();
      await connect({ port, ...WARM_UP });
      return { severity: 'note', evidence: { from: 4, to: 3 } };
    },
    twin: async (port) => {
      await startServers(4, { port });
      await connect({ port, ...WARM_UP });
    },
    says: /n went 4 -> 3/,
  },
  {
    rule: 'skew',
    sick: 'clients that come from three ports again and again',
    healthy: 'as many clients from ports of their own',
    trigger: async (port, tool) => {
      await startServers(8, { port });
      await looks(tool, 2);
      await connect({ port, count: 600, rate: 200, linger0: true, sports: '23000-23002' });
      return { severity: 'warning' };
    },
    twin: async (port) => {
      await startServers(8, { port });
      await connect({ port, count: 600, rate: 200, linger0: true });
    },
    says: /its fair share: (?:its \d+ shown picks come from \d ports of 127\.0\.0\.1|\d+% of (?:its|all) shown picks are 127\.0\.0\.1:2300\d again)|gets no picks/,
  },
  {
    rule: 'skew',
    sick: 'one worker whose clients stay, while those of the others go',
    healthy: 'clients that stay with every worker',
    trigger: async (port, tool) => {
      const servers = await startServers(4, (index) => ({ port, mode: index === 2 ? 'hold' : 'accept' }));
      // What came before the first look at these members is not compared.
      await looks(tool, 2);
      await holdOpen({ port, count: 400 });
      const [sick] = servers.slice(2);
      const connections = await sick?.count();
      const isCounted = (event: Event): boolean =>
        event.kind === 'open' &&
        event.lport === port &&
        event.processes?.map((each) => `${each.pid} ${each.connections}`).join() ===
          `${sick?.pid} ${connections}`;
      await tool.see('as many as the server counted', (events) => events.some(isCounted));
      return { severity: 'warning', ino: sick?.ino, evidence: { ratio: 4, cause: 'long-lived' } };
    },
    twin: async (port, tool) => {
      await startServers(4, { port, mode: 'hold' });
      await looks(tool, 2);
      await holdOpen({ port, count: 400 });
    },
    says: /#2 pid \d+ perl: 100% of \d+ open connections, 4\.00x its fair share .*: its own live long; of \d+ picks nobody has more than 1\.\d\dx/,
  },
];

const portOf = (index: number): number => 10_220 + 2 * index;

describe.skipIf(skip !== null)(`findings${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  let tool: Tool;
  beforeAll(async () => {
    const ports = CASES.flatMap((_, index) => [portOf(index), portOf(index) + 1]);
    tool = await startTool(['--port', ports.join(',')]);
  }, 300_000);
  afterEach(stopAll);
  afterAll(async () => {
    await tool?.finish();
  });

  const rows = CASES.map((each, index) => {
    const name = `${each.rule}: ${each.sick}; not: ${each.healthy}`;
    return [name, each, portOf(index)] as const;
  });

  it.each(rows)('%s', async (_, { rule, trigger, twin, says }, port) => {
    const healthy = twin(port + 1, tool);
    const expected = await trigger(port, tool);
    const finding = await seeFinding(tool, port, rule);
    expect(finding).toMatchObject({ status: 'raised', ...expected });
    expect(finding.text).toMatch(says);
    expect(finding.advice).not.toBe('');
    expect(finding.why).not.toBe('');
    await healthy;
    await looks(tool, QUIET_LOOKS);
    expect(troublesOn(tool, port + 1)).toEqual([]);
    expect(onPort(tool, port + 1).filter((each) => each.rule === rule)).toEqual([]);
  });

  it('is cleared when a stuck worker goes on, and raised anew when it stops again', async () => {
    const port = portOf(0);
    const before = onPort(tool, port).length;
    const [, sick] = await startServers(2, { port });
    const news = (): FindingEvent[] =>
      onPort(tool, port)
        .slice(before)
        .filter(({ rule }) => rule === 'stuck');
    await connect({ port, ...WARM_UP });
    for (const round of [1, 2]) {
      await sick?.stick();
      await holdOpen({ port, count: 20 });
      await tool.see('it stuck', () => news().length === 2 * round - 1);
      await sick?.resume();
      await tool.see('it cleared', () => news().length === 2 * round);
    }
    expect(news().map(({ status, ino }) => [status, ino])).toEqual([
      ['raised', sick?.ino],
      ['cleared', sick?.ino],
      ['raised', sick?.ino],
      ['cleared', sick?.ino],
    ]);
    const [first, , second] = news();
    expect(second?.serial).toBeGreaterThan(first?.serial ?? 0);
  });
});
