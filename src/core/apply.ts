// apply(state, event): the only writer of State. It has no clock: time is that of the newest event.

import type {
  BindEvent,
  Event,
  GroundsEvent,
  ListenedEvent,
  LookupEvent,
  NetnsEvent,
  PortEvent,
} from './event.js';
import { diagnose } from './findings/diagnosis.js';
import { onClock } from './state/clock.js';
import {
  onAccept,
  onDescriptors,
  onDrop,
  onKilled,
  onPick,
  onQueued,
  onUnaccepted,
} from './state/connections.js';
import { onAttached, onCount, onReset, onTick } from './state/counters.js';
import { onDial } from './state/dials.js';
import {
  onBound,
  onClose,
  onDevice,
  onDrawn,
  onJoin,
  onLeave,
  onListen,
  onListened,
  onOwners,
  onProcess,
  onProgram,
  onReceive,
  onScanned,
  onSlot,
  onSocket,
} from './state/membership.js';
import { onOpen } from './state/openconnections.js';
import { dropOldest, push } from './state/ring.js';
import { inScope, isOutside, NAMES_KEPT, type State, VERDICTS_KEPT } from './state/state.js';
import { clean } from './text/format.js';

/** Takes one event into the state. Never throws on data; what is out of scope or makes no sense changes nothing. */
export const apply = (state: State, event: Event): void => {
  if (event.tsNs > state.nowNs) state.nowNs = event.tsNs;
  // It is not recorded either: a replay makes the same State.
  if (!isOutside(state, event)) take(state, event);
  if (DIAGNOSED.has(event.kind)) diagnose(state);
  else if (state.findings.news.length > 0) state.findings.news = [];
};

/** Rules look when time has passed, and at what ends or begins the ticks. */
const DIAGNOSED: ReadonlySet<Event['kind']> = new Set(['tick', 'ended', 'attached']);

/** A name that was given again is that of the namespace that has it now; the oldest names go where namespaces come and go. */
const onNetns = ({ netnsNames }: State, event: NetnsEvent): void => {
  const { netns } = event;
  const name = clean(event.name);
  if (netnsNames.get(netns) === name) return;
  for (const [other, known] of netnsNames) if (known === name) netnsNames.delete(other);
  netnsNames.delete(netns);
  netnsNames.set(netns, name);
  dropOldest(netnsNames, NAMES_KEPT);
};

/** Programs of a namespace are few: the kernel takes 64. */
const MOST_PLACES = 64;

/** What was known of a namespace goes when its first program is told. */
const onLookup = ({ lookups, scope }: State, event: LookupEvent): void => {
  const { netns, place } = event;
  if (scope.netns !== null && scope.netns !== netns) return;
  const before = place === null || place === 0 ? [] : (lookups.get(netns) ?? []);
  if (place === null) lookups.delete(netns);
  else if (before.length < MOST_PLACES && lookups.size < NAMES_KEPT) lookups.set(netns, [...before, event]);
};

/** The verdict comes before its system call returns; a call that never returns is not worth more than its place. */
const onPort = (state: State, event: PortEvent): void => {
  if (!inScope(state.scope, event)) return;
  if (state.verdicts.size >= VERDICTS_KEPT) state.verdicts.clear();
  state.verdicts.set(event.tid, event);
};

const onCall = (state: State, event: BindEvent | ListenedEvent): void => {
  const verdict = state.verdicts.get(event.tid) ?? null;
  state.verdicts.delete(event.tid);
  if (inScope(state.scope, event)) push(state.binds, { ...event, verdict });
  if (event.ret !== 0) return;
  if (event.kind === 'bind') {
    if (event.proto === 'udp') onBound(state, event);
    return;
  }
  onListened(state, event);
  const member = state.members.get(event.ino);
  if (member !== undefined) member.backlog = event.backlog;
};

/** It may come before the line of its call. */
const onGrounds = (state: State, { tid, callNs, grounds }: GroundsEvent): void => {
  state.grounds.set(`${tid} ${callNs}`, grounds);
  dropOldest(state.grounds, VERDICTS_KEPT);
};

/** Takes one kind of event into the state. */
type Handler<K extends Event['kind']> = (state: State, event: Extract<Event, { kind: K }>) => void;

/** Told for the outputs that print lines: their counters say how many there were. */
const ignore = (): void => undefined;

/** What each kind of event changes: the type asks for every kind. */
const HANDLERS: { readonly [K in Event['kind']]: Handler<K> } = {
  meta: (state, event) => {
    if (state.meta === null) state.startNs = event.tsNs;
    state.meta = event;
    state.rung = event.rung;
  },
  clock: onClock,
  attaching: (state) => {
    state.status = 'attaching';
    // bpftrace will say again what is there.
    state.lookups.clear();
    state.parts.clear();
  },
  attached: (state, event) => onAttached(state, event.tsNs),
  part: (state, event) => {
    state.parts.set(event.part, event);
  },
  ended: (state, event) => {
    state.status = 'ended';
    state.ended = event;
  },
  tick: (state, event) => onTick(state, event.tsNs),
  netns: onNetns,
  sysctl: (state, event) => {
    state.sysctls.set(event.netns, event);
  },
  socket: onSocket,
  process: onProcess,
  owners: onOwners,
  scanned: onScanned,
  slot: onSlot,
  device: onDevice,
  open: onOpen,
  listen: onListen,
  close: onClose,
  pick: onPick,
  accept: onAccept,
  receive: onReceive,
  unaccepted: onUnaccepted,
  descriptors: onDescriptors,
  drawn: onDrawn,
  bind: onCall,
  listened: onCall,
  dial: onDial,
  grounds: onGrounds,
  port: onPort,
  join: onJoin,
  leave: onLeave,
  program: onProgram,
  lookup: onLookup,
  queued: onQueued,
  drop: onDrop,
  killed: onKilled,
  stopping: (state, event) => {
    const member = state.members.get(event.ino);
    if (member !== undefined) member.synQueueAtClose = event.synQueue;
  },
  refused: ignore,
  moved: ignore,
  joinfail: ignore,
  count: onCount,
  lost: (state, event) => {
    if (event.by === 'perf') state.lostPerf += event.events;
    else if (event.by === 'missed') state.missed += event.events;
    else state.unsaid += event.events;
  },
  malformed: (state, event) => {
    state.malformed += event.lines;
  },
  unrecorded: (state, event) => {
    state.unrecorded = event;
  },
  reset: (state, event) => onReset(state, event.tsNs),
};

/** The record's own type says that the handler fits; a union of kinds cannot be looked up in it without a cast. */
const take = (state: State, event: Event): void =>
  (HANDLERS[event.kind] as Handler<Event['kind']>)(state, event);
