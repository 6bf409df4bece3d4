// apply(state, event): the only writer of State. It has no clock: time is that of the newest event.

import type { BindEvent, Event, ListenedEvent, LookupEvent, NetnsEvent, PortEvent } from './event.js';
import { diagnose } from './findings/diagnosis.js';
import { jumped } from './state/clock.js';
import { accept, dropped, killed, pick, queued } from './state/connections.js';
import { attached, count, reset, tick } from './state/counters.js';
import {
  bound,
  close,
  device,
  joined,
  leaving,
  listen,
  owners,
  process,
  program,
  received,
  scanned,
  slot,
  socket,
} from './state/membership.js';
import { opened } from './state/openconnections.js';
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

const take = (state: State, event: Event): void => {
  switch (event.kind) {
    case 'meta':
      if (state.meta === null) state.startNs = event.tsNs;
      state.meta = event;
      return;
    case 'clock':
      return jumped(state, event);
    case 'attaching':
      state.status = 'attaching';
      // bpftrace will say again what is there.
      state.lookups.clear();
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
      return named(state, event);
    case 'sysctl':
      state.sysctls.set(event.netns, event);
      return;
    case 'socket':
      return socket(state, event);
    case 'process':
      return process(state, event);
    case 'owners':
      return owners(state, event);
    case 'scanned':
      return scanned(state, event);
    case 'slot':
      return slot(state, event);
    case 'device':
      return device(state, event);
    case 'open':
      return opened(state, event);
    case 'listen':
      return listen(state, event);
    case 'close':
      return close(state, event);
    case 'pick':
      return pick(state, event);
    case 'accept':
      return accept(state, event);
    case 'receive':
      return received(state, event);
    case 'bind':
    case 'listened':
      return called(state, event);
    case 'port':
      return decided(state, event);
    case 'join':
      return joined(state, event);
    case 'leave':
      return leaving(state, event);
    case 'program':
      return program(state, event);
    case 'lookup':
      return choosing(state, event);
    case 'queued':
      return queued(state, event);
    case 'drop':
      return dropped(state, event);
    case 'killed':
      return killed(state, event);
    case 'stopping': {
      const member = state.members.get(event.ino);
      if (member !== undefined) member.synQueueAtClose = event.synQueue;
      return;
    }
    case 'refused':
    case 'moved':
    case 'joinfail':
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
    case 'unrecorded':
      state.unrecorded = event;
      return;
    case 'reset':
      return reset(state, event.tsNs);
  }
};

/** A name that was given again is that of the namespace that has it now; the oldest names go where namespaces come and go. */
const named = ({ netnsNames }: State, event: NetnsEvent): void => {
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
const choosing = ({ lookups, scope }: State, event: LookupEvent): void => {
  const { netns, place } = event;
  if (scope.netns !== null && scope.netns !== netns) return;
  const before = place === null || place === 0 ? [] : (lookups.get(netns) ?? []);
  if (place === null) lookups.delete(netns);
  else if (before.length < MOST_PLACES && lookups.size < NAMES_KEPT) lookups.set(netns, [...before, event]);
};

/** The verdict comes before its system call returns; a call that never returns is not worth more than its place. */
const decided = (state: State, event: PortEvent): void => {
  if (!inScope(state.scope, event)) return;
  if (state.verdicts.size >= VERDICTS_KEPT) state.verdicts.clear();
  state.verdicts.set(event.tid, event);
};

const called = (state: State, event: BindEvent | ListenedEvent): void => {
  const verdict = state.verdicts.get(event.tid) ?? null;
  state.verdicts.delete(event.tid);
  if (inScope(state.scope, event)) push(state.binds, { ...event, verdict });
  if (event.ret !== 0) return;
  if (event.kind === 'bind') {
    if (event.proto === 'udp') bound(state, event);
    return;
  }
  const member = state.members.get(event.ino);
  if (member !== undefined) member.backlog = event.backlog;
};
