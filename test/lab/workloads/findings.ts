// The findings that need the functions of the kernel: each has a workload that triggers it and a healthy twin that must not.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { RuleId } from '../../../src/core/findings/rules/all.js';
import type { FindingEvent } from '../../../src/core/state/finding.js';
import { looks, onPort, seeFinding } from '../../live/found.js';
import type { Tool } from '../../live/tool.js';
import {
  connect,
  holdOpen,
  type ServerOptions,
  startRefused,
  startServer,
  startServers,
} from '../../workloads/workload.js';
import type { Workload } from '../workload.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

/** Looks after which a rule that speaks at once has spoken. */
const QUIET_LOOKS = 4;

type Pair = {
  readonly rule: RuleId;
  readonly trigger: (port: number, tool: Tool) => Promise<void>;
  readonly twin: (port: number) => Promise<void>;
  readonly check: (finding: FindingEvent) => void;
};

/** Member 0 of the group has the program or option, the others only the port. */
const first =
  (options: ServerOptions): ((index: number) => ServerOptions) =>
  (index) =>
    index === 0 ? options : { port: options.port ?? 0 };

/** Two listeners of which the second never accepts; it closes with connections in its queue. */
const closeWithQueue = async (port: number): Promise<void> => {
  const servers = await startServers(2, { port, mode: 'stuck', backlog: 64 });
  assert.equal((await holdOpen({ port, count: 23 })).ok, 23);
  await servers[1]?.close();
};

const PAIRS: readonly Pair[] = [
  {
    // A program that drops refuses its clients.
    rule: 'bad-program',
    trigger: async (port) => {
      await startServers(3, first({ port, ebpf: 'drop' }));
      assert.equal((await connect({ port, count: 13 })).refused, 13);
    },
    twin: async (port) => {
      await startServers(3, first({ port, ebpf: 'index' }));
      assert.equal((await connect({ port, count: 13 })).ok, 13);
    },
    check: ({ severity, text, evidence }) => {
      assert.equal(severity, 'problem');
      assert.match(text, /refused \d+ connections?/);
      // It is raised at the first look, by which not all of them may have come.
      assert.ok(Number(evidence.refused) >= 1 && Number(evidence.refused) <= 13, JSON.stringify(evidence));
    },
  },
  {
    // An index that is none leaves the choice to the hash.
    rule: 'bad-program',
    trigger: async (port) => {
      await startServers(3, first({ port, cbpf: 9, cbpfWhen: 'after' }));
      assert.equal((await connect({ port, count: 31 })).ok, 31);
    },
    twin: async (port) => {
      await startServers(3, first({ port, cbpf: 1, cbpfWhen: 'after' }));
      assert.equal((await connect({ port, count: 31 })).ok, 31);
    },
    check: ({ text }) => assert.match(text, /no valid index for \d+ of \d+ shown picks/),
  },
  {
    // A full queue drops SYNs, which only these rungs see.
    rule: 'overflow',
    trigger: async (port) => {
      await startServer({ port, mode: 'stuck', backlog: 4 });
      assert.equal((await holdOpen({ port, count: 5 })).ok, 5);
      assert.equal((await connect({ port, count: 7, timeoutMs: 400 })).timedout, 7);
    },
    twin: async (port) => {
      await startServer({ port, mode: 'stuck', backlog: 64 });
      assert.equal((await holdOpen({ port, count: 5 })).ok, 5);
    },
    check: ({ severity }) => assert.equal(severity, 'problem'),
  },
  {
    // The twin closes as well: net.ipv4.tcp_migrate_req gives what is queued to the other listener.
    rule: 'lost-at-close',
    trigger: async (port) => {
      writeFileSync(MIGRATE, '0');
      await closeWithQueue(port);
    },
    twin: async (port) => {
      writeFileSync(MIGRATE, '1');
      await closeWithQueue(port);
      writeFileSync(MIGRATE, '0');
    },
    check: ({ evidence }) => {
      assert.equal(evidence.moved, 0);
      assert.equal(evidence.listenersLeft, 1);
      assert.ok(Number(evidence.connections) > 0, JSON.stringify(evidence));
    },
  },
  {
    // The kernel itself says which socket is in the way.
    rule: 'bind-refused',
    trigger: async (port) => {
      await startServer({ port });
      await startRefused({ port, uid: 1000 });
    },
    twin: async (port) => void (await startServers(2, { port })),
    check: ({ text, doubt, evidence }) => {
      assert.match(text, /one effective uid/);
      assert.equal(doubt, null);
      assert.ok(Number(evidence.holderIno) > 0, JSON.stringify(evidence));
    },
  },
  {
    // A program that always takes one member is the cause of a skew, and is named as such.
    rule: 'skew',
    trigger: async (port) => {
      await startServers(4, first({ port, cbpf: 2, cbpfWhen: 'after' }));
      assert.equal((await connect({ port, count: 331, linger0: true })).ok, 331);
    },
    twin: async (port) => {
      await startServers(4, { port });
      assert.equal((await connect({ port, count: 331, linger0: true })).ok, 331);
    },
    check: ({ text }) => assert.match(text, /: the classic BPF program chooses/),
  },
  {
    // Picks are even, and one worker's clients stay.
    rule: 'skew',
    trigger: async (port, tool) => {
      await startServers(4, (index) => ({ port, mode: index === 1 ? 'hold' : 'accept' }));
      // What came before the first look at these members is not compared.
      await looks(tool, 2);
      assert.equal((await holdOpen({ port, count: 331 })).ok, 331);
    },
    twin: async (port) => {
      await startServers(4, { port, mode: 'hold' });
      assert.equal((await holdOpen({ port, count: 331 })).ok, 331);
    },
    check: ({ evidence, text }) => {
      assert.equal(evidence.cause, 'long-lived', text);
      assert.match(text, /100% of \d+ open connections/);
    },
  },
  {
    rule: 'renumbered',
    trigger: async (port, tool) => {
      const servers = await startServers(4, { port });
      assert.equal((await connect({ port, count: 31 })).ok, 31);
      // Counts come with the tick: a group of which none is known yet has no clients to send elsewhere.
      await looks(tool, 2);
      await servers[1]?.close();
      assert.equal((await connect({ port, count: 31 })).ok, 31);
    },
    twin: async (port) => {
      await startServers(4, { port });
      assert.equal((await connect({ port, count: 62 })).ok, 62);
    },
    check: ({ text }) => assert.match(text, /n went 4 -> 3/),
  },
];

/** Open connections are counted again after a hundred times as long as the last count took: a second, in a guest on a busy host. */
const FIND_MS = 300_000;

/** Uses the ports base to base + 2 * pairs. */
export const findings = (base: number): Workload => ({
  name: 'each finding of the function rungs is raised by its workload, and not by a healthy twin',
  check: () => undefined,
  run: async (tool: Tool) => {
    for (const [index, { rule, trigger, twin, check }] of PAIRS.entries()) {
      const port = base + 2 * index;
      // One after the other: both may set what the whole kernel obeys.
      await trigger(port, tool);
      const finding = await seeFinding(tool, port, rule, FIND_MS);
      await twin(port + 1);
      check(finding);
      await looks(tool, QUIET_LOOKS);
      const wrong = onPort(tool, port + 1).filter((found) => found.rule === rule);
      assert.deepEqual(
        wrong.map(({ text }) => text),
        [],
        `${rule} of a healthy twin`,
      );
    }
  },
});
