// Who listens, in which group and at which index: what joins, leaves, and is forgotten at last.

import type {
  BindEvent,
  CloseEvent,
  DeviceEvent,
  DrawnEvent,
  JoinEvent,
  LeaveEvent,
  ListenEvent,
  ListenedEvent,
  OwnersEvent,
  ProcessEvent,
  ProgramEvent,
  Proto,
  ReceiveEvent,
  ScannedEvent,
  SlotEvent,
  SocketEvent,
} from '../event.js';
import { foldMapped, formatEndpoint, withDevice, withoutDevice } from '../text/endpoint.js';
import { prolong } from './burst.js';
import { serve } from './connections.js';
import { countersOf, restartCounters } from './counters.js';
import {
  createGroup,
  type Group,
  groupKey,
  isLive,
  join,
  leave,
  place,
  reconnect,
  setSlot,
} from './group.js';
import { log } from './log.js';
import { createMember, type Departed, type KnownHolder, type Member, queuedAtClosings } from './member.js';
import { dropOldest, push } from './ring.js';
import {
  COUNTERS_KEPT,
  DEPARTED_KEPT,
  EARLY_KEPT,
  inScope,
  isShown,
  type LoggedChange,
  NAMES_KEPT,
  type State,
} from './state.js';
import { addSums, createSums, type Sums } from './sums.js';
import { addTo } from './totals.js';

/** Counters that changed are printed every second: one that was not printed for longer is as it was. */
const COUNT_EVERY_NS = 1.5e9;

/** A socket that /proc lists. */
export const onSocket = (state: State, event: SocketEvent): void => {
  // It closed while /proc was being read.
  const closedNs = state.members.get(event.ino)?.closedNs ?? null;
  if (closedNs !== null && event.tsNs <= closedNs) return;
  const member = memberOf(state, event.proto, event);
  if (member === null) return;
  member.uid = event.uid;
  member.queueAtScan = event.queue;
  if (event.proto === 'udp') receiver(state, member, event);
  const { counters } = member;
  // An accept() that the kernel did not count leaves the queue as it was seen before.
  const isOld = event.tsNs - counters.queueNs > COUNT_EVERY_NS;
  if (isOld && counters.queue !== null && event.queue < counters.queue) counters.queue = event.queue;
  member.scannedNs = event.tsNs;
  const group = groupOf(state, member);
  place(group, member);
  const { unproven } = member;
  member.unproven = null;
  if (unproven !== null) settle(group, member, { ...unproven, tsNs: event.tsNs });
};

/** Takes its place as read from the kernel, where it is known to share. */
const settle = (
  group: Group,
  member: Member,
  { index, n, tsNs }: { index: number | null; n: number; tsNs: number },
): void => {
  if (member.peer !== null) return;
  if (member.proto === 'udp' && member.listener !== null && member.scannedNs === null)
    member.unproven = { index, n };
  else setSlot(group, member, index, n, tsNs);
};

/** What /proc says of a UDP socket beside its queue. */
const receiver = (state: State, member: Member, { tsNs, peer, drops }: SocketEvent): void => {
  const name = peer === undefined ? null : formatEndpoint(foldMapped(peer.raddr), peer.rport);
  reconnect(groupOf(state, member), member, name);
  member.connectedNs = peer === undefined ? null : (member.connectedNs ?? tsNs);
  if (drops === undefined) return;
  // What was dropped before this run, or before the tool knew the socket, is not of this run.
  member.drops ??= { now: drops, before: drops, spell: null };
  const grown = drops - member.drops.now;
  if (state.attachedNs === null) member.drops.before = drops;
  else if (grown > 0) member.drops.spell = prolong(member.drops.spell, tsNs, grown);
  member.drops.now = drops;
};

/** A scan of /proc is over: members it should have seen and did not have closed while nobody looked. */
export const onScanned = (state: State, event: ScannedEvent): void => {
  for (const member of state.members.values()) {
    const isSeen = member.scannedNs === event.tsNs || member.seenNs >= event.tsNs;
    if (member.closedNs === null && !isSeen && event.netns.includes(member.netns))
      end(state, member, event.tsNs, null);
  }
};

/** The BPF program of a group. */
export const onProgram = (state: State, event: ProgramEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined) groupOf(state, member).program = event.type < 0 ? null : event;
};

/** What a process is called. The one heard of longest ago goes when there are too many. */
export const onProcess = (state: State, event: ProcessEvent): void => {
  state.processes.delete(event.pid);
  state.processes.set(event.pid, event);
  dropOldest(state.processes, COUNTERS_KEPT);
};

/** Who holds a socket, as /proc says. */
export const onOwners = (state: State, event: OwnersEvent): void => {
  const member = state.members.get(event.ino);
  // Of a socket out of scope nothing may be left: it is not recorded, and a replay would not know it.
  if (member === undefined) return;
  state.holders.set(event.ino, event);
  member.holders = knownHolders(state, event);
  const { acceptor } = member;
  // Of processes outside of the tool's own pid namespace /proc tells nothing, or by other numbers.
  if (acceptor === null || event.holders.length === 0 || state.meta?.hasOwnPids === true) return;
  if ((member.lastAcceptNs ?? 0) >= event.tsNs || event.holders.some(({ pid }) => pid === acceptor.pid))
    return;
  member.acceptor = null;
  member.formerAcceptor = acceptor;
};

/** The names stay with the holder: its pid may be given to another process once it is gone. */
const knownHolders = (state: State, event: OwnersEvent | undefined): KnownHolder[] =>
  (event?.holders ?? []).map((holder) => ({ ...holder, process: state.processes.get(holder.pid) ?? null }));

/** One slot of socks[], as read from the kernel. */
export const onSlot = (state: State, event: SlotEvent): void => {
  const member = memberOf(state, event.proto ?? 'tcp', event);
  if (member === null) return;
  const group = groupOf(state, member);
  place(group, member);
  member.uid = event.uid;
  member.reuseport = event.reuseport;
  member.backlog = event.backlog;
  // Of UDP it is that of a wake-up, which is about to be read: /proc tells what stays.
  if (member.proto === 'tcp') member.counters.queue ??= event.queue;
  settle(group, member, event);
  endEarly(state, event.ino);
};

/** The interface that a socket is bound to: those of another one are another group, which it may have been taken for. */
export const onDevice = (state: State, { ino, ifindex, tsNs }: DeviceEvent): void => {
  const member = state.members.get(ino);
  if (member === undefined || member.closedNs !== null) {
    state.devices.delete(ino);
    state.devices.set(ino, ifindex);
    dropOldest(state.devices, COUNTERS_KEPT);
    return;
  }
  if (member.device === ifindex) return;
  const before = groupOf(state, member);
  leave(before, member, tsNs);
  member.index = null;
  member.open = null;
  member.device = ifindex;
  member.laddr = withDevice(withoutDevice(member.laddr), ifindex);
  member.group = groupKey(member);
  place(groupOf(state, member), member);
  if (!isLive(before)) forgetGroups(state);
};

/** A socket began to listen. */
export const onListen = (state: State, event: ListenEvent): void => {
  // Not bound: the port is drawn within listen().
  if (event.lport === 0) return;
  const isKnown = state.members.get(event.ino)?.closedNs === null;
  const member = memberOf(state, 'tcp', event);
  if (member === null) return;
  member.uid = event.uid;
  member.reuseport = event.reuseport;
  member.listener = { pid: event.pid, comm: event.comm };
  member.listenedNs = event.tsNs;
  if (isKnown) return;
  if (member.holders.length === 0) {
    member.holders = [{ pid: event.pid, comm: event.comm, fds: [], process: null }];
  }
  const group = groupOf(state, member);
  join(group, member, event.tsNs);
  log(state, { kind: 'change', event, index: member.index, movedFrom: null });
  endEarly(state, event.ino);
};

/** listen() went well: where the socket was not bound, its port was drawn only then, and no `listen` told of it. */
export const onListened = (state: State, event: ListenedEvent): void => {
  const known = state.members.get(event.ino);
  const isKnown = known !== undefined && (known.closedNs === null || known.closedNs > event.tsNs);
  if (!isKnown && event.lport !== 0) onListen(state, { ...event, kind: 'listen' });
};

/** A UDP socket took a port: with that it receives, there is no listen(). */
export const onBound = (state: State, event: BindEvent): void => {
  const isKnown = state.members.get(event.ino)?.closedNs === null;
  // One that can share its port with nobody is worth a look when that port was asked for.
  const isOurs = event.reuseport || event.reuseaddr || state.scope.ports.length > 0;
  const member = isOurs ? memberOf(state, 'udp', event) : null;
  if (member === null) return;
  member.uid = event.uid;
  member.reuseport = event.reuseport;
  member.listener = { pid: event.pid, comm: event.comm };
  const group = groupOf(state, member);
  if (member.holders.length === 0)
    member.holders = [{ pid: event.pid, comm: event.comm, fds: [event.fd], process: null }];
  if (isKnown) return;
  // It is new: nothing was dropped yet.
  member.drops = { now: 0, before: 0, spell: null };
  join(group, member, event.tsNs);
};

/** A UDP socket was given its port: told by the system call, and so before or after what else tells of the socket. */
export const onDrawn = (state: State, event: DrawnEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined && member.closedNs === null) return onDrawnMember(member, event);
  state.drawn.set(event.ino, event);
  dropOldest(state.drawn, COUNTERS_KEPT);
};

const onDrawnMember = (member: Member, { pid, comm }: DrawnEvent): void => {
  member.isDrawn = true;
  member.listener = { pid, comm };
  if (member.holders.length === 0) member.holders = [{ pid, comm, fds: [], process: null }];
};

/** A process took a datagram: it serves the member. */
export const onReceive = (state: State, event: ReceiveEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined) serve(member, event);
};

/** What the kernel's own functions say of the order replaces what join() and leave() worked out from listen and close. */
export const onJoin = (state: State, event: JoinEvent): void => {
  const member = memberOf(state, event.proto ?? 'tcp', event);
  if (member === null) return;
  member.reuseport = true;
  const group = groupOf(state, member);
  place(group, member);
  if (event.index !== null) settle(group, member, event);
  endEarly(state, event.ino);
};

/** Comes before the socket's close, which then moves the last one into the hole. */
export const onLeave = (state: State, event: LeaveEvent): void => {
  const member = state.members.get(event.ino);
  if (member === undefined || member.closedNs !== null) return;
  const group = groupOf(state, member);
  if (member.unproven !== null || member.peer !== null) {
    // One of a client: connect() takes it out of a group that nobody else is in, or will be.
    member.unproven = null;
    return;
  }
  group.n = event.n;
  member.index = event.index;
  const moved = group.members.get(event.movedIno);
  if (moved !== undefined) moved.index = event.n - 1;
  // connect() on a wildcard address takes a UDP socket out of its group (udp_lib_rehash), and no close follows.
  if (member.proto === 'udp' && event.index !== null) {
    leave(group, member, event.tsNs);
    member.index = null;
    place(group, member);
  }
};

/** A socket stopped listening. */
export const onClose = (state: State, event: CloseEvent): void => {
  const member = state.members.get(event.ino);
  if (member === undefined) return closeEarly(state, event);
  if (member.closedNs !== null) return;
  const index = member.index;
  const moved = end(state, member, event.tsNs, event.queue);
  const movedFrom = moved === null ? null : (groupOf(state, member).n ?? 0);
  const change: LoggedChange = { kind: 'change', event, index, movedFrom };
  push(state.binds, change);
  log(state, change);
  // It has begun to listen again, which another CPU told of before.
  if ((member.listenedNs ?? 0) > event.tsNs) {
    reopen(state, member);
    join(groupOf(state, member), member, event.tsNs);
  }
};

/** bpftrace reads the CPUs' buffers in turn: the end of a socket may come before what tells of it. */
const closeEarly = ({ scope, earlyCloses }: State, event: CloseEvent): void => {
  if (!inScope(scope, event)) return;
  earlyCloses.set(event.ino, event);
  dropOldest(earlyCloses, EARLY_KEPT);
};

/** Ends a socket that was told of too late. */
const endEarly = (state: State, ino: number): void => {
  const event = state.earlyCloses.get(ino);
  if (event === undefined) return;
  state.earlyCloses.delete(ino);
  onClose(state, event);
};

/** Takes a member out of its group; returns who moved into its place, null when nobody did. */
const end = (state: State, member: Member, tsNs: number, queue: number | null): Member | null => {
  const moved = leave(groupOf(state, member), member, tsNs);
  member.closedNs = tsNs;
  member.queueAtClose = queue;
  member.perSecond = null;
  member.waitingSinceNs = null;
  const old = push(state.left, member);
  for (const gone of old) forget(state, gone);
  if (old.length > 0) forgetGroups(state);
  return moved;
};

/** A member that left long ago: its details go, its counts stay, for the last of them may not have come yet. */
const forget = (state: State, member: Member): void => {
  // Another socket has its inode, whose counts went into the sums then; or it listens again.
  if (state.members.get(member.ino) !== member || member.closedNs === null) return;
  const { ino } = member;
  state.members.delete(ino);
  state.holders.delete(ino);
  if (isShown(state, member)) state.departed.set(ino, departedOf(member));
  else state.counters.delete(ino);
  if (state.departed.size <= DEPARTED_KEPT) return;
  // A quarter at a time: what was deleted at the front of a Map is walked over by whoever asks for the first.
  let folded = 0;
  for (const oldest of state.departed.values()) {
    if (++folded > DEPARTED_KEPT / 4) break;
    fold(state, oldest);
  }
};

const departedOf = (member: Member): Departed => {
  const { ino, proto, group, counters, reuseport, drops, closedNs, queueAtClose, reopened } = member;
  return { ino, proto, group, counters, reuseport, drops, closedNs, queueAtClose, reopened };
};

/** All counts of a member that left have come: they go into the sums. */
const fold = (state: State, member: Departed): void => {
  keepCounts(state, member);
  state.departed.delete(member.ino);
  state.counters.delete(member.ino);
};

/** Of a member that goes: its counts stay in the sums of the run and of its group. */
const keepCounts = (state: State, member: Member | Departed): void => {
  addTo(state.gone, member);
  addSums(goneOf(state, member.group), member, state.rung);
};

/** What a group counted in members that are no longer kept, whether or not it has any. */
const goneOf = ({ groups, pastGroups }: State, key: string): Sums => {
  const known = groups.get(key)?.gone ?? pastGroups.get(key);
  if (known !== undefined) return known;
  const sums = createSums();
  pastGroups.set(key, sums);
  dropOldest(pastGroups, NAMES_KEPT);
  return sums;
};

/** Groups go with the last of their members that is kept. */
const forgetGroups = (state: State): void => {
  const kept = new Set(state.left.items.map((member) => member.group));
  for (const [key, group] of state.groups) {
    if (isLive(group) || kept.has(key)) continue;
    state.groups.delete(key);
    state.pastGroups.set(key, group.gone);
    dropOldest(state.pastGroups, NAMES_KEPT);
  }
};

type Identity = { ino: number; netns: number; laddr: string; lport: number; tsNs: number };

/** The member with this inode, made when it is new and in scope; null out of scope. */
const memberOf = (state: State, proto: Proto, identity: Identity): Member | null => {
  const known = state.members.get(identity.ino);
  if (known !== undefined && known.closedNs === null) return known;
  const { ino, netns, lport } = identity;
  const device = state.devices.get(ino) ?? null;
  const at = { proto, netns, device, laddr: withDevice(foldMapped(identity.laddr), device), lport };
  state.outside.delete(ino);
  if (!inScope(state.scope, at)) {
    state.outside.add(ino);
    dropOldest(state.outside, COUNTERS_KEPT);
    return null;
  }
  state.devices.delete(ino);
  const key = groupKey(at);
  const closedNs = (known ?? state.departed.get(ino))?.closedNs ?? null;
  // The lines of one CPU are read after those of another: this one was printed before it closed.
  if (closedNs !== null && identity.tsNs <= closedNs) return null;
  const old = known ?? revived(state, ino);
  // The same socket listens again, after shutdown(): the kernel counts on, and so do we.
  if (old !== null && old.group === key) return reopen(state, old);
  // It has another address now: what it had counts with those that are gone.
  if (old !== null) keepCounts(state, old);
  const counters = old === null ? countersOf(state, identity.ino) : restartCounters(state, identity.ino);
  const member = createMember({
    ...at,
    ino: identity.ino,
    group: key,
    counters,
    seenNs: identity.tsNs,
  });
  member.holders = knownHolders(state, state.holders.get(identity.ino));
  const drawn = state.drawn.get(ino);
  if (drawn !== undefined) onDrawnMember(member, drawn);
  state.drawn.delete(ino);
  state.members.set(identity.ino, member);
  return member;
};

/** A socket of which only the counts were kept, made a member again; null when it is new. */
const revived = (state: State, ino: number): Member | null => {
  const past = state.departed.get(ino);
  if (past === undefined) return null;
  state.departed.delete(ino);
  const [proto = 'tcp', netns = '', laddr = '', lport = ''] = past.group.split(' ');
  const at = { proto: proto as Proto, netns: Number(netns), laddr, lport: Number(lport), device: null };
  return { ...createMember({ ...at, ...past, seenNs: state.nowNs }), ...past };
};

/** A socket listens again: it is the member that it was, with an empty queue and at the end of its group. */
const reopen = (state: State, member: Member): Member => {
  const queue = queuedAtClosings(member);
  Object.assign(member, {
    index: null,
    reopened: { queue, closedNs: member.closedNs ?? state.nowNs },
    closedNs: null,
    queueAtClose: null,
    synQueueAtClose: null,
    queueAtScan: null,
    scannedNs: null,
    peer: null,
    connectedNs: null,
  });
  member.counters.queue = null;
  member.holders = knownHolders(state, state.holders.get(member.ino));
  state.members.set(member.ino, member);
  return member;
};

const groupOf = (state: State, member: Member): Group => {
  const known = state.groups.get(member.group);
  if (known !== undefined) return known;
  const group = createGroup(member.group, member, state.pastGroups.get(member.group));
  state.pastGroups.delete(member.group);
  state.groups.set(member.group, group);
  return group;
};
