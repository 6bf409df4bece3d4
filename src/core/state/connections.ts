// The life of single connections, as far as details are shown: picked, queued, accepted, dropped or killed.

import type {
  AcceptEvent,
  DescriptorsEvent,
  DropEvent,
  KilledEvent,
  PickEvent,
  QueuedEvent,
  UnacceptedEvent,
} from '../event.js';
import { record } from '../statistics/latency.js';
import { countersOf } from './counters.js';
import { log } from './log.js';
import { ACCEPTORS_KEPT, FAILERS_KEPT, type Member } from './member.js';
import { dropOldest } from './ring.js';
import { EARLY_KEPT, inScope, type LoggedPick, type State } from './state.js';

/** A pick: it is counted as shown, and its connection is followed from here on. */
export const onPick = (state: State, event: PickEvent): void => {
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
    queuedNs: state.rung === 'tracepoint' ? event.tsNs : null,
    acceptedBy: null,
    waitNs: null,
    failure: null,
  };
  log(state, logged);
  // A datagram is delivered or not in the same moment: nothing comes after it.
  if (event.proto === 'udp') state.waiting.delete(event.tsNs);
  if (state.early.size === 0) return;
  const early = state.early.get(event.tsNs) ?? [];
  state.early.delete(event.tsNs);
  for (const later of early) follow(state, event.tsNs, later);
};

/** accept() returned: who serves the member, how long the connection waited, and the end of what is shown of it. */
export const onAccept = (state: State, event: AcceptEvent): void => {
  const member = state.members.get(event.ino);
  if (member !== undefined) {
    serve(member, event);
    member.waitingSinceNs = null;
    if (event.waitNs !== null) record(member.waits, event.waitNs);
  }
  if (event.pickNs !== null) follow(state, event.pickNs, event);
};

/** accept() failed: whose, and with what. */
export const onUnaccepted = (state: State, { tsNs, ino, pid, comm, ret }: UnacceptedEvent): void => {
  const failers = state.members.get(ino)?.failers;
  if (failers === undefined) return;
  const descriptors = failers.get(pid)?.descriptors ?? null;
  failers.delete(pid);
  failers.set(pid, { pid, comm, ret, tsNs, descriptors });
  dropOldest(failers, FAILERS_KEPT);
};

/** What /proc says of a process whose accept() failed. */
export const onDescriptors = (state: State, { pid, open, limit }: DescriptorsEvent): void => {
  for (const { failers } of state.members.values()) {
    const failer = failers.get(pid);
    if (failer !== undefined) failers.set(pid, { ...failer, descriptors: { open, limit } });
  }
};

/** Who took something from a member serves it. */
export const serve = (
  member: Member,
  { tsNs, pid, tid, comm }: Pick<AcceptEvent, 'tsNs' | 'pid' | 'tid' | 'comm'>,
): void => {
  const before = member.acceptor;
  const isOne = before === null || before.pid !== pid || before.tid === tid;
  member.acceptor = { pid, comm, tid: isOne ? tid : null };
  member.formerAcceptor = null;
  if (member.acceptors.size < ACCEPTORS_KEPT) member.acceptors.add(pid);
  member.lastAcceptNs = tsNs;
};

/** The handshake is done. */
export const onQueued = (state: State, event: QueuedEvent): void => follow(state, event.pickNs, event);

/** Reset in the queue, because its listener closed. */
export const onKilled = (state: State, event: KilledEvent): void => {
  if (event.pickNs !== null) follow(state, event.pickNs, event);
};

/** What comes after a pick. bpftrace reads the CPUs' buffers in turn: it may come before it, and then waits for it. */
const follow = (state: State, pickNs: number, event: AcceptEvent | QueuedEvent | KilledEvent): void => {
  const logged = state.waiting.get(pickNs);
  if (logged === undefined || logged.pick.ino !== event.ino) return comeEarly(state, pickNs, event);
  switch (event.kind) {
    case 'queued':
      logged.queuedNs = event.tsNs;
      return;
    case 'killed':
      logged.failure = 'killed';
      break;
    case 'accept':
      logged.acceptedBy = { pid: event.pid, comm: event.comm };
      logged.waitNs = event.waitNs;
      logged.failure = null;
  }
  state.waiting.delete(pickNs);
};

const comeEarly = (state: State, pickNs: number, event: AcceptEvent | QueuedEvent | KilledEvent): void => {
  const others = state.early.get(pickNs);
  if (others !== undefined) {
    // A connection has no more than these: queued, then accepted or killed.
    if (others.length < 3) others.push(event);
    return;
  }
  state.early.set(pickNs, [event]);
  dropOldest(state.early, EARLY_KEPT);
};

/** How far back a dropped packet's pick is looked for: it was the last thing that happened to this connection. */
const DROP_LOOKBACK = 256;

/** A packet of a shown pick met a full queue. */
export const onDrop = (state: State, event: DropEvent): void => {
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
