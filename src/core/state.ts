// Everything known now, from all events so far; apply() is the only writer. It has no clock: time is the newest event's.
import { foldMapped, isIPv6 } from './endpoint.js';
import type {
  AcceptEvent,
  BindEvent,
  CloseEvent,
  CountEvent,
  EndedEvent,
  Event,
  ListenEvent,
  ListenedEvent,
  MetaEvent,
  OwnersEvent,
  PickEvent,
  Proto,
  SlotEvent,
  SocketEvent,
} from './event.js';
import { createGroup, type Group, groupKey, join, leave, setSlot } from './group.js';
import { record } from './latency.js';
import {
  type Actor,
  type Counters,
  createCounters,
  createMember,
  type Member,
  queueOf,
  type Total,
  total,
} from './member.js';
import { createRing, push, type Ring } from './ring.js';

/** What the user asked to see; the rest is not taken into State. */
export type Scope = {
  /** Local ports; empty = all. */
  readonly ports: readonly number[];
  /** 4, 6, or null for both. */
  readonly family: 4 | 6 | null;
  /** Inode of the one network namespace, or null for all. */
  readonly netns: number | null;
  /** Show only members that this process holds, or null. */
  readonly pid: number | null;
};

/** A pick in the log, and what became of its connection. */
export type LoggedPick = {
  readonly kind: 'pick';
  readonly pick: PickEvent;
  /** Position in the whole run, from 1; stays when older ones are dropped. */
  readonly number: number;
  acceptedBy: Actor | null;
  waitNs: number | null;
};

/** A change of the group, between the picks it separates. */
export type LoggedChange = {
  readonly kind: 'change';
  readonly event: ListenEvent | CloseEvent;
  /** Index of the member when it left or joined, and of whom moved into its place; null = unknown or nobody. */
  readonly index: number | null;
  readonly movedFrom: number | null;
};

export type LoggedBind = BindEvent | ListenedEvent | LoggedChange;

export type Status = 'attaching' | 'attached' | 'ended';

export type State = {
  readonly scope: Scope;
  meta: MetaEvent | null;
  status: Status;
  ended: EndedEvent | null;
  startNs: number;
  attachedNs: number | null;
  resetNs: number | null;
  nowNs: number;
  lastTickNs: number | null;
  ticks: number;
  readonly netnsNames: Map<number, string>;
  readonly groups: Map<string, Group>;
  /** Live members and those that left a while ago, by inode. */
  readonly members: Map<number, Member>;
  readonly left: Ring<Member>;
  /** Counters by inode; also of sockets whose address is not known yet. */
  readonly counters: Map<number, Counters>;
  readonly picks: Ring<LoggedPick | LoggedChange>;
  readonly binds: Ring<LoggedBind>;
  /** Picks in the log that wait for their accept, by time of pick. */
  readonly waiting: Map<number, LoggedPick>;
  /** Holders by inode, kept for sockets whose address comes later. */
  readonly holders: Map<number, OwnersEvent>;
  /** Sums over members that left and are no longer kept. */
  readonly gone: { picks: number; printed: number; accepted: number; shown: number };
  /** accept() calls whose listener is not known: they were under way when the tool started. */
  acceptedUnknown: number;
  /** Details lost: as bpftrace said, programs the kernel skipped, and what the reconciliation of counters shows. */
  lostPerf: number;
  missed: number;
  lostReconciled: number;
  /** printed and shown at the last tick: see reconcile(). */
  printedAtTick: number;
  malformed: number;
};

const PICKS_KEPT = 4096;
const BINDS_KEPT = 512;
const LEFT_KEPT = 1024;
/** Sockets whose counters are kept although nobody knows them. As many as the kernel maps hold. */
export const COUNTERS_KEPT = 16_384;

export const createState = (scope: Scope): State => ({
  scope,
  meta: null,
  status: 'attaching',
  ended: null,
  startNs: 0,
  attachedNs: null,
  resetNs: null,
  nowNs: 0,
  lastTickNs: null,
  ticks: 0,
  netnsNames: new Map(),
  groups: new Map(),
  members: new Map(),
  left: createRing(LEFT_KEPT),
  counters: new Map(),
  picks: createRing(PICKS_KEPT),
  binds: createRing(BINDS_KEPT),
  waiting: new Map(),
  holders: new Map(),
  gone: { picks: 0, printed: 0, accepted: 0, shown: 0 },
  acceptedUnknown: 0,
  lostPerf: 0,
  missed: 0,
  lostReconciled: 0,
  printedAtTick: 0,
  malformed: 0,
});

/** Takes one event into the state. Never throws on data; what is out of scope or makes no sense changes nothing. */
export const apply = (state: State, event: Event): void => {
  if (event.tsNs > state.nowNs) state.nowNs = event.tsNs;
  switch (event.kind) {
    case 'meta':
      state.meta = event;
      state.startNs = event.tsNs;
      return;
    case 'attaching':
      state.status = 'attaching';
      return;
    case 'attached':
      return attached(state, event.tsNs);
    case 'ended':
      state.status = 'ended';
      state.ended = event;
      return;
    case 'tick':
      return tick(state, event.tsNs);
    case 'netns':
      state.netnsNames.set(event.netns, event.name);
      return;
    case 'socket':
      return socket(state, event);
    case 'owners':
      return owners(state, event);
    case 'slot':
      return slot(state, event);
    case 'listen':
      return listen(state, event);
    case 'close':
      return close(state, event);
    case 'pick':
      return pick(state, event);
    case 'accept':
      return accept(state, event);
    case 'bind':
    case 'listened':
      if (inScope(state.scope, event)) push(state.binds, event);
      if (event.kind === 'listened' && event.ret === 0) listened(state, event);
      return;
    case 'count':
      return count(state, event);
    case 'lost':
      if (event.by === 'perf') state.lostPerf += event.events;
      else state.missed += event.events;
      return;
    case 'malformed':
      state.malformed += event.lines;
      return;
    case 'reset':
      return reset(state, event.tsNs);
  }
};

/** Whether an address is one the user asked for. */
export const inScope = (scope: Scope, at: { netns: number; laddr: string; lport: number }): boolean =>
  (scope.ports.length === 0 || scope.ports.includes(at.lport)) &&
  (scope.family === null || scope.family === (isIPv6(foldMapped(at.laddr)) ? 6 : 4)) &&
  (scope.netns === null || scope.netns === at.netns);

/** Sums over everything in scope since the start or the last reset. */
export type Totals = {
  readonly picks: number;
  readonly accepted: number;
  readonly shown: number;
  readonly sampledAway: number;
  readonly lost: number;
};

/**
 * picks = shown + sampledAway + lost: the kernel counts every pick and every printed line, we count those that came.
 * While a run goes on the lines under way make it approximate; after bpftrace ended it is exact.
 */
export const totals = (state: State): Totals => {
  let [picks, printed, accepted, shown] = [0, 0, 0, 0];
  for (const member of state.members.values()) {
    picks += total(member.counters.picks);
    printed += total(member.counters.printed);
    accepted += total(member.counters.accepted);
    shown += member.counters.shown;
  }
  picks += state.gone.picks;
  printed += state.gone.printed;
  accepted += state.gone.accepted;
  shown += state.gone.shown;
  const lost = state.status === 'ended' ? Math.max(0, printed - shown) : state.lostReconciled;
  return { picks, accepted, shown, sampledAway: Math.max(0, picks - Math.max(printed, shown)), lost };
};

/** Whether a member belongs to the process that the user asked for, if one was. */
export const isShown = (state: State, member: Member): boolean =>
  state.scope.pid === null ||
  member.acceptor?.pid === state.scope.pid ||
  member.holders.some((holder) => holder.pid === state.scope.pid);

const attached = (state: State, tsNs: number): void => {
  state.status = 'attached';
  state.ended = null;
  state.attachedNs = tsNs;
  for (const counters of state.counters.values()) {
    for (const counter of [counters.picks, counters.printed, counters.accepted])
      rebase(counter, total(counter));
    counters.queue = null;
  }
};

/** Makes the counter read `value` now, whatever the kernel's next value counts on from. */
const rebase = (counter: Total, value: number): void => {
  counter.base = value;
  counter.kernel = 0;
};

const reset = (state: State, tsNs: number): void => {
  state.resetNs = tsNs;
  for (const counters of state.counters.values()) {
    for (const counter of [counters.picks, counters.printed, counters.accepted])
      counter.base = -counter.kernel;
    counters.shown = 0;
  }
  Object.assign(state.gone, { picks: 0, printed: 0, accepted: 0, shown: 0 });
  for (const member of state.members.values()) {
    member.tickPicks = 0;
    member.tickAccepted = 0;
    member.waits.buckets.fill(0);
    Object.assign(member.waits, { count: 0, maxNs: 0, sumNs: 0 });
  }
  state.printedAtTick = 0;
  state.lostReconciled = 0;
  state.acceptedUnknown = 0;
};

const tick = (state: State, tsNs: number): void => {
  const seconds = state.lastTickNs === null ? null : (tsNs - state.lastTickNs) / 1e9;
  state.ticks++;
  // The first tick is the sign of attachment; a tick sooner than half a second after another gives no rate.
  if (seconds !== null && seconds < 0.5) return;
  for (const member of state.members.values()) {
    if (member.closedNs === null) beat(member, tsNs, seconds);
  }
  reconcile(state);
  state.lastTickNs = tsNs;
};

const beat = (member: Member, tsNs: number, seconds: number | null): void => {
  const picks = total(member.counters.picks);
  const accepted = total(member.counters.accepted);
  if (seconds !== null && member.tickPicks !== null && member.tickAccepted !== null) {
    member.perSecond = Math.max(0, picks - member.tickPicks) / seconds;
    member.acceptsPerSecond = Math.max(0, accepted - member.tickAccepted) / seconds;
    push(member.history, member.perSecond);
  }
  const isServed = member.tickAccepted !== null && accepted > member.tickAccepted;
  const queue = queueOf(member) ?? 0;
  if (queue === 0 || isServed) member.waitingSinceNs = null;
  else member.waitingSinceNs ??= tsNs;
  member.tickPicks = picks;
  member.tickAccepted = accepted;
};

/** What was printed by the last tick but one and has not come by now never will: lines are under way for less than that. */
const reconcile = (state: State): void => {
  let [printed, shown] = [0, 0];
  for (const counters of state.counters.values()) {
    printed += total(counters.printed);
    shown += counters.shown;
  }
  state.lostReconciled = Math.max(state.lostReconciled, state.printedAtTick - shown);
  state.printedAtTick = printed;
};

const countersOf = (state: State, ino: number): Counters => {
  const known = state.counters.get(ino);
  if (known !== undefined) return known;
  const counters = createCounters();
  if (state.counters.size < COUNTERS_KEPT) state.counters.set(ino, counters);
  return counters;
};

type Identity = { ino: number; netns: number; laddr: string; lport: number; tsNs: number };

/** The member with this inode, made when it is new and in scope; null out of scope. */
const memberOf = (state: State, proto: Proto, identity: Identity): Member | null => {
  const known = state.members.get(identity.ino);
  if (known !== undefined && known.closedNs === null) return known;
  const at = { proto, netns: identity.netns, laddr: foldMapped(identity.laddr), lport: identity.lport };
  if (!inScope(state.scope, at)) return null;
  const key = groupKey(at);
  // An inode that was closed and is seen again was given anew: its counters start again.
  if (known !== undefined) state.counters.delete(identity.ino);
  const member = createMember({
    ...at,
    ino: identity.ino,
    group: key,
    counters: countersOf(state, identity.ino),
    seenNs: identity.tsNs,
  });
  member.holders = state.holders.get(identity.ino)?.holders ?? [];
  state.members.set(identity.ino, member);
  return member;
};

const groupOf = (state: State, member: Member): Group => {
  const known = state.groups.get(member.group);
  if (known !== undefined) return known;
  const group = createGroup(member.group, member);
  state.groups.set(member.group, group);
  return group;
};

const socket = (state: State, event: SocketEvent): void => {
  const member = memberOf(state, event.proto, event);
  if (member === null) return;
  member.uid = event.uid;
  member.queueAtScan = event.queue;
  groupOf(state, member).members.set(member.ino, member);
};

const owners = (state: State, event: OwnersEvent): void => {
  if (state.holders.size < COUNTERS_KEPT || state.holders.has(event.ino)) state.holders.set(event.ino, event);
  const member = state.members.get(event.ino);
  if (member !== undefined) member.holders = event.holders;
};

const slot = (state: State, event: SlotEvent): void => {
  const member = memberOf(state, 'tcp', event);
  if (member === null) return;
  const group = groupOf(state, member);
  group.members.set(member.ino, member);
  member.uid = event.uid;
  member.reuseport = event.reuseport;
  member.backlog = event.backlog;
  member.counters.queue ??= event.queue;
  setSlot(group, member, event.index, event.n, event.tsNs);
};

const listen = (state: State, event: ListenEvent): void => {
  const isKnown = state.members.get(event.ino)?.closedNs === null;
  const member = memberOf(state, 'tcp', event);
  if (member === null) return;
  member.uid = event.uid;
  member.reuseport = event.reuseport;
  member.listener = { pid: event.pid, comm: event.comm };
  if (isKnown) return;
  if (member.holders.length === 0) {
    member.holders = [{ pid: event.pid, comm: event.comm, fds: [] }];
  }
  const group = groupOf(state, member);
  join(group, member, event.tsNs);
  log(state, { kind: 'change', event, index: member.index, movedFrom: null });
};

const listened = (state: State, event: ListenedEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined) member.backlog = event.backlog;
};

const close = (state: State, event: CloseEvent): void => {
  const member = state.members.get(event.ino);
  if (member === undefined || member.closedNs !== null) return;
  const group = groupOf(state, member);
  const index = member.index;
  const moved = leave(group, member, event.tsNs);
  member.closedNs = event.tsNs;
  member.queueAtClose = event.queue;
  member.perSecond = null;
  member.waitingSinceNs = null;
  const change: LoggedChange = {
    kind: 'change',
    event,
    index,
    movedFrom: moved === null ? null : (group.n ?? 0),
  };
  push(state.binds, change);
  log(state, change);
  for (const old of push(state.left, member)) forget(state, old);
};

/** A member that left long ago: its counts stay in the sums, its details go, and its group when it was the last one of it. */
const forget = (state: State, member: Member): void => {
  state.gone.picks += total(member.counters.picks);
  state.gone.printed += total(member.counters.printed);
  state.gone.accepted += total(member.counters.accepted);
  state.gone.shown += member.counters.shown;
  const isEmpty = state.groups.get(member.group)?.members.size === 0;
  if (isEmpty && !state.left.items.some((other) => other.group === member.group))
    state.groups.delete(member.group);
  if (state.members.get(member.ino) !== member) return;
  state.members.delete(member.ino);
  state.counters.delete(member.ino);
  state.holders.delete(member.ino);
};

const log = (state: State, entry: LoggedPick | LoggedChange): void => {
  for (const old of push(state.picks, entry)) {
    if (old.kind === 'pick') state.waiting.delete(old.pick.tsNs);
  }
};

const pick = (state: State, event: PickEvent): void => {
  const member = state.members.get(event.ino);
  if (member === undefined && !inScope(state.scope, event)) return;
  const counters = member?.counters ?? countersOf(state, event.ino);
  counters.shown++;
  if (member !== undefined) {
    member.lastPickNs = event.tsNs;
    member.backlog = event.backlog;
    if (event.index !== null) member.index = event.index;
  }
  const logged: LoggedPick = {
    kind: 'pick',
    pick: event,
    number: state.picks.pushed + 1,
    acceptedBy: null,
    waitNs: null,
  };
  log(state, logged);
  state.waiting.set(event.tsNs, logged);
};

const accept = (state: State, event: AcceptEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined) {
    member.acceptor = { pid: event.pid, comm: event.comm };
    member.lastAcceptNs = event.tsNs;
    member.waitingSinceNs = null;
    if (event.waitNs !== null) record(member.waits, event.waitNs);
  }
  if (event.pickNs === null) return;
  const logged = state.waiting.get(event.pickNs);
  if (logged === undefined || logged.pick.ino !== event.ino) return;
  logged.acceptedBy = { pid: event.pid, comm: event.comm };
  logged.waitNs = event.waitNs;
  state.waiting.delete(event.pickNs);
};

const count = (state: State, event: CountEvent): void => {
  if (event.ino === 0) {
    if (event.counter === 'accepted') state.acceptedUnknown = event.total;
    return;
  }
  const counters = countersOf(state, event.ino);
  if (event.counter === 'queue') counters.queue = event.total;
  else counters[event.counter].kernel = event.total;
};
