// What the screen is told of hashes, and of how a member is reached: learned once somebody looks, or from the start.
import type { Event } from '../core/event.js';
import type { Group } from '../core/state/group.js';
import type { Member } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { createHashes } from '../hash/explained.js';
import { startHunt } from '../hash/hunt.js';
import { tupleOf } from '../hash/jhash.js';
import { createLearner } from '../hash/learner.js';
import { dialledOf, type Judgement, judge } from '../hash/predict.js';
import { portsTo } from '../hash/reach.js';
import { HOST_PROC } from '../proc/listeners.js';
import { takenPorts } from '../proc/localports.js';
import { indexOf } from '../reach/choose.js';
import { isInstalled, linesOf, type Route } from '../reach/route.js';
import type { Answers } from '../tui/view.js';
import { wayTo } from './way.js';

export type AnswersOptions = {
  readonly isLive: boolean;
  /** Begin without being asked. */
  readonly isEager: boolean;
  /** Something new is known: time to draw. */
  readonly onChange: () => void;
};

/** Ports that are named. */
const NAMED = 8;
/** Ticks after which it is looked again who has which port. */
const STALE_TICKS = 5;

export const createAnswers = ({
  isLive,
  isEager,
  onChange,
}: AnswersOptions): Answers & {
  /** To be given every event. */
  readonly take: (state: State, event: Event) => void;
  readonly stop: () => void;
} => {
  // One thread: nobody is kept waiting.
  const learner = createLearner(startHunt(1), onChange);
  let last: { readonly key: string; readonly ticks: number; readonly judgement: Judgement } | null = null;
  let taken: { readonly netns: number; readonly ticks: number; ports: ReadonlySet<number> | null } | null =
    null;

  const judged = (state: State, group: Group): Judgement => {
    if (last?.key !== group.key || last.ticks !== state.ticks || last.judgement.kind === 'pending')
      last = { key: group.key, ticks: state.ticks, judgement: judge(state, group, learner) };
    return last.judgement;
  };
  /** null until they are read. */
  const takenIn = ({ netns, proto }: Member, { where }: Route, ticks: number): ReadonlySet<number> | null => {
    if (taken === null || taken.netns !== netns || taken.ticks + STALE_TICKS < ticks) {
      const asked = { netns, ticks, ports: taken?.netns === netns ? taken.ports : null };
      taken = asked;
      void takenPorts(HOST_PROC.root, where.kind === 'inside' ? where.pid : 'self', proto).then((ports) => {
        asked.ports = ports;
        onChange();
      });
    }
    return taken.ports;
  };

  const reach = (state: State, member: Member): readonly string[] => {
    const group = state.groups.get(member.group);
    if (group === undefined || member.closedNs !== null) return ['It listens no more.'];
    const judgement = judged(state, group);
    if (judgement.kind !== 'ready')
      return [`${judgement.kind === 'pending' ? 'Not known yet' : 'Not known'}: ${judgement.why}.`];
    const { oracle } = judgement;
    const index = indexOf(state, oracle, {
      index: oracle.members.findIndex(({ ino }) => ino === member.ino),
    });
    if (typeof index === 'string') return [`Not now: ${index}.`];
    const laddr = dialledOf(state, group, null) ?? '127.0.0.1';
    const route = isLive ? wayTo(member, null, laddr) : null;
    const raddr = route?.from ?? '127.0.0.1';
    const tuple = tupleOf({ laddr, lport: group.lport, raddr, rport: 0 });
    if (tuple === null) return ['Not known: it is not dialled over IPv4.'];
    const inUse = route === null ? null : takenIn(member, route, state.ticks);
    const ports = portsTo(oracle, tuple, index, (port) => inUse?.has(port) !== true, NAMED);
    const [first] = ports;
    if (first === undefined) return [`No free source port of ${raddr} leads there.`];
    return [
      `Source ports of ${raddr} that lead to ${laddr}:${group.lport} there${inUse === null ? '' : ', free now'}:`,
      ports.join(' '),
      ...(route === null ? [] : linesOf(route, first, isInstalled)),
    ];
  };

  return {
    hashes: createHashes(learner).of,
    reach,
    take: (state, event) => {
      if (!isEager || event.kind !== 'tick' || learner.isSearching()) return;
      for (const group of state.groups.values())
        if (group.n !== null && group.n > 1) learner.learn(state, group);
    },
    stop: learner.stop,
  };
};
