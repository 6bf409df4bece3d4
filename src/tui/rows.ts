// One row of facts for each group and member, computed once for a frame; what is unknown is null. It draws nothing.

import type { Proto } from '../core/event.js';
import { seesFunctions } from '../core/rung.js';
import { type Finding, markOf } from '../core/state/finding.js';
import { type Group, groupPerSecond, inOrder, livePicks, skewOf } from '../core/state/group.js';
import {
  type Actor,
  clientsOf,
  countsWakeUps,
  droppedOf,
  type Member,
  ownerOf,
  picksOf,
  queueOf,
  takenOf,
} from '../core/state/member.js';
import { isShown, type State } from '../core/state/state.js';
import type { Clients } from '../core/statistics/clients.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import { formatBytes } from '../core/text/format.js';
import { inCommon, placeOf } from '../core/words/identity.js';
import { netnsName } from '../core/words/netns.js';
import { addUp } from './bars.js';
import type { Mark } from './table.js';
import { cells } from './text.js';

export type GroupFacts = {
  readonly group: Group;
  readonly mark: Mark;
  readonly members: readonly Member[];
  readonly picks: number;
  readonly perSecond: number | null;
  /** `w` behind numbers that are wake-ups, not picks (UDP on the tracepoint rung); else empty. */
  readonly unit: 'w' | '';
  readonly skew: number | null;
  /** Connection attempts that met a full queue; null where the rung cannot know. */
  readonly dropped: number | null;
  /** What chooses: `hash`, `bpf`, `single`; `-` where the rung cannot know. */
  readonly chooser: string;
  /** The member whose accept queue is fullest. */
  readonly fullest: Member | null;
  /** SO_REUSEPORT; null = not known before the kernel was seen to use a listener. */
  readonly reuseport: boolean | null;
  readonly history: readonly number[];
  /** Name of its network namespace. */
  readonly netns: string;
  readonly owner: string;
  /** Container or unit that all members run in; null = not known, or several. */
  readonly place: string | null;
};

export type MemberFacts = {
  readonly member: Member;
  readonly mark: Mark;
  readonly owner: Actor | null;
  readonly name: string;
  readonly picks: number;
  /** Connections accepted, or datagrams received. */
  readonly taken: number;
  readonly dropped: number | null;
  /** Of UDP, an estimate; null where the rung cannot know. */
  readonly clients: Clients | null;
  /** Of the picks of the members that are there now; null without any. */
  readonly share: number | null;
  readonly fair: number;
  /** What a full bar stands for. */
  readonly scale: number;
};

/** The worst mark of a member (by inode) and of a group (by key). */
export type Marks = ReadonlyMap<string | number, Mark>;

export const marksOf = (findings: readonly Finding[]): Marks => {
  const marks = new Map<string | number, Mark>();
  for (const finding of findings) {
    const mark = markOf(finding);
    if (mark === 'i') continue;
    for (const key of [finding.group, finding.ino]) {
      if (key !== null && marks.get(key) !== 'x') marks.set(key, mark);
    }
  }
  return marks;
};

export const groupFacts = (state: State, marks: Marks): GroupFacts[] =>
  [...state.groups.values()]
    .map((group) => factsOf(state, group, marks))
    .filter((facts) => facts.members.length > 0)
    .sort((a, b) => a.group.lport - b.group.lport || (a.group.key < b.group.key ? -1 : 1));

const factsOf = (state: State, group: Group, marks: Marks): GroupFacts => {
  const members = membersOf(state, group);
  const flags = members.map((member) => member.reuseport);
  return {
    group,
    mark: marks.get(group.key) ?? ' ',
    members,
    picks: livePicks(group),
    perSecond: groupPerSecond(group),
    unit: countsWakeUps(group, state.rung) ? 'w' : '',
    skew: skewOf(group),
    dropped: sumOf(members.map((member) => droppedOf(member, state.rung))),
    chooser: chooserOf(state, group),
    fullest: fullestOf(members),
    reuseport: flags.includes(false) ? false : flags.includes(true) ? true : null,
    history: addUp(members.map((member) => member.history.items)),
    netns: cells(netnsName(state, group.netns)),
    owner: namesOf(members),
    place: inCommon(members, placeOf),
  };
};

/** Live members in the kernel's order, of the process that was asked for. */
export const membersOf = (state: State, group: Group): Member[] =>
  inOrder(group).filter((member) => isShown(state, member));

export const memberFacts = (state: State, group: Group, marks: Marks): MemberFacts[] => {
  const picks = livePicks(group);
  const fair = 1 / Math.max(1, group.members.size);
  const shares = [...group.members.values()].map((member) => picksOf(member) / Math.max(1, picks));
  const scale = Math.max(Math.min(1, 2 * fair), ...shares);
  return membersOf(state, group).map((member) => ({
    member,
    mark: marks.get(member.ino) ?? ' ',
    owner: ownerOf(member),
    name: nameOf(member),
    picks: picksOf(member),
    taken: takenOf(member),
    dropped: droppedOf(member, state.rung),
    clients: clientsOf(member, state.rung),
    share: picks === 0 ? null : picksOf(member) / picks,
    fair,
    scale,
  }));
};

const sumOf = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);

/** What takes the decision in a group. */
export const chooserOf = (state: State, group: Group): string => {
  if (group.members.size === 1) return 'single';
  if (group.program !== null) return 'bpf';
  return seesFunctions(state.rung) ? 'hash' : '-';
};

const fullestOf = (members: readonly Member[]): Member | null => {
  const fullness = (member: Member): number => (queueOf(member) ?? -1) / Math.max(1, member.backlog ?? 1);
  return members.reduce<Member | null>(
    (most, member) => (most === null || fullness(member) > fullness(most) ? member : most),
    null,
  );
};

/** Who serves it: a comm; of several holders of whom none accepted, their comm and number; `-` unknown. */
export const nameOf = (member: Member): string => {
  const owner = ownerOf(member);
  if (owner !== null) return cells(owner.comm);
  const names = new Set(member.holders.map((holder) => holder.comm));
  const [first] = names;
  return first === undefined ? '-' : `${cells(first)} x${member.holders.length}`;
};

const namesOf = (members: readonly Member[]): string => {
  const names = new Set(
    members.flatMap((member) => ownerOf(member)?.comm ?? member.holders.map((h) => h.comm)),
  );
  const [first, ...others] = names;
  if (first === undefined) return '-';
  return others.length === 0 ? cells(first) : `${cells(first)} +${others.length}`;
};

/** `tcp 0.0.0.0:8888`, with the namespace where it is not the host's. */
export const groupName = (state: State, group: Group): string => {
  const at = `${group.proto} ${formatEndpoint(cells(group.laddr), group.lport)}`;
  const netns = netnsName(state, group.netns);
  return netns === 'host' ? at : `${at} in ${cells(netns)}`;
};

/** Connections, `96/511`, as Recv-Q and Send-Q of `ss`; of UDP bytes of the receive buffer, `12K/208K`. */
export const queueText = (proto: Proto | undefined, queue: number | null, backlog: number | null): string => {
  if (queue === null && backlog === null) return '-';
  return proto === 'udp'
    ? `${formatBytes(queue)}/${formatBytes(backlog)}`
    : `${queue ?? '-'}/${backlog ?? '-'}`;
};

/** The queue of a member. */
export const queueOfText = (member: Member): string =>
  member.peer === null ? queueText(member.proto, queueOf(member), member.backlog) : 'connected';
