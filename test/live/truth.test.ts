// Random sequences of calls on real sockets, against the running tool: its counts by socket, its sums and its account equal a model's.
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { apply } from '../../src/core/apply.js';
import { total } from '../../src/core/state/member.js';
import { createState, type State } from '../../src/core/state/state.js';
import { addSums, createSums } from '../../src/core/state/sums.js';
import { receivedOf, totals, unaccepted, uncounted } from '../../src/core/state/totals.js';
import { type Sockets, startSockets } from '../workloads/sockets.js';
import { stopAll, waitFor } from '../workloads/workload.js';
import { ruleOf, startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterAll(stopAll);

/** For how long new sequences begin: two minutes in CI, more by hand. */
const SECONDS = Number(process.env.TRUTH_SECONDS ?? 120);
/** Ports of the sockets 0 to 2 and 3 to 4, and of 5 to 7, which are UDP. */
const PORTS = [20_621, 20_622, 20_623] as const;
const portOf = (socket: number): number => PORTS[socket < 3 ? 0 : socket < 5 ? 1 : 2];
const isUdp = (socket: number): boolean => socket >= 5;
const SOCKETS = 8;
/** Their accept queues hold 512. */
const MOST_QUEUED = 300;

const OPS = [
  'open',
  'listen',
  'connect',
  'take',
  'hand',
  'shutdown',
  'close',
  'churn',
  'race',
  'rest',
] as const;
type Step = { readonly op: (typeof OPS)[number]; readonly socket: number; readonly count: number };

const step: fc.Arbitrary<Step> = fc.record({
  op: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('open', 'listen', 'connect', 'take') },
    { weight: 1, arbitrary: fc.constantFrom(...OPS) },
  ),
  socket: fc.nat(SOCKETS - 1),
  count: fc.integer({ min: 1, max: 30 }),
});

type Counts = { picks: number; accepted: number; received: number };

/** What servers and clients counted, since the tool began. */
const createModel = (sockets: Sockets) => {
  const inos = new Map<number, number>();
  const listening = new Set<number>();
  const byIno = new Map<number, Counts>();
  const datagrams = new Set<number>();
  const sums: Counts = { picks: 0, accepted: 0, received: 0 };
  let queued = 0;
  const add = (socket: number | null, counts: Partial<Counts>): void => {
    const ino = socket === null ? undefined : inos.get(socket);
    const its = ino === undefined ? null : (byIno.get(ino) ?? { picks: 0, accepted: 0, received: 0 });
    if (ino !== undefined && its !== null) byIno.set(ino, its);
    for (const key of ['picks', 'accepted', 'received'] as const) {
      sums[key] += counts[key] ?? 0;
      if (its !== null) its[key] += counts[key] ?? 0;
    }
  };
  const taken = (socket: number | null, count: number): void =>
    add(socket, isUdp(socket ?? 0) ? { received: count } : { picks: count, accepted: count });
  const take = async (socket: number, command: 'take' | 'hand'): Promise<void> => {
    taken(socket, (await sockets.tell(`${command} ${socket}`)).number('taken'));
  };
  /** Connections that wait are lost with the listener; datagrams as well, but of those only what is read counts. */
  const lose = async (socket: number): Promise<void> => {
    if (isUdp(socket) || !listening.has(socket)) return;
    add(socket, { picks: (await sockets.tell(`queue ${socket}`)).number('queue') });
    listening.delete(socket);
  };
  const emptyAll = async (): Promise<void> => {
    for (const socket of inos.keys()) if (isUdp(socket) || listening.has(socket)) await take(socket, 'take');
    queued = 0;
  };
  const isReady = (socket: number): boolean => (isUdp(socket) ? inos.has(socket) : listening.has(socket));
  const run = async ({ op, socket, count }: Step): Promise<void> => {
    const isOpen = inos.has(socket);
    if (op === 'rest') return void (await new Promise((resolve) => setTimeout(resolve, 20 * count)));
    if (op === 'open') {
      if (isOpen) return;
      const proto = isUdp(socket) ? 'udp' : 'tcp';
      const ino = await sockets.open(socket, proto, '127.0.0.1', portOf(socket));
      inos.set(socket, ino);
      if (proto === 'udp') datagrams.add(ino);
      return;
    }
    if (!isOpen) return;
    if (op === 'listen' && !isUdp(socket)) {
      if ((await sockets.tell(`listen ${socket}`)).errno === 0) listening.add(socket);
    } else if (op === 'close') {
      await lose(socket);
      await sockets.tell(`close ${socket}`);
      inos.delete(socket);
    } else if (op === 'shutdown' && listening.has(socket)) {
      await lose(socket);
      await sockets.tell(`shutdown ${socket}`);
    } else if (op === 'connect') {
      queued += (await sockets.tell(`connect ${socket} ${count}`)).number('made');
    } else if ((op === 'take' || op === 'hand') && isReady(socket)) {
      await take(socket, op);
    } else if (op === 'churn' && isReady(socket)) {
      const churn = await sockets.tell(`churn ${socket} ${count} 3`);
      taken(socket, churn.number('own'));
      if (isUdp(socket)) add(null, { received: churn.number('taken') });
      else add(null, { picks: churn.number('taken'), accepted: churn.number('taken') });
      queued += 3 * count;
    } else if (op === 'race' && listening.has(socket)) {
      taken(socket, (await sockets.tell(`race ${socket} 2 ${5 * count}`)).number('taken'));
      queued += 10 * count;
    }
    if (queued > MOST_QUEUED) await emptyAll();
  };
  const end = async (): Promise<void> => {
    for (const socket of [...inos.keys()]) await run({ op: 'close', socket, count: 1 });
    queued = 0;
  };
  return { run, end, byIno, sums, datagrams };
};

/** The tool's State, made of what it printed. */
const createReader = (tool: Tool) => {
  const state = createState({ ports: PORTS, family: null, netns: null, pid: null });
  return () => {
    for (const event of tool.forget()) if (ruleOf(event) === null) apply(state, event);
    return state;
  };
};

/** What the tool counted, with what it says that it has missed. */
const countsOf = (state: State): Counts => {
  const tcp = createSums();
  for (const { key, gone } of state.groups.values()) if (key.startsWith('tcp ')) tcp.picks += gone.picks;
  for (const [key, gone] of state.pastGroups) if (key.startsWith('tcp ')) tcp.picks += gone.picks;
  for (const member of [...state.members.values(), ...state.departed.values()])
    if (member.proto === 'tcp') addSums(tcp, member, 'tracepoint');
  return {
    picks: tcp.picks + uncounted(state),
    accepted: totals(state).accepted + unaccepted(state),
    received: receivedOf(state),
  };
};

it.skipIf(skip !== null)(
  `any sequence of calls is counted as the servers count it${skip === null ? '' : ` (skipped: ${skip})`}`,
  async () => {
    const tool = await startTool(['--port', PORTS.join(',')]);
    const sockets = await startSockets();
    const model = createModel(sockets);
    const read = createReader(tool);
    let sequences = 0;
    const agree = async (): Promise<void> => {
      const compare = (): true => {
        const state = read();
        expect(countsOf(state)).toEqual(model.sums);
        for (const [ino, truth] of model.byIno) {
          const counters = state.counters.get(ino);
          // Of UDP picks are wake-ups, of which one may stand for several datagrams; what the kernel skipped is said of the sums.
          if (counters === undefined || state.missed > 0) continue;
          expect({
            ino,
            picks: model.datagrams.has(ino) ? 0 : total(counters.picks),
            accepted: total(counters.accepted),
            received: total(counters.received),
          }).toEqual({ ino, ...truth });
        }
        return true;
      };
      try {
        await waitFor('the tool to agree with the servers', compare, 15_000);
      } catch (error) {
        // Else every smaller sequence would fail as well.
        Object.assign(model.sums, countsOf(read()));
        throw error;
      } finally {
        model.byIno.clear();
      }
    };
    const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      sequences++;
      for (const each of steps) await model.run(each);
      await model.end();
      await agree();
    });
    try {
      await fc.assert(property, {
        numRuns: 100_000,
        interruptAfterTimeLimit: SECONDS * 1000,
        endOnFailure: false,
      });
    } finally {
      console.info(`${sequences} sequences against the running tool`);
    }
    const { summary } = await tool.finish();
    expect(summary).toMatchObject({
      accepted: model.sums.accepted,
      received: model.sums.received,
      malformed: 0,
    });
    expect(summary.shown + summary.sampledAway + summary.lost).toBe(summary.picks);
  },
  (SECONDS + 300) * 1000,
);
