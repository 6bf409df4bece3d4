// One row for each group and member, computed once for a frame; what is unknown is null. It draws nothing.

import { seesFunctions } from '../core/rung.js';
import { type Finding, markOf } from '../core/state/finding.js';
import { type Group, groupPerSecond, inOrder, livePicks, skewOf } from '../core/state/group.js';
import {
  type Actor,
  countsWakeUps,
  droppedOf,
  type Member,
  ownerOf,
  picksOf,
  queueOf,
  takenOf,
} from '../core/state/member.js';
import { isShown, type State } from '../core/state/state.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import { inCommon, placeOf } from '../core/words/identity.js';
import { netnsName } from '../core/words/netns.js';
import { nameText } from '../members/cells.js';
import type { Row } from '../members/column.js';
import { addUp } from './bars.js';
import type { Mark } from './table.js';
import { cells } from './text.js';

export type GroupRow = {
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

export type MemberRow = Row & {
  readonly mark: Mark;
  readonly owner: Actor | null;
  readonly name: string;
  readonly picks: number;
  /** Connections accepted, or datagrams received. */
  readonly taken: number;
  /** The fair share, also of one alone. */
  readonly part: number;
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

export const groupRows = (state: State, marks: Marks): GroupRow[] =>
  [...state.groups.values()]
    .map((group) => factsOf(state, group, marks))
    .filter((facts) => facts.members.length > 0)
    .sort((a, b) => a.group.lport - b.group.lport || (a.group.key < b.group.key ? -1 : 1));

const factsOf = (state: State, group: Group, marks: Marks): GroupRow => {
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

export const memberRows = (state: State, group: Group, marks: Marks): MemberRow[] => {
  const picks = livePicks(group);
  const n = group.members.size;
  const part = 1 / Math.max(1, n);
  const shares = [...group.members.values()].map((member) => picksOf(member) / Math.max(1, picks));
  const scale = Math.max(Math.min(1, 2 * part), ...shares);
  return membersOf(state, group).map((member) => ({
    member,
    rung: state.rung,
    mark: marks.get(member.ino) ?? ' ',
    owner: ownerOf(member),
    name: cells(nameText(member)),
    picks: picksOf(member),
    taken: takenOf(member),
    share: picks === 0 ? null : picksOf(member) / picks,
    fair: n > 1 ? part : null,
    part,
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
