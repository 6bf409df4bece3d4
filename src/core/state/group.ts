// A group of sockets that share an address and port, in the kernel's order: who joins where, and what moves when one leaves.

import type { OpenEvent, ProgramEvent, Proto } from '../event.js';
import { type Fairness, mostPicks } from '../statistics/fairness.js';
import { withoutDevice } from '../text/endpoint.js';
import { prolong, QUIET_NS, type Spell } from './burst.js';
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
  /**
   * Of UDP the live sockets of this address that are connected, by inode: a server may give each client one. They take no
   * new clients, and whether they still have a place in socks[] is for the kernel to say (see `keptConnected`).
   */
  readonly connected: Map<number, Member>;
  /** num_socks as the kernel last said (or follows from a join or leave seen since); null = not read yet. */
  n: number | null;
  /** Its BPF program, as last seen; null = none, or the rung cannot know. */
  program: ProgramEvent | null;
  /** The last change of n. */
  changed: { readonly tsNs: number; readonly from: number; readonly to: number } | null;
  /** n when a change of it was noted last: that a UDP socket was bound is no change yet, for connect() may follow. */
  notedN: number | null;
  /** Changes of n while clients came, n before the first of them, and who was there then; null = none yet. */
  renumbered: { readonly spell: Spell; readonly from: number; readonly before: ReadonlySet<number> } | null;
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
  /** What members of it counted before, when it was there once. */
  gone = createSums(),
): Group => ({
  key,
  proto: at.proto,
  netns: at.netns,
  laddr: at.laddr,
  lport: at.lport,
  members: new Map(),
  connected: new Map(),
  n: null,
  program: null,
  changed: null,
  notedN: null,
  renumbered: null,
  fairness: null,
  open: null,
  uneven: null,
  gone,
});

/** Takes a live socket in: among those that share, or beside them when it is connected. */
export const place = (group: Group, member: Member): void => {
  const [to, from] =
    member.peer === null ? [group.members, group.connected] : [group.connected, group.members];
  from.delete(member.ino);
  to.set(member.ino, member);
};

/** Whether it has live sockets of any kind. */
export const isLive = ({ members, connected }: Group): boolean => members.size > 0 || connected.size > 0;

/** Takes a slot of socks[] as read from the kernel: whoever was thought to be there is not. */
export const setSlot = (
  group: Group,
  member: Member,
  index: number | null,
  n: number,
  tsNs: number,
): void => {
  member.index = index;
  member.isRead = true;
  member.isOutside = n === 0;
  // That it is in no group says nothing of the group that others of its address are in.
  if (n === 0 && group.members.size > 1) return;
  if (index !== null) {
    for (const sockets of [group.members, group.connected])
      for (const other of sockets.values()) {
        if (other === member) continue;
        // What join() made of one that the kernel does not count is over, too.
        const isBeyond = !other.isRead && other.index !== null && other.index >= n;
        if (other.index === index || isBeyond) other.index = null;
      }
  }
  renumber(group, n, tsNs);
};

/** A socket joined by listen(): __reuseport_add_sock appends it (net/core/sock_reuseport.c), where the order is known. */
export const join = (group: Group, member: Member, tsNs: number): void => {
  const before = group.n ?? (group.members.size === 0 ? 0 : null);
  const had = new Set(group.members.keys());
  group.members.set(member.ino, member);
  if (before === null || member.reuseport !== true) return;
  member.index = before;
  // Servers that give each client a socket of its own bind it, and connect it at once: the kernel will say what came of it.
  if (group.proto === 'udp') group.n = before + 1;
  else renumber(group, before + 1, tsNs, had);
};

/**
 * A UDP socket is connected now, or not any more: most kernels take it out of socks[]. Where one does not, and where the
 * kernel was read before, the next slots say so; what only join() made of it is undone here.
 */
export const reconnect = (group: Group, member: Member, peer: string | null): void => {
  if ((peer === null) !== (member.peer === null)) {
    if (member.index !== null && !member.isRead && group.n !== null) {
      group.n--;
      for (const other of group.members.values())
        if (!other.isRead && other.index === group.n) other.index = member.index;
    }
    member.index = null;
    member.wasConnected = peer === null;
  }
  member.peer = peer;
};

/** The kernel has another n; `had` were the members until now. What is not yet known, or nobody, is not a change. */
const renumber = (
  group: Group,
  n: number,
  tsNs: number,
  had: ReadonlySet<number> = new Set(group.members.keys()),
): void => {
  const from = group.notedN;
  group.n = n;
  group.notedN = n;
  if (from === null || from === 0 || from === n) return;
  group.changed = { tsNs, from, to: n };
  const { renumbered } = group;
  // Where changes go on, those who are there now need not have been picked yet.
  const isGoingOn = renumbered !== null && tsNs - renumbered.spell.lastNs <= QUIET_NS;
  if (n === 0 || (!isGoingOn && livePicks(group) === 0)) return;
  const spell = prolong(renumbered?.spell ?? null, tsNs, 1);
  group.renumbered = isGoingOn ? { ...renumbered, spell } : { spell, from, before: had };
};

/**
 * A member left: the kernel moves the last socket of socks[] into the hole (__reuseport_detach_sock). Returns the
 * member that moved, null when none did or the order is unknown.
 */
export const leave = (group: Group, member: Member, tsNs: number): Member | null => {
  const had = new Set(group.members.keys());
  const isLast = group.members.delete(member.ino) && group.members.size === 0;
  group.connected.delete(member.ino);
  // Its program goes with the group; who comes next at this address begins a new one.
  if (isLast) group.program = null;
  if (group.n === null || group.n === 0 || member.index === null) {
    if (isLast) forgetN(group);
    return null;
  }
  const lastIndex = group.n - 1;
  renumber(group, lastIndex, tsNs, had);
  if (isLast) forgetN(group);
  if (member.index === lastIndex) return null;
  const moved =
    [...group.members.values(), ...group.connected.values()].find((other) => other.index === lastIndex) ??
    null;
  if (moved !== null) moved.index = member.index;
  return moved;
};

/** Who comes next begins anew. */
const forgetN = (group: Group): void => {
  group.n = null;
  group.notedN = null;
};

/**
 * Connected sockets of processes that hold none of those which take new clients: workers that are lost to the group, as far as
 * anybody can tell. The others are those of single clients.
 */
export const lostWorkers = (group: Group): Member[] => {
  if (group.connected.size === 0) return [];
  const serving = new Set<number>();
  for (const { holders } of group.members.values()) for (const { pid } of holders) serving.add(pid);
  return [...group.connected.values()].filter(
    ({ holders }) => holders.length > 0 && !holders.some(({ pid }) => serving.has(pid)),
  );
};

/**
 * Live members in the order of socks[], with those that are lost to it by connect(); those whose index is unknown come last,
 * by inode.
 */
export const inOrder = (group: Group): Member[] =>
  [...group.members.values(), ...lostWorkers(group)].sort(
    (a, b) => (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER) || a.ino - b.ino,
  );

/**
 * The members that share by the hash: not those without SO_REUSEPORT, and none that is outside of the group. None where the kernel says that fewer are in the
 * group than listen here: then these are several groups (IPV6_V6ONLY tells them apart, we do not), each of its own n.
 */
export const sharing = (group: Group): Member[] => {
  const members = [...group.members.values()].filter(
    (member) => member.reuseport !== false && !isApart(group, member),
  );
  return group.n !== null && group.n < members.length ? [] : members;
};

/**
 * Whether a UDP socket with SO_REUSEPORT is in no group: the kernel said so when it used it, or it was connected once and
 * has no place in socks[]. connect() takes a socket out, and connect(AF_UNSPEC) does not bring it back (udp_lib_rehash; since
 * 6.13 udp_lib_hash4, too).
 */
export const isApart = ({ n }: Group, member: Member): boolean =>
  member.isOutside || (member.wasConnected && n !== null && (member.index === null || member.index >= n));

/**
 * How many connected sockets still have a place in socks[], where they are passed over to the next index; 0 where connect()
 * takes them out (what they are bound to and the version decide), null while n was not read since the last of them came.
 */
export const keptConnected = (group: Group): number | null => {
  const sharers = sharing(group).length;
  let newestNs = 0;
  let readNs = 0;
  for (const { connectedNs, seenNs } of group.connected.values())
    newestNs = Math.max(newestNs, connectedNs ?? 0, seenNs);
  for (const { seenNs, lastPickNs } of group.members.values()) {
    newestNs = Math.max(newestNs, seenNs);
    readNs = Math.max(readNs, lastPickNs ?? 0);
  }
  // The kernel looks at n whenever it picks; what it printed of that may be a second old.
  if (group.n === null || sharers === 0 || readNs < newestNs + 2e9) return null;
  return Math.min(group.connected.size, Math.max(0, group.n - sharers));
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
