// reach: source ports that lead to one member, with lines to paste; or connections of its own that say where they landed.

import type { Show } from '../args/request.js';
import { inOrder } from '../core/state/group.js';
import type { Member } from '../core/state/member.js';
import { ownerOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { clean } from '../core/text/format.js';
import { UserError } from '../errors.js';
import { tupleOf } from '../hash/jhash.js';
import { portsTo } from '../hash/reach.js';
import { landingFacts, landingLine, reachLines } from '../outputs/reach.js';
import { createWriter } from '../outputs/writer.js';
import { HOST_PROC } from '../proc/listeners.js';
import { takenPorts } from '../proc/localports.js';
import { indexOf } from '../reach/choose.js';
import { createLander } from '../reach/landing.js';
import { isInstalled, linesOf, type Route } from '../reach/route.js';
import { type Answer, createAsking, openLearning } from './asking.js';
import { failing, type Mode, type ModeOptions, writing } from './mode.js';
import { wayTo } from './way.js';

type Reach = Extract<Show, { kind: 'reach' }>;

/** Ports that are named. */
const NAMED = 10;
/** Ports that are tried for a connection: somebody may have taken one since. */
const SPARE = 5;

export const openReach = (options: ModeOptions, show: Reach): Mode => {
  const { environment, onClosed } = options;
  const { output, wanted, from, to, connections } = show;
  const writer = createWriter(environment.stdout, failing(options));
  const learning = openLearning(options);
  const lander = createLander();
  const what = 'index' in wanted ? `reach #${wanted.index}` : `reach process ${wanted.pid}`;
  let exitCode = 0;
  let reaching: Promise<void> | null = null;
  let failure: unknown = null;

  const go = async (state: State, answer: Answer): Promise<void> => {
    const { group, oracle, laddr } = answer;
    const index = indexOf(state, oracle, wanted);
    const member = typeof index === 'string' ? undefined : oracle.members[index];
    if (typeof index === 'string' || member === undefined) throw new UserError(`cannot ${what}: ${index}`);
    const route = wayTo(member, from, laddr);
    if (route === null)
      throw new UserError(`cannot ${what}: no process in the network namespace of ${laddr} is known`);
    const tuple = tupleOf({ laddr, lport: group.lport, raddr: route.from, rport: 0 });
    if (tuple === null) throw new UserError(`cannot ${what}: ${route.from} is no IPv4 address`);
    const { where } = route;
    const taken =
      where.kind === 'elsewhere'
        ? null
        : await takenPorts(HOST_PROC.root, where.kind === 'inside' ? where.pid : 'self', group.proto);
    const most = Math.max(NAMED, connections + SPARE);
    const ports = portsTo(oracle, tuple, index, (port) => taken?.has(port) !== true, most);
    const [first] = ports;
    if (first === undefined)
      throw new UserError(`cannot ${what}: no free source port of ${route.from} leads there`);
    const owner = ownerOf(member);
    const facts = {
      kind: 'reach',
      ...{ proto: group.proto, netns: group.netns, laddr, lport: group.lport, raddr: route.from },
      ...{ n: oracle.n, index, ino: member.ino },
      ...{ pid: owner?.pid ?? null, comm: owner === null ? null : clean(owner.comm) },
      ...{ ports: ports.slice(0, NAMED), free: taken !== null },
      lines: linesOf(route, first, isInstalled),
    } as const;
    await writer.all(reachLines(facts, output));
    if (connections > 0) await connect(member, route, ports, () => isAsIt(answer));
  };

  const connect = async (
    member: Member,
    route: Route,
    ports: readonly number[],
    isStill: () => boolean,
  ): Promise<void> => {
    if (route.proto === 'udp')
      throw new UserError('cannot connect: UDP has no connections (leave out --connect)');
    if (route.where.kind === 'elsewhere')
      throw new UserError(`cannot connect from ${route.from}: it is no address of this host`);
    let left = connections;
    let landed = 0;
    for (const port of ports) {
      if (left === 0) break;
      if (!isStill()) throw new UserError('cannot connect: the members of the group changed meanwhile');
      const landing = await lander.land(route, port);
      // Somebody else has it now, or had it with this server until a moment ago.
      if (landing.problem === 'EADDRINUSE' || landing.problem === 'EADDRNOTAVAIL') continue;
      const facts = landingFacts(member, landing);
      left--;
      if (facts.landed === true) landed++;
      await writer.all([landingLine(facts, route.from, output)]);
    }
    if (landed < connections) exitCode = 1;
    if (connections > 1 && output === 'lines') await writer.all([`${landed} of ${connections} landed there`]);
  };

  const asking = createAsking({
    ...learning,
    what,
    question: { to, from },
    dialled: '127.0.0.1',
    onAnswer: (state, answer) => {
      reaching = go(state, answer)
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(onClosed);
    },
  });
  return {
    ...writing({ take: () => undefined, end: async () => undefined, dropped: writer.dropped }, true),
    take: (state, event) => {
      lander.take(state, event);
      if (event.kind === 'tick' && reaching === null) asking.ask(state);
    },
    end: async (state) => {
      await asking.end(state);
      await reaching;
      if (failure !== null) throw failure;
    },
    exitCode: () => exitCode,
    close: learning.close,
  };
};

/** The members are those, in that order, for which the ports were worked out. */
const isAsIt = ({ group, oracle }: Answer): boolean => {
  const now = inOrder(group);
  return group.n === oracle.n && now.every((member, index) => member === oracle.members[index]);
};
