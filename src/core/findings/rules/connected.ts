// UDP sockets and connect(): members that are passed over in their group, workers that serve nobody new, sockets that lost their group.

import type { Condition, Evidence } from '../../state/finding.js';
import { type Group, isApart, keptConnected, lostWorkers, sharing } from '../../state/group.js';
import { type Member, ownerOf } from '../../state/member.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { addressOf, namesOf, plural, shortName } from './subject.js';

/** A client that connects for one request is gone by then; a worker is not. */
const CONNECTED_NS = 5e9;
/** Members of a new group join one after the other. */
const SETTLED_NS = 3e9;

/** A UDP socket was connected: the kernel skips it, and it leaves its share to others. */
export const connectedRule = {
  id: 'connected',
  severity: 'warning',
  clearsNs: 5e9,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.groups.values()].flatMap((group) => {
      if (group.proto !== 'udp') return [];
      return [...kept(state, group), ...workers(state, group), ...astray(state, group)];
    }),
} as const satisfies Rule;

const condition = (
  state: State,
  group: Group,
  detail: string,
  sinceNs: number,
  words: Pick<Condition, 'severity' | 'text' | 'advice' | 'why'> & {
    readonly evidence: Evidence;
    readonly ino?: number | null;
  },
): Condition => ({
  group: group.key,
  ino: null,
  detail,
  sinceNs,
  lastNs: state.nowNs,
  doubt: null,
  ...words,
});

const since = (members: readonly Member[]): number =>
  Math.min(...members.map(({ connectedNs, seenNs }) => connectedNs ?? seenNs));

/** The kernel has more in the group than take new clients: it walks on from each that is connected to the next that is not. */
const kept = (state: State, group: Group): Condition[] => {
  const settled = [...group.connected.values()].filter(
    ({ connectedNs }) => connectedNs !== null && state.nowNs - connectedNs >= CONNECTED_NS,
  );
  const count = settled.length === 0 ? 0 : (keptConnected(group) ?? 0);
  if (count === 0) return [];
  const left = sharing(group).length;
  return [
    condition(state, group, 'kept', since(settled), {
      text: `${addressOf(group)} has ${plural(count, 'connected socket')} in its group (n = ${group.n}, ${left} of them take new clients): the next in order gets ${count === 1 ? 'its' : 'their'} share too`,
      evidence: { n: group.n, connected: count, sharing: left },
      advice:
        'Bind sockets of single clients to the wildcard address (then connect() takes them out of the group), or pick with a BPF program.',
      why: 'This kernel leaves a connected socket in socks[] (6.18 does not), and reuseport_select_sock passes over it to the next index.',
    }),
  ];
};

/** Told once for a group: a server that forks for each client has many. */
const workers = (state: State, group: Group): Condition[] => {
  const members = sharing(group);
  if (members.length === 0) return [];
  const idle = lostWorkers(group).filter(
    ({ connectedNs }) => connectedNs !== null && state.nowNs - connectedNs >= CONNECTED_NS,
  );
  const [first] = idle;
  if (first === undefined) return [];
  const owners = idle.flatMap((member) => ownerOf(member) ?? []);
  const who =
    idle.length === 1
      ? `${shortName(first).trim()} is connected to ${first.peer}`
      : `${plural(idle.length, 'socket')} of ${namesOf(owners)} are connected`;
  return [
    condition(state, group, 'worker', since(idle), {
      severity: 'note',
      ino: idle.length === 1 ? first.ino : null,
      text: `${addressOf(group)}: ${who}: no new client goes to ${idle.length === 1 ? 'it' : 'them'}, ${members.length} of ${members.length + idle.length} share what comes`,
      evidence: { connected: idle.length, sharing: members.length, n: group.n, peer: first.peer },
      advice:
        'Connect another socket than the one that serves the port; nothing is wrong if it serves that one client.',
      why: 'A connected UDP socket gets what its peer sends, and is not picked for anybody else.',
    }),
  ];
};

/** SO_REUSEPORT is set, and the socket is in no group: it gets everything, or nothing. */
const astray = (state: State, group: Group): Condition[] => {
  const apart = [...group.members.values()].filter(
    (member) => member.reuseport === true && isApart(group, member),
  );
  const [first] = apart;
  if (first === undefined || group.members.size < 2) return [];
  const sinceNs = Math.max(...apart.map(({ seenNs, connectedNs }) => connectedNs ?? seenNs));
  if (state.nowNs - sinceNs < SETTLED_NS) return [];
  const who = apart.length === 1 ? shortName(first).trim() : plural(apart.length, 'socket');
  const how = apart.some(({ wasConnected }) => wasConnected)
    ? 'it left its group when it was connected, and connect(AF_UNSPEC) did not bring it back'
    : 'it left its group when it was connected, or the option was set after bind()';
  const rest = sharing(group).length;
  return [
    condition(state, group, 'astray', sinceNs, {
      ino: apart.length === 1 ? first.ino : null,
      text: `${addressOf(group)}: ${who} has SO_REUSEPORT and is in no group: ${how}; ${trafficOf(group, apart)}`,
      evidence: {
        outside: apart.length,
        ino: first.ino,
        pid: ownerOf(first)?.pid ?? null,
        n: rest,
        sharing: rest,
      },
      advice: 'Close that socket and bind a new one: nothing else takes it back into the group.',
      why: 'connect() takes a UDP socket out of socks[] (reuseport_detach_sock); only bind() puts one in.',
    }),
  ];
};

/** Who gets what comes, as far as the last second tells. */
const trafficOf = (group: Group, apart: readonly Member[]): string => {
  const rate = (members: readonly Member[]): number =>
    members.reduce((sum, { perSecond }) => sum + (perSecond ?? 0), 0);
  const [own, others] = [rate(apart), rate(sharing(group))];
  if (own > 0 && others === 0) return 'it gets every datagram, the others none';
  if (own === 0 && others > 0) return 'it gets none';
  return 'it takes no part in their share';
};
