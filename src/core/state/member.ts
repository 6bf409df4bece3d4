// What is known of one socket of a group; apply.ts and what it calls change it.

import { COUNTERS, type Counter, type Holder, type ProcessEvent, type Proto, type Rung } from '../event.js';
import { seesFunctions } from '../rung.js';
import { type Clients, estimateClients } from '../statistics/clients.js';
import { createLatency, type Latency } from '../statistics/latency.js';
import type { Spell } from './burst.js';
import { createRing, type Ring } from './ring.js';
import { createUnserved, type Unserved } from './unserved.js';

/** A cumulative counter that survives a restart of bpftrace (which begins at 0 again) and a reset by the user. */
export type Total = {
  /** The kernel's value as last printed. */
  kernel: number;
  /** What to add to it: totals of earlier bpftrace processes, less what a reset took away. */
  base: number;
};

/** Counters that only grow. */
export type Cumulative = Exclude<Counter, 'queue' | 'client_bits'>;
export const CUMULATIVE = COUNTERS.filter((counter) => counter !== 'queue' && counter !== 'client_bits');

/** Counters that stand still while all is well. */
export const TROUBLES = ['dropped_syn', 'dropped_ack', 'refused', 'overflowed', 'failed'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** The exact counters of one socket; what each counts is said at COUNTERS. */
export type Counters = { readonly [counter in Cumulative]: Total } & {
  /** Accept queue length after the last pick or accept; null before the first. */
  queue: number | null;
  /** When that was last said to have changed. */
  queueNs: number;
  /** Bits that clients have set since bpftrace was started: the size of a set, to which no earlier size can be added. */
  client_bits: number;
  /** Pick events that reached us. */
  shown: number;
  /** When those that should not grow did; null = never. */
  readonly spells: { [counter in Trouble]: Spell | null };
};

/** Somebody who acted on a socket. */
export type Actor = { readonly pid: number; readonly comm: string };

/** A process whose accept() failed, and with what. */
export type Failer = Actor & {
  readonly ret: number;
  readonly tsNs: number;
  /** Its open descriptors and its limit, as /proc said then; null = not read. */
  readonly descriptors: { readonly open: number; readonly limit: number | null } | null;
};

/** Who accepts on a socket; comm is that of the thread. */
export type Acceptor = Actor & {
  /** The only thread of that process that was seen to accept on it; null = several. */
  readonly tid: number | null;
};

/** A holder, and what was known of its process when /proc named it; null = not read yet. */
export type KnownHolder = Holder & { readonly process: ProcessEvent | null };

export type Member = {
  readonly ino: number;
  readonly proto: Proto;
  readonly netns: number;
  /** The interface that it is bound to (sk_bound_dev_if); null = none, or not known: /proc does not tell. */
  device: number | null;
  /** With that interface, as it is shown: `fe80::77%3`. */
  laddr: string;
  readonly lport: number;
  /** Key of its group in State.groups; another one once its device is known. */
  group: string;
  readonly counters: Counters;
  /** SO_REUSEPORT is set; null until the kernel was seen to use the socket (/proc does not tell). */
  reuseport: boolean | null;
  uid: number | null;
  /** Index in socks[] now; null = unknown, or in no group. */
  index: number | null;
  /** Accept queue limit; of UDP the receive buffer in bytes. null = unknown. */
  backlog: number | null;
  /** Accept queue when /proc was last read, for the time before the first pick; of UDP the bytes in the receive queue. */
  queueAtScan: number | null;
  /** Of UDP what /proc last counted as dropped, and what of it was so before this run; null = not read, or TCP. */
  drops: { now: number; before: number; spell: Spell | null } | null;
  /** Of UDP the peer of a connected socket, which the kernel skips (`10.0.0.1:53`); null = none, or TCP. */
  peer: string | null;
  /** Since when it was seen connected; null = it is not. */
  connectedNs: number | null;
  /** Of UDP: it was seen connected, and is not any more (connect(AF_UNSPEC)). */
  wasConnected: boolean;
  /**
   * Of UDP its place as read from the kernel before /proc was asked whether it is connected: the kernel may give those of
   * clients a group of their own (reuseport_add_sock), whose n says nothing of the group that shares. null = nothing waits.
   */
  unproven: { readonly index: number | null; readonly n: number } | null;
  /** Its place was read from the kernel, not worked out from who came and went. */
  isRead: boolean;
  /** The kernel used it and it was in no group then (sk_reuseport_cb is NULL). */
  isOutside: boolean;
  /**
   * Connections accepted or queued that were never picked, as far as that has a reason: they were queued before the
   * probes attached, which they do one after the other.
   */
  owed: number;
  holders: readonly KnownHolder[];
  /** Who last accepted on it. */
  acceptor: Acceptor | null;
  /** Who last accepted on it and holds it no more; null = nobody, or another one has accepted since. */
  formerAcceptor: Actor | null;
  /** Who failed to accept on it, by pid, the newest last; the first FAILERS_KEPT. */
  readonly failers: Map<number, Failer>;
  /** It was bound to port 0, with SO_REUSEPORT, and given its port. */
  isDrawn: boolean;
  /** Processes that were seen to accept on it, the first ACCEPTORS_KEPT of them. */
  readonly acceptors: Set<number>;
  /** Connections open in the processes that serve it and no other member of its group; null = not known. */
  open: number | null;
  /** Who called listen() on it (seen live), else null. */
  listener: Actor | null;
  /** When listen() was last called on it (seen live), else null. */
  listenedNs: number | null;
  /** When it was first seen, and when it stopped listening. */
  readonly seenNs: number;
  /** Time of the last scan of /proc that listed it; null = none did. */
  scannedNs: number | null;
  closedNs: number | null;
  /** Connections still queued when it closed. */
  queueAtClose: number | null;
  /** Handshakes under way when it closed; null where the rung cannot know. */
  synQueueAtClose: number | null;
  /** It listens again after shutdown(): connections queued at all its closings before, and when the last of them was; null = none. */
  reopened: { readonly queue: number; readonly closedNs: number } | null;
  /** When it was last seen to be picked; of what is not shown to the second. */
  lastPickNs: number | null;
  lastAcceptNs: number | null;
  /** Since when the queue holds connections without any accept; null = not so. */
  waitingSinceNs: number | null;
  readonly unserved: Unserved;
  /** Picks per second over the last tick; null before two ticks. */
  perSecond: number | null;
  acceptsPerSecond: number | null;
  /** Picks per second at each of the last ticks. */
  readonly history: Ring<number>;
  readonly waits: Latency;
  /** Totals at the last tick, to take differences from. */
  tickPicks: number | null;
  tickAccepted: number | null;
};

/** What is kept of a member that left long ago. */
export type Departed = Pick<
  Member,
  'ino' | 'proto' | 'group' | 'counters' | 'reuseport' | 'drops' | 'closedNs' | 'queueAtClose' | 'reopened'
>;

/** More than one is all that matters, and a few to name. */
export const ACCEPTORS_KEPT = 16;
/** As many as anybody names. */
export const FAILERS_KEPT = 16;
/** A minute of ticks. */
const HISTORY_TICKS = 60;

export const total = (counter: Total): number => counter.base + counter.kernel;

export const createCounters = (): Counters => ({
  ...(Object.fromEntries(CUMULATIVE.map((counter) => [counter, { kernel: 0, base: 0 }])) as {
    [counter in Cumulative]: Total;
  }),
  queue: null,
  queueNs: 0,
  client_bits: 0,
  shown: 0,
  spells: { dropped_syn: null, dropped_ack: null, refused: null, overflowed: null, failed: null },
});

/**
 * Times the socket was picked. Without SO_REUSEPORT there is nothing to pick from: the function rungs see no pick of
 * such a socket, and every handshake queued on it stands for one.
 */
export const picksOf = (member: Pick<Member, 'proto' | 'counters' | 'reuseport'>): number =>
  total(member.counters.picks) + (member.reuseport === false ? arrivedAlone(member) : 0);

const arrivedAlone = ({ proto, counters }: Pick<Member, 'proto' | 'counters'>): number =>
  proto === 'tcp' ? total(counters.established) : total(counters.delivered) + total(counters.overflowed);

/** What processes took from it: connections that they accepted, datagrams that they received. */
export const takenOf = ({ proto, counters }: Pick<Member, 'proto' | 'counters'>): number =>
  total(proto === 'tcp' ? counters.accepted : counters.received);

/** Whether its picks are wake-ups: on the tracepoint rung one of a UDP socket may stand for several datagrams. */
export const countsWakeUps = ({ proto }: Pick<Member, 'proto'>, rung: Rung | null): boolean =>
  proto === 'udp' && rung === 'tracepoint';

/** How many client addresses it was picked for; null where the rung cannot know. */
export const clientsOf = ({ proto, counters }: Member, rung: Rung | null): Clients | null =>
  proto === 'udp' && seesFunctions(rung) ? estimateClients(counters.client_bits) : null;

/** Datagrams put into its receive queue; null where the rung cannot know. */
export const deliveredOf = (member: Member, rung: Rung | null): number | null =>
  seesFunctions(rung) ? total(member.counters.delivered) : null;

/** Handshakes that were queued on it; on the tracepoint rung, which sees no SYN, a pick is just that. UDP has none. */
export const establishedOf = (member: Pick<Member, 'proto' | 'counters'>, rung: Rung | null): number =>
  member.proto === 'udp'
    ? 0
    : total(seesFunctions(rung) ? member.counters.established : member.counters.picks);

/**
 * Connection attempts that met its full queue; null where the rung cannot know. Of UDP the datagrams that its receive
 * buffer refused, which the tracepoint rung has from /proc, once a second.
 */
export const droppedOf = (
  member: Pick<Member, 'proto' | 'counters' | 'drops'>,
  rung: Rung | null,
): number | null => {
  const { counters, drops } = member;
  if (member.proto === 'tcp')
    return seesFunctions(rung) ? total(counters.dropped_syn) + total(counters.dropped_ack) : null;
  if (seesFunctions(rung)) return total(counters.overflowed);
  return drops === null ? null : drops.now - drops.before;
};

/** A member of which nothing but its identity and address is known. */
export const createMember = (
  identity: Pick<
    Member,
    'ino' | 'proto' | 'netns' | 'device' | 'laddr' | 'lport' | 'group' | 'counters' | 'seenNs'
  >,
): Member => ({
  ...identity,
  reuseport: null,
  uid: null,
  index: null,
  backlog: null,
  queueAtScan: null,
  drops: null,
  peer: null,
  connectedNs: null,
  wasConnected: false,
  unproven: null,
  isRead: false,
  isOutside: false,
  owed: 0,
  holders: [],
  acceptor: null,
  formerAcceptor: null,
  failers: new Map(),
  isDrawn: false,
  acceptors: new Set(),
  open: null,
  listener: null,
  listenedNs: null,
  closedNs: null,
  scannedNs: null,
  queueAtClose: null,
  synQueueAtClose: null,
  reopened: null,
  lastPickNs: null,
  lastAcceptNs: null,
  waitingSinceNs: null,
  unserved: createUnserved(),
  perSecond: null,
  acceptsPerSecond: null,
  history: createRing(HISTORY_TICKS),
  waits: createLatency(),
  tickPicks: null,
  tickAccepted: null,
});

/** Connections that were queued at its closings, the last one and those before. */
export const queuedAtClosings = ({
  queueAtClose,
  reopened,
}: Pick<Member, 'queueAtClose' | 'reopened'>): number => (queueAtClose ?? 0) + (reopened?.queue ?? 0);

/** Accept queue length as last known; null = unknown. A closed socket has none. */
export const queueOf = (member: Member): number | null =>
  member.closedNs !== null ? null : (member.counters.queue ?? member.queueAtScan);

/** Full as the kernel tests it (sk_acceptq_is_full, include/net/sock.h: `>`), so one more than the backlog fits. */
export const isFull = (member: Member): boolean => {
  const queue = queueOf(member);
  return queue !== null && member.backlog !== null && queue > member.backlog;
};

/** Who serves the socket: who accepted last, else its only holder; null while several hold it and none has accepted. */
export const ownerOf = (member: Member): Actor | null => {
  if (member.acceptor !== null) return member.acceptor;
  const [only, ...others] = member.holders;
  return others.length === 0 && only !== undefined ? only : null;
};
