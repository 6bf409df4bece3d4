// A group of sockets that share an address and port, in the kernel's order: who joins where, and what moves when one leaves.

import type { OpenEvent, ProgramEvent, Proto } from '../event.js';
import { type Fairness, mostPicks } from '../statistics/fairness.js';
import { withoutDevice } from '../text/endpoint.js';
import { prolong, type Spell } from './burst.js';
import { type Member, picksOf } from './member.js';
import { createSums, type Sums } from './sums.js';

export type Group = {
  readonly key: string;
  readonly proto: Proto;
  readonly netns: number;
  /** With the interface that its members are bound to, if they are: `fe80::77%3`. */
  readonly laddr: string;
  readonly lport: number;
  /** The live members by inode. */
  readonly members: Map<number, Member>;
  /** num_socks as the kernel last said (or follows from a join or leave seen since); null = not read yet. */
  n: number | null;
  /** Its BPF program, as last seen; null = none, or the rung cannot know. */
  program: ProgramEvent | null;
  /** The last change of n. */
  changed: { readonly tsNs: number; readonly from: number; readonly to: number } | null;
  /** Changes of n while clients came, n before the first of them, and whether any member of then has left; null = none yet. */
  renumbered: { readonly spell: Spell; readonly from: number; readonly hasLost: boolean } | null;
  /** The running test of its shares; null before the first tick with two members that share. */
  fairness: Fairness | null;
  /** Its open connections as /proc last said; null = not counted. */
  open: OpenEvent | null;
  /** Since when they are not even; null = they are, or it is not known. */
  uneven: Uneven | null;
  /** What members counted that left and are no longer kept. */
  readonly gone: Sums;
};

/** Open connections that equal chances would not give. */
export type Uneven = {
  readonly sinceNs: number;
  /** The member whose number alone says most, and whether it has too many or too few. */
  readonly ino: number;
  readonly isMore: boolean;
  /** ln of the likelihood ratio against equal chances: 1 over it is a p-value. */
  readonly evidence: number;
};

/**
 * Names a group: what must be equal for two sockets to share one (inet_reuseport_add_sock, net/ipv4/inet_hashtables.c); laddr
 * with the interface (endpoint.ts), where they are bound to one.
 */
export const groupKey = (at: { proto: Proto; netns: number; laddr: string; lport: number }): string =>
  `${at.proto} ${at.netns} ${at.laddr} ${at.lport}`;

/** The groups of an address that have members, whatever interface they are bound to: not everything that names one knows of those. */
export const groupsAt = (
  groups: ReadonlyMap<string, Group>,
  at: { proto: Proto; netns: number; laddr: string; lport: number },
): Group[] =>
  [...groups.values()].filter(
    ({ proto, netns, laddr, lport, members }) =>
      members.size > 0 &&
      lport === at.lport &&
      netns === at.netns &&
      proto === at.proto &&
      withoutDevice(laddr) === at.laddr,
  );

export const createGroup = (
  key: string,
  at: { proto: Proto; netns: number; laddr: string; lport: number },
): Group => ({
  key,
  proto: at.proto,
  netns: at.netns,
  laddr: at.laddr,
  lport: at.lport,
  members: new Map(),
  n: null,
  program: null,
  changed: null,
  renumbered: null,
  fairness: null,
  open: null,
  uneven: null,
  gone: createSums(),
});

/** Takes a slot of socks[] as read from the kernel: whoever was thought to be there is not. */
export const setSlot = (
  group: Group,
  member: Member,
  index: number | null,
  n: number,
  tsNs: number,
): void => {
  if (index !== null) {
    for (const other of group.members.values()) {
      if (other !== member && other.index === index) other.index = null;
    }
  }
  member.index = index;
  renumber(group, n, tsNs);
};

/** A socket joined by listen(): __reuseport_add_sock appends it (net/core/sock_reuseport.c), where the order is known. */
export const join = (group: Group, member: Member, tsNs: number): void => {
  const before = group.n ?? (group.members.size === 0 ? 0 : null);
  group.members.set(member.ino, member);
  if (before === null || member.reuseport !== true) return;
  member.index = before;
  renumber(group, before + 1, tsNs);
};

/** The kernel has another n. What is not yet known, or nobody, is not a change. */
const renumber = (group: Group, n: number, tsNs: number): void => {
  const from = group.n;
  group.n = n;
  if (from === null || from === 0 || from === n) return;
  group.changed = { tsNs, from, to: n };
  if (n === 0 || livePicks(group) === 0) return;
  const before = group.renumbered;
  const spell = prolong(before?.spell ?? null, tsNs, 1);
  const isFirst = before === null || spell.times === 1;
  group.renumbered = isFirst ? { spell, from, hasLost: n < from } : { ...before, spell };
};

/**
 * A member left: the kernel moves the last socket of socks[] into the hole (__reuseport_detach_sock). Returns the
 * member that moved, null when none did or the order is unknown.
 */
export const leave = (group: Group, member: Member, tsNs: number): Member | null => {
  group.members.delete(member.ino);
  const { renumbered } = group;
  if (renumbered !== null && member.seenNs < renumbered.spell.fromNs)
    group.renumbered = { ...renumbered, hasLost: true };
  // Its program goes with the group; who comes next at this address begins a new one.
  if (group.members.size === 0) group.program = null;
  if (group.n === null || group.n === 0 || member.index === null) {
    group.n = group.members.size === 0 ? null : group.n;
    return null;
  }
  const lastIndex = group.n - 1;
  renumber(group, lastIndex, tsNs);
  if (group.members.size === 0) group.n = null;
  if (member.index === lastIndex) return null;
  const moved = [...group.members.values()].find((other) => other.index === lastIndex) ?? null;
  if (moved !== null) moved.index = member.index;
  return moved;
};

/** Live members in the order of socks[]; those whose index is unknown come last, by inode. */
export const inOrder = (group: Group): Member[] =>
  [...group.members.values()].sort(
    (a, b) => (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER) || a.ino - b.ino,
  );

/**
 * The members that share by the hash: not those without SO_REUSEPORT, and none that is connected. None where the kernel says that fewer are in the
 * group than listen here: then these are several groups (IPV6_V6ONLY tells them apart, we do not), each of its own n.
 */
export const sharing = (group: Group): Member[] => {
  const members = [...group.members.values()].filter(
    (member) => member.reuseport !== false && member.peer === null,
  );
  return group.n !== null && group.n < members.length ? [] : members;
};

/** Picks of each sharing member in the longest time in which they were the same: what may be compared. */
export const comparablePicks = (group: Group): readonly number[] => {
  const members = sharing(group);
  const picks = members.map(picksOf);
  if (group.fairness === null) return picks;
  return mostPicks(
    group.fairness,
    members.map((member) => member.ino),
    picks,
  );
};

/** Picks of the members that are there now: what shares are shares of. */
export const livePicks = (group: Group): number => {
  let sum = 0;
  for (const member of group.members.values()) sum += picksOf(member);
  return sum;
};

/** Picks per second over the last tick; null when no member's rate is known. */
export const groupPerSecond = (group: Group): number | null => {
  let sum: number | null = null;
  for (const member of group.members.values()) {
    if (member.perSecond !== null) sum = (sum ?? 0) + member.perSecond;
  }
  return sum;
};

/** Largest share over fair share, 1/n; null with fewer than two members or no picks. */
export const skewOf = (group: Group): number | null => {
  const picks = livePicks(group);
  if (group.members.size < 2 || picks === 0) return null;
  let largest = 0;
  for (const member of group.members.values()) largest = Math.max(largest, picksOf(member));
  return (largest / picks) * group.members.size;
};
