// What is known now, as plain data, and what of it the user asked to see; apply.ts is the only writer.

import type {
  AcceptEvent,
  BindEvent,
  ClockEvent,
  CloseEvent,
  DialEvent,
  DrawnEvent,
  EndedEvent,
  Event,
  Grounds,
  KilledEvent,
  ListenEvent,
  ListenedEvent,
  LookupEvent,
  MetaEvent,
  OwnersEvent,
  PartEvent,
  PartName,
  PickEvent,
  PortEvent,
  ProcessEvent,
  Proto,
  QueuedEvent,
  Rung,
  SysctlEvent,
  UnrecordedEvent,
} from '../event.js';
import { foldMapped, isIPv6 } from '../text/endpoint.js';
import type { Spell } from './burst.js';
import { createFindings, type Findings } from './finding.js';
import type { Group } from './group.js';
import type { Actor, Counters, Departed, Member } from './member.js';
import { createRing, type Ring } from './ring.js';
import type { Sums } from './sums.js';

/** What the user asked to see; the rest is not taken into State. */
export type Scope = {
  /** Local ports; empty = all. */
  readonly ports: readonly number[];
  /** 4, 6, or null for both. */
  readonly family: 4 | 6 | null;
  /** The one protocol; absent for both. */
  readonly proto?: Proto;
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

/** connect() of one process from one listening address, where it failed at once. */
export type FailedDials = { readonly spell: Spell; readonly last: DialEvent };

export type LoggedBind = LoggedCall | LoggedChange;

export type Status = 'attaching' | 'attached' | 'ended';

export type State = {
  readonly scope: Scope;
  meta: MetaEvent | null;
  /** How picks are seen in this run, as meta says; null = not told yet. */
  rung: Rung | null;
  /** When the wall clock jumped, oldest first; before the first of them it is as meta says. */
  readonly clocks: ClockEvent[];
  status: Status;
  ended: EndedEvent | null;
  startNs: number;
  /** When the probes were attached last; null = not yet. */
  attachedNs: number | null;
  /** Since when the counters count: the first attachment, or the last reset; they go on over a restart of bpftrace. */
  countedNs: number | null;
  nowNs: number;
  lastTickNs: number | null;
  ticks: number;
  /** Clean names in /run/netns; no two have the same. */
  readonly netnsNames: Map<number, string>;
  /** By network namespace, where they could be read. */
  readonly sysctls: Map<number, SysctlEvent>;
  /** How the parts of the probes stand that counting goes on without; empty before they were started. */
  readonly parts: Map<PartName, PartEvent>;
  /** The sk_lookup programs of a network namespace, in the order in which they run; absent = none seen. */
  readonly lookups: Map<number, readonly LookupEvent[]>;
  readonly groups: Map<string, Group>;
  /** Live members and those that left a while ago, by inode. */
  readonly members: Map<number, Member>;
  readonly left: Ring<Member>;
  /** Interfaces by inode, of sockets that are not known yet. */
  readonly devices: Map<number, number>;
  /** Sockets that are known to be none that the user asked for, by inode; of what is here nothing is recorded. */
  readonly outside: Set<number>;
  /** Counters by inode; also of sockets whose address is not known yet. */
  readonly counters: Map<number, Counters>;
  readonly picks: Ring<LoggedPick | LoggedChange>;
  readonly binds: Ring<LoggedBind>;
  /** Picks in the log that wait for their accept, by time of pick. */
  readonly waiting: Map<number, LoggedPick>;
  /** Accepts whose pick has not come, by time of pick: bpftrace reads one CPU's lines after another's. */
  readonly early: Map<number, (AcceptEvent | QueuedEvent | KilledEvent)[]>;
  /** Ends of sockets that nothing has told of yet, by inode. */
  readonly earlyCloses: Map<number, CloseEvent>;
  /** The kernel's latest verdict on a port by thread, until the system call that asked returns. */
  readonly verdicts: Map<number, PortEvent>;
  /** UDP sockets that were given their port, of which nothing else is known yet. */
  readonly drawn: Map<number, DrawnEvent>;
  /** What the host said of refused calls, by thread and time; null = it was asked, and has not answered yet. */
  readonly grounds: Map<string, Grounds | null>;
  /** connect() from a port that somebody listens on, where it failed, by who and from where. */
  readonly dials: Map<string, FailedDials>;
  /** Holders of members by inode, also of those that left and may listen again. */
  readonly holders: Map<number, OwnersEvent>;
  /** What processes are called, by pid. */
  readonly processes: Map<number, ProcessEvent>;
  /** What is left of members that are no longer kept, by inode: their last counts may still come. */
  readonly departed: Map<number, Departed>;
  /** Sums over those of them whose last counts have come. */
  readonly gone: { picks: number; printed: number; accepted: number; received: number; shown: number };
  /** Sums of groups that are no longer kept, by key: they go on when somebody listens there again. */
  readonly pastGroups: Map<string, Sums>;
  /** accept() calls whose listener is not known: they were under way when the tool started. */
  acceptedUnknown: number;
  /** Details lost: as bpftrace said, programs the kernel skipped, and what the reconciliation of counters shows. */
  lostPerf: number;
  missed: number;
  lostReconciled: number;
  /** Lines of sockets that came and went beyond the budget for them: they were never printed. */
  unsaid: number;
  /** printed and shown at the last tick: see reconcile(). */
  printedAtTick: number;
  shownAtTick: number;
  malformed: number;
  /** The recording beside this run has ended. */
  unrecorded: UnrecordedEvent | null;
  /** What is wrong, as diagnose() last found. */
  readonly findings: Findings;
};

const PICKS_KEPT = 4096;
const BINDS_KEPT = 512;
const LEFT_KEPT = 1024;
/** Threads that are inside bind() or listen() at once. */
export const VERDICTS_KEPT = 1024;
/** Names of network namespaces: a host may have one for each of its containers, of which each new one has a new name. */
export const NAMES_KEPT = 4096;
/** Picks and sockets whose later events came first. */
export const EARLY_KEPT = 1024;
/** Sockets whose counters are kept although nobody knows them. As many as the kernel maps hold. */
export const COUNTERS_KEPT = 16_384;
/** Members that left and whose last counts may still come: a tool that stood still reads of as many as the kernel's maps hold. */
export const DEPARTED_KEPT = 16_384;

export const createState = (scope: Scope): State => ({
  scope,
  meta: null,
  rung: null,
  clocks: [],
  status: 'attaching',
  ended: null,
  startNs: 0,
  attachedNs: null,
  countedNs: null,
  nowNs: 0,
  lastTickNs: null,
  ticks: 0,
  netnsNames: new Map(),
  sysctls: new Map(),
  parts: new Map(),
  lookups: new Map(),
  groups: new Map(),
  members: new Map(),
  left: createRing(LEFT_KEPT),
  devices: new Map(),
  outside: new Set(),
  counters: new Map(),
  picks: createRing(PICKS_KEPT),
  binds: createRing(BINDS_KEPT),
  waiting: new Map(),
  verdicts: new Map(),
  early: new Map(),
  dials: new Map(),
  grounds: new Map(),
  earlyCloses: new Map(),
  drawn: new Map(),
  holders: new Map(),
  processes: new Map(),
  departed: new Map(),
  pastGroups: new Map(),
  gone: { picks: 0, printed: 0, accepted: 0, received: 0, shown: 0 },
  acceptedUnknown: 0,
  lostPerf: 0,
  missed: 0,
  lostReconciled: 0,
  unsaid: 0,
  printedAtTick: 0,
  shownAtTick: 0,
  malformed: 0,
  unrecorded: null,
  findings: createFindings(),
});

/** Whether an address is one the user asked for. */
export const inScope = (
  scope: Scope,
  at: { proto?: Proto; netns: number; laddr: string; lport: number },
): boolean =>
  (scope.proto === undefined || scope.proto === (at.proto ?? 'tcp')) &&
  (scope.ports.length === 0 || scope.ports.includes(at.lport)) &&
  (scope.family === null || scope.family === (isIPv6(foldMapped(at.laddr)) ? 6 : 4)) &&
  (scope.netns === null || scope.netns === at.netns);

/** Whether an event, once applied, has to do with what the user asked for: other sockets are not printed and not recorded. */
export const concerns = (state: State, event: Event): boolean => {
  switch (event.kind) {
    case 'owners':
      return state.members.has(event.ino);
    case 'bind':
    case 'listened':
    case 'open':
    case 'port':
    case 'dial':
      return inScope(state.scope, event);
    case 'lookup':
      return state.scope.netns === null || state.scope.netns === event.netns;
    // The kernel's filter knows ports alone, and not more than four of them. A known inode at another address is one that
    // was given anew while nobody looked; what a client dialled is not always the member's own address.
    case 'socket':
    case 'listen':
    case 'close':
    case 'slot':
    case 'join':
    case 'leave':
    case 'pick':
    case 'drop':
      return state.members.has(event.ino) || inScope(state.scope, event);
    default:
      return !isOutside(state, event);
  }
};

/** Whether it is of a socket that is known to be out of scope. These tell no address, and may come before the line that does. */
export const isOutside = ({ outside }: State, event: Event): boolean => {
  // Asked of every event; where the kernel's own filter is all of the scope nothing is here.
  if (outside.size === 0) return false;
  switch (event.kind) {
    case 'device':
    case 'program':
    case 'queued':
    case 'accept':
    case 'receive':
    case 'unaccepted':
    case 'refused':
    case 'moved':
    case 'stopping':
    case 'killed':
    case 'count':
      return outside.has(event.ino);
    default:
      return false;
  }
};

/** What the host said of a refused call; null = it has not answered yet, undefined = it was not asked. */
export const groundsOf = (
  { grounds }: State,
  { tid, tsNs }: Pick<BindEvent, 'tid' | 'tsNs'>,
): Grounds | null | undefined => grounds.get(`${tid} ${tsNs}`);

/** Whether the kernel's own filter is the whole of what the user asked for: then all that is counted is in scope. */
export const isWholeScope = ({ ports, family, netns, pid }: Scope): boolean =>
  ports.length <= KERNEL_PORTS && family === null && netns === null && pid === null;

/** Ports that the kernel can filter by; with more, it passes all of them and State drops the rest. */
export const KERNEL_PORTS = 4;

/** Whether a member belongs to the process that the user asked for, if one was. */
export const isShown = (state: State, member: Member): boolean =>
  state.scope.pid === null ||
  member.acceptor?.pid === state.scope.pid ||
  member.holders.some((holder) => holder.pid === state.scope.pid);

/** Every part of the probes is attached, or is known to stay out: from here on nothing new is seen. */
export const isWhole = ({ status, parts }: Pick<State, 'status' | 'parts'>): boolean =>
  status === 'attached' && [...parts.values()].every((part) => part.status !== 'attaching');
