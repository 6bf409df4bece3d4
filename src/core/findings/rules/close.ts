// Connections lost at close: members that stopped listening while connections waited in their queue, in the last minute.

import { seesFunctions } from '../../rung.js';
import { QUIET_NS } from '../../state/burst.js';
import type { Condition, Evidence } from '../../state/finding.js';
import { type Group, sharing } from '../../state/group.js';
import { type Member, queuedAtClosings, total } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { formatCount } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { doubtInCounts } from './doubt.js';
import { addressOf, plural, shortName } from './subject.js';

/** The kernel moves a handshake when its final ACK comes or at the first timeout of its SYN-ACK (1 s), not at the close. */
const UNDER_WAY_NS = 3e9;

/** A member closed with connections still queued. */
export const closeRule = {
  id: 'lost-at-close',
  severity: 'problem',
  clearsNs: QUIET_NS,
  supersedes: [],
  conditions: (state: State): Condition[] => {
    const closed = new Map<string, Member[]>();
    for (const member of state.members.values()) {
      const closedNs = closedAt(member);
      if (member.proto === 'udp' || closedNs === null) continue;
      if (state.nowNs - closedNs > QUIET_NS) continue;
      const others = closed.get(member.group);
      if (others === undefined) closed.set(member.group, [member]);
      else others.push(member);
    }
    return [...closed.values()].flatMap((members) => describe(state, members) ?? []);
  },
} as const satisfies Rule;

/** What the closing of some members of one group came to. */
type Loss = {
  /** Connections that were reset; where `moved` is null some of them may have been moved. */
  readonly connections: number;
  /** Handshakes that were under way and had nowhere to go; null where the rung cannot know. */
  readonly handshakes: number | null;
  /** Connections and handshakes that the kernel moved to others (net.ipv4.tcp_migrate_req, or a program); null where that is not known. */
  readonly moved: number | null;
};

const lossOf = (state: State, members: readonly Member[]): Loss => {
  const sum = (of: (member: Member) => number): number => members.reduce((all, each) => all + of(each), 0);
  if (seesFunctions(state.rung)) {
    return {
      connections: sum(({ counters }) => total(counters.killed)),
      handshakes: sum(({ counters, synQueueAtClose, closedNs }) =>
        state.nowNs - (closedNs ?? 0) < UNDER_WAY_NS
          ? 0
          : Math.max(0, (synQueueAtClose ?? 0) - total(counters.requests_from)),
      ),
      moved: sum(({ counters }) => total(counters.moved_from) + total(counters.requests_from)),
    };
  }
  const queued = sum(queuedAtClosings);
  const seen = sum(({ counters }) => total(counters.moved_from));
  if (seen > 0) return { connections: Math.max(0, queued - seen), handshakes: null, moved: seen };
  const [first] = members;
  const migrateReq = first === undefined ? undefined : state.sysctls.get(first.netns)?.migrateReq;
  if (migrateReq === undefined) return { connections: queued, handshakes: null, moved: null };
  // The setting tells what the rung cannot see: with a member left to take them all were moved, else all were reset.
  const moved =
    migrateReq === 0 ? 0 : sum((member) => (hasHeir(state, member) ? queuedAtClosings(member) : 0));
  return { connections: queued - moved, handshakes: null, moved };
};

/** When it stopped listening last; it may have begun again since. null = never. */
const closedAt = ({ closedNs, reopened }: Member): number | null => closedNs ?? reopened?.closedNs ?? null;

/** Whether another member of its group listened when it closed. */
const hasHeir = (state: State, member: Member): boolean => {
  const closedNs = closedAt(member) ?? state.nowNs;
  for (const other of state.members.values()) {
    if (other === member || other.group !== member.group || other.reuseport !== true) continue;
    if (other.seenNs < closedNs && (other.closedNs ?? Number.POSITIVE_INFINITY) > closedNs) return true;
  }
  return false;
};

const describe = (state: State, closed: readonly Member[]): Condition | null => {
  const members = closed.filter((member) => isLoser(state, member));
  const [first] = members;
  if (first === undefined) return null;
  const loss = lossOf(state, members);
  const group = state.groups.get(first.group);
  const left = group === undefined ? 0 : sharing(group).length;
  const times = members.map((member) => closedAt(member) ?? state.nowNs);
  const who = members.length === 1 ? shortName(first).trim() : plural(members.length, 'listener');
  const evidence: Evidence = {
    connections: loss.connections,
    handshakes: loss.handshakes,
    moved: loss.moved,
    listenersClosed: members.length,
    listenersLeft: left,
  };
  return {
    group: first.group,
    ino: null,
    detail: '',
    sinceNs: Math.min(...times),
    lastNs: Math.max(...times),
    text: `${addressOf(first)} ${lostText(loss, who, heirsOf(group))}`,
    evidence,
    advice: adviceOn(loss, left),
    why: 'When a listener closes the kernel resets what nobody has accepted on it; its clients believed to be connected.',
    doubt:
      loss.moved === null
        ? 'whether net.ipv4.tcp_migrate_req moved them to other members is not seen by this rung'
        : doubtInCounts(state),
  };
};

const isLoser = (state: State, member: Member): boolean => {
  const { connections, handshakes } = lossOf(state, [member]);
  return connections > 0 || (handshakes ?? 0) > 0;
};

/** Who was given what others left: `#0 pid 1204 nginx`. */
const heirsOf = (group: Group | undefined): string => {
  const heirs = [...(group?.members.values() ?? [])].filter(
    ({ counters }) => total(counters.moved_to) + total(counters.requests_to) > 0,
  );
  const [only] = heirs;
  return heirs.length === 1 && only !== undefined ? shortName(only).trim() : 'others';
};

const lostText = ({ connections, handshakes, moved }: Loss, who: string, heirs: string): string => {
  if (moved === null) return `had ${plural(connections, 'connection')} queued when ${who} closed: reset`;
  const under = handshakes !== null && handshakes > 0 ? ` and ${plural(handshakes, 'handshake')}` : '';
  const saved = moved > 0 ? `, ${formatCount(moved)} moved to ${heirs}` : '';
  return `lost ${plural(connections, 'queued connection')}${under} when ${who} closed${saved}`;
};

const adviceOn = ({ connections, moved }: Loss, left: number): string => {
  if (left === 0)
    return 'Let the new listeners begin before the old ones close: nobody was left to take these over.';
  if (moved !== null && moved > 0)
    return 'Accept what is queued before closing: not all of it could be moved to other members.';
  return `sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14 and newer) would have given ${connections === 1 ? 'it' : `these ${formatCount(connections)}`} to the ${plural(left, 'listener')} that ${left === 1 ? 'stays' : 'stay'}; or accept what is queued before closing.`;
};
