// Groups of several sizes in two network namespaces, recorded while some clients come, and then who got each of 1,000 fresh source ports;
// and what is predicted for those ports from the recording alone.
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apply } from '../../src/core/apply.js';
import type { Proto } from '../../src/core/event.js';
import { groupKey } from '../../src/core/state/group.js';
import { createState, type State } from '../../src/core/state/state.js';
import { evidenceOf } from '../../src/hash/evidence.js';
import { startHunt } from '../../src/hash/hunt.js';
import { FORMULAS } from '../../src/hash/jhash.js';
import { createLearner } from '../../src/hash/learner.js';
import { type Judgement, judge } from '../../src/hash/predict.js';
import { predictions } from '../../src/outputs/prediction.js';
import { openReplay } from '../../src/recording/replay.js';
import type { Tool } from '../live/tool.js';
import { connect, type Ports, startPorts, withNetns } from './workload.js';

/** A group, and the inode of the socket that got each source port. */
type Truth = {
  readonly what: string;
  readonly proto: Proto;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  readonly inos: readonly (readonly [port: number, ino: number])[];
};

const FRESH = { from: 40_000, to: 40_999 } as const;
const CLIENT = '127.0.0.1';

type Start = (record: string) => Promise<Tool>;

/**
 * Writes into the folder the recording and who got the fresh ports, which came when the recording was over. `picks`: clients that come to
 * each group meanwhile. With UDP where the rung sees its clients.
 */
export const recordGroups = async (
  folder: string,
  { port, picks, hasUdp, start }: { port: number; picks: number; hasUdp: boolean; start: Start },
): Promise<void> =>
  withNetns(async (second) => {
    const groups: { what: string; addr: string; proto: Proto; netns: string | undefined; ports: Ports }[] =
      [];
    for (const netns of [undefined, second]) {
      const where = netns === undefined ? 'host' : 'second namespace';
      const add = async (what: string, number: number, sockets: number, proto: Proto): Promise<void> => {
        const addr = `127.0.0.${number}`;
        const at = netns === undefined ? {} : { netns };
        const ports = await startPorts({ port, addr, sockets, proto, ...at });
        groups.push({ what: `${what}, ${where}`, addr, proto, netns, ports });
      };
      for (const n of [2, 3, 5, 8]) await add(`n = ${n}`, 10 + n, n, 'tcp');
      await add('4 left of 5', 30, 5, 'tcp');
      if (hasUdp) await add('UDP, n = 3', 40, 3, 'udp');
    }
    const come = async (from: number, count: number): Promise<void> => {
      for (const { addr, proto, netns } of groups) {
        const sports = `${from}-${from + count - 1}`;
        const options = { port, addr, proto, src: CLIENT, sports, count, linger0: proto === 'tcp' };
        await connect({ ...options, ...(netns === undefined ? {} : { netns }) });
      }
    };
    const tool = await start(join(folder, 'groups.ndjson'));
    await come(20_000, picks);
    for (const { what, ports } of groups) if (what.startsWith('4 left')) await ports.close(1);
    // After a change, a pick that is seen at the end of its handshake is not believed for a second.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await come(21_000, picks);
    const { exitCode, stderr } = await tool.finish();
    if (exitCode !== 0) throw new Error(`the tool ended with ${exitCode}: ${stderr}`);
    for (const { ports } of groups) await ports.log();
    await come(FRESH.from, FRESH.to - FRESH.from + 1);
    const truths: Truth[] = [];
    for (const { what, addr, proto, ports } of groups) {
      const seen = await ports.log();
      truths.push({
        ...{ what, proto, laddr: addr, lport: port },
        netns: Number(/\d+/.exec(readlinkSync(`/proc/${ports.pid}/ns/net`))?.[0]),
        inos: [...seen].map(([source, socket]) => [source, ports.inos[socket] ?? 0] as const),
      });
    }
    writeFileSync(join(folder, 'groups.json'), JSON.stringify(truths));
  });

/** The State that the recording comes to. */
const stateOf = async (folder: string): Promise<State> => {
  const replay = await openReplay({
    ...{ paths: [join(folder, 'groups.ndjson')], speed: Number.POSITIVE_INFINITY },
    ...{ from: null, until: null, seconds: null, signal: new AbortController().signal },
  });
  const state = createState(replay.scope ?? { ports: [], family: null, netns: null, pid: null });
  for await (const events of replay.events) for (const event of events) apply(state, event);
  return state;
};

/** The seed of the first group's namespace, which the tool keeps to itself. */
export const seedsOf = async (folder: string): Promise<readonly number[]> => {
  const state = await stateOf(folder);
  const [first] = state.groups.values();
  const clues = evidenceOf(state, 'tcp', first?.netns ?? 0).evident.map(({ clue }) => clue);
  const hunt = startHunt(2)(clues, FORMULAS);
  hunt.hold();
  return (await hunt.found).map(({ seed }) => seed);
};

export type Held = { readonly what: string; readonly right: number; readonly of: number };

/** Of each group how many of the fresh ports got the member that the recording tells. Rejects when one cannot be told. */
export const predictGroups = async (folder: string): Promise<readonly Held[]> => {
  const truths = JSON.parse(readFileSync(join(folder, 'groups.json'), 'utf8')) as Truth[];
  const state = await stateOf(folder);
  const learner = createLearner(startHunt(2), () => undefined);
  const held: Held[] = [];
  for (const { what, inos, laddr, ...at } of truths) {
    const group = state.groups.get(groupKey({ ...at, laddr }));
    if (group === undefined) throw new Error(`${what}: it is not in the recording`);
    let judgement: Judgement = judge(state, group, learner);
    while (judgement.kind === 'pending' && learner.isSearching()) {
      await learner.settled();
      judgement = judge(state, group, learner);
    }
    if (judgement.kind !== 'ready') throw new Error(`${what}: ${judgement.why}`);
    const sources = { text: '', raddr: CLIENT, ...FRESH };
    const told = predictions({ state, group, oracle: judgement.oracle, sources, laddr });
    const got = new Map(inos);
    held.push({
      what,
      right: told.filter(({ rport, ino }) => got.get(rport) === ino).length,
      of: told.length,
    });
  }
  learner.stop();
  return held;
};
