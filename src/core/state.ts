// Everything known now, from all events so far; apply() is the only writer. It has no clock: time is the newest event's.
import { foldMapped, isIPv6 } from './endpoint.js';
import type {
  AcceptEvent,
  BindEvent,
  CloseEvent,
  CountEvent,
  DropEvent,
  EndedEvent,
  Event,
  JoinEvent,
  LeaveEvent,
  ListenEvent,
  ListenedEvent,
  MetaEvent,
  OwnersEvent,
  PickEvent,
  PortEvent,
  Proto,
  SlotEvent,
  SocketEvent,
} from './event.js';
import { createGroup, type Group, groupKey, join, leave, setSlot } from './group.js';
import { record } from './latency.js';
import {
  type Actor,
  type Counters,
  CUMULATIVE,
  createCounters,
  createMember,
  type Member,
  picksOf,
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
  /** When its handshake was done and it began to wait for accept(); null = not seen. */
  queuedNs: number | null;
  acceptedBy: Actor | null;
  waitNs: number | null;
  /** Why it never will be accepted (or was late): its SYN or final ACK met a full queue, or its listener closed. */
  failure: 'syn-dropped' | 'ack-dropped' | 'killed' | null;
};

/** A change of the group, between the picks it separates. */
export type LoggedChange = {
  readonly kind: 'change';
  readonly event: ListenEvent | CloseEvent;
  /** Index of the member when it left or joined, and of whom moved into its place; null = unknown or nobody. */
  readonly index: number | null;
  readonly movedFrom: number | null;
};

/** A bind() or listen() with how the kernel decided on the port; null where the rung cannot know. */
export type LoggedCall = (BindEvent | ListenedEvent) & { readonly verdict: PortEvent | null };

export type LoggedBind = LoggedCall | LoggedChange;

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
  /** Accepts whose pick has not come, by time of pick: bpftrace reads one CPU's lines after another's. */
  readonly early: Map<number, AcceptEvent>;
  /** The kernel's latest verdict on a port by thread, until the system call that asked returns. */
  readonly verdicts: Map<number, PortEvent>;
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
const VERDICTS_KEPT = 1024;
/** Lines of two CPUs are at most one read of bpftrace apart; what stays longer lost its pick. */
const EARLY_KEPT = 1024;
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
  verdicts: new Map(),
  early: new Map(),
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
      if (state.meta === null) state.startNs = event.tsNs;
      state.meta = event;
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
      return called(state, event);
    case 'port':
      // Bounded by the threads that are in bind() at once; a call that never returns is not worth more.
      if (state.verdicts.size >= VERDICTS_KEPT) state.verdicts.clear();
      state.verdicts.set(event.tid, event);
      return;
    case 'join':
      return joined(state, event);
    case 'leave':
      return leaving(state, event);
    case 'program': {
      const member = state.members.get(event.ino);
      if (member !== undefined) groupOf(state, member).program = event;
      return;
    }
    case 'queued': {
      const logged = state.waiting.get(event.pickNs);
      if (logged !== undefined && logged.pick.ino === event.ino) logged.queuedNs = event.tsNs;
      return;
    }
    case 'drop':
      return dropped(state, event);
    case 'killed': {
      const logged = event.pickNs === null ? undefined : state.waiting.get(event.pickNs);
      if (logged !== undefined) logged.failure = 'killed';
      return;
    }
    case 'stopping': {
      const member = state.members.get(event.ino);
      if (member !== undefined) member.synQueueAtClose = event.synQueue;
      return;
    }
    case 'refused':
    case 'moved':
      // Their counters say how many; the events are for the line outputs.
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
  const { picks, printed, accepted, shown } = sums(state);
  const lost = state.status === 'ended' ? Math.max(0, printed - shown) : state.lostReconciled;
  return { picks, accepted, shown, sampledAway: Math.max(0, picks - Math.max(printed, shown)), lost };
};

/** Over the members that are kept and those that are gone: sockets out of scope have no part in it. */
const sums = (state: State): State['gone'] => {
  const sum = { ...state.gone };
  for (const member of state.members.values()) addTo(sum, member);
  return sum;
};

const addTo = (sum: State['gone'], member: Member): void => {
  sum.picks += picksOf(member);
  sum.printed += total(member.counters.printed);
  sum.accepted += total(member.counters.accepted);
  sum.shown += member.counters.shown;
};

/** Whether a member belongs to the process that the user asked for, if one was. */
export const isShown = (state: State, member: Member): boolean =>
  state.scope.pid === null ||
  member.acceptor?.pid === state.scope.pid ||
  member.holders.some((holder) => holder.pid === state.scope.pid);

const attached = (state: State, tsNs: number): void => {
  // While bpftrace was away the queues went on without us: what /proc said of them before is no longer so.
  if (state.attachedNs !== null) for (const member of state.members.values()) member.queueAtScan = null;
  state.status = 'attached';
  state.ended = null;
  state.attachedNs = tsNs;
  for (const counters of state.counters.values()) {
    for (const name of CUMULATIVE) rebase(counters[name], total(counters[name]));
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
    for (const name of CUMULATIVE) counters[name].base = -counters[name].kernel;
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
  const picks = picksOf(member);
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
  const { printed, shown } = sums(state);
  state.lostReconciled = Math.max(state.lostReconciled, state.printedAtTick - shown);
  state.printedAtTick = printed;
};

const countersOf = (state: State, ino: number): Counters => {
  const known = state.counters.get(ino);
  if (known !== undefined) return known;
  const counters = createCounters();
  if (state.counters.size >= COUNTERS_KEPT) forgetStrangers(state);
  if (state.counters.size < COUNTERS_KEPT) state.counters.set(ino, counters);
  return counters;
};

/** Makes room by dropping the counters of sockets that are no members, unless most of them are; 0 is no socket. */
const forgetStrangers = (state: State): void => {
  if (state.members.size > COUNTERS_KEPT / 2) return;
  for (const ino of state.counters.keys()) {
    if (ino !== 0 && !state.members.has(ino)) state.counters.delete(ino);
  }
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
  if (known !== undefined) {
    addTo(state.gone, known);
    state.counters.delete(identity.ino);
  }
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

const called = (state: State, event: BindEvent | ListenedEvent): void => {
  const verdict = state.verdicts.get(event.tid) ?? null;
  state.verdicts.delete(event.tid);
  if (inScope(state.scope, event)) push(state.binds, { ...event, verdict });
  if (event.kind !== 'listened' || event.ret !== 0) return;
  const member = state.members.get(event.ino);
  if (member !== undefined) member.backlog = event.backlog;
};

/** What the kernel's own functions say of the order replaces what join() and leave() worked out from listen and close. */
const joined = (state: State, event: JoinEvent): void => {
  const member = memberOf(state, 'tcp', event);
  if (member === null) return;
  member.reuseport = true;
  const group = groupOf(state, member);
  group.members.set(member.ino, member);
  setSlot(group, member, event.index, event.n, event.tsNs);
};

/** Comes before the socket's close, which then moves the last one into the hole. */
const leaving = (state: State, event: LeaveEvent): void => {
  const member = state.members.get(event.ino);
  if (member === undefined || member.closedNs !== null) return;
  const group = groupOf(state, member);
  group.n = event.n;
  member.index = event.index;
  const moved = group.members.get(event.movedIno);
  if (moved !== undefined) moved.index = event.n - 1;
};

/** How far back a dropped packet's pick is looked for: it was the last thing that happened to this connection. */
const DROP_LOOKBACK = 256;

const dropped = (state: State, event: DropEvent): void => {
  const { items } = state.picks;
  for (let i = items.length - 1; i >= 0 && i >= items.length - DROP_LOOKBACK; i--) {
    const logged = items[i];
    if (logged?.kind !== 'pick' || logged.pick.ino !== event.ino || logged.pick.rport !== event.rport)
      continue;
    if (logged.pick.raddr !== event.raddr) continue;
    logged.failure = event.why === 'syn' ? 'syn-dropped' : 'ack-dropped';
    return;
  }
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
  const old = push(state.left, member);
  for (const gone of old) forget(state, gone);
  if (old.length > 0) forgetGroups(state);
};

/** A member that left long ago: its counts stay in the sums, its details go. */
const forget = (state: State, member: Member): void => {
  // Another socket has its inode: its counts went into the sums then.
  if (state.members.get(member.ino) !== member) return;
  addTo(state.gone, member);
  state.members.delete(member.ino);
  state.counters.delete(member.ino);
  state.holders.delete(member.ino);
};

/** Groups go with the last of their members that is kept. */
const forgetGroups = (state: State): void => {
  const kept = new Set(state.left.items.map((member) => member.group));
  for (const [key, group] of state.groups) {
    if (group.members.size === 0 && !kept.has(key)) state.groups.delete(key);
  }
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
    queuedNs: state.meta?.rung === 'tracepoint' ? event.tsNs : null,
    acceptedBy: null,
    waitNs: null,
    failure: null,
  };
  log(state, logged);
  state.waiting.set(event.tsNs, logged);
  const early = state.early.get(event.tsNs);
  if (early !== undefined && early.ino === event.ino) complete(state, logged, early);
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
  if (logged !== undefined && logged.pick.ino === event.ino) return complete(state, logged, event);
  state.early.set(event.pickNs, event);
  if (state.early.size > EARLY_KEPT) {
    const [oldest] = state.early.keys();
    if (oldest !== undefined) state.early.delete(oldest);
  }
};

const complete = (state: State, logged: LoggedPick, event: AcceptEvent): void => {
  logged.acceptedBy = { pid: event.pid, comm: event.comm };
  logged.waitNs = event.waitNs;
  logged.failure = null;
  state.waiting.delete(logged.pick.tsNs);
  state.early.delete(logged.pick.tsNs);
};

const count = (state: State, event: CountEvent): void => {
  const counters = countersOf(state, event.ino);
  if (event.counter === 'queue') counters.queue = event.total;
  else counters[event.counter].kernel = event.total;
  if (event.ino === 0) state.acceptedUnknown = total(counters.accepted);
};
