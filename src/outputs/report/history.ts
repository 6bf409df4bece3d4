// What a report needs over time and State does not keep: picks of each group by time, who joined and left. Bounded, whatever the run.
import type { Event } from '../../core/event.js';
import { type Member, ownerOf, picksOf } from '../../core/state/member.js';
import { isShown, type State } from '../../core/state/state.js';

/** A socket joined its group or left it while the run was watched. */
export type Change = {
  readonly tsNs: number;
  readonly kind: 'join' | 'leave';
  /** Key of the group, which may be gone. */
  readonly group: string;
  readonly member: Pick<Member, 'proto' | 'laddr' | 'lport' | 'netns' | 'ino'>;
  /** Who served it or called listen(); null = not known. comm as it is, not clean. */
  readonly who: { readonly pid: number; readonly comm: string } | null;
  /** Connections (of UDP bytes) still queued when it left; null = not known, or it joined. */
  readonly queue: number | null;
};

/** Picks of one group in each bucket. They are counted once a second, so a second's are spread evenly over the buckets it spans. */
export type Series = { picks: number[]; total: number };

export type History = {
  hasBegun: boolean;
  /** The first event that is told of after the probes were attached; null = none came. */
  startNs: number | null;
  /** Width of a bucket: doubled when there is no room for one more. */
  bucketNs: number;
  /** By key of the group. */
  readonly series: Map<string, Series>;
  readonly changes: Change[];
  /** Changes beyond those that are kept. */
  unkept: number;
  /** Sockets that listen, by inode. */
  readonly listening: Set<number>;
  lastTickNs: number | null;
};

/** As many as a drawing of usual width can show apart. */
const BUCKETS = 240;
const CHANGES_KEPT = 1000;
const SERIES_KEPT = 1000;

export const createHistory = (): History => ({
  hasBegun: false,
  startNs: null,
  bucketNs: 1e9,
  series: new Map(),
  changes: [],
  unkept: 0,
  listening: new Set(),
  lastTickNs: null,
});

/** Takes an event after State has. Whoever listened before the first one was found there: it did not join. */
export const follow = (history: History, state: State, event: Event): void => {
  // The first one of a recording that is told of from its middle on.
  if (event.kind === 'meta') return;
  if (!history.hasBegun) {
    for (const member of state.members.values()) {
      if (member.closedNs === null && member.seenNs < event.tsNs) history.listening.add(member.ino);
    }
    history.hasBegun = true;
  }
  if (state.attachedNs !== null) history.startNs ??= event.tsNs;
  if ('ino' in event) meet(history, state, event.ino, event);
  if (event.kind === 'attached') history.lastTickNs = event.tsNs;
  if (event.kind === 'reset') for (const series of history.series.values()) series.total = 0;
  if (event.kind === 'tick') count(history, state, event.tsNs);
  if (event.kind === 'tick' || event.kind === 'scanned') sweep(history, state);
};

/** What the kernel or a process does when a socket joins; any other event is of one that was there before it was known. */
const JOINS: ReadonlySet<Event['kind']> = new Set(['listen', 'join', 'bind']);

const meet = (history: History, state: State, ino: number, event: Event): void => {
  const member = state.members.get(ino);
  if (member === undefined) return;
  if (member.closedNs !== null) return leave(history, state, member);
  if (history.listening.has(ino)) return;
  history.listening.add(ino);
  if (JOINS.has(event.kind)) note(history, state, member, 'join', event.tsNs);
};

const leave = (history: History, state: State, member: Member): void => {
  if (history.listening.delete(member.ino))
    note(history, state, member, 'leave', member.closedNs ?? state.nowNs);
};

/** Those that left without an event of their own. */
const sweep = (history: History, state: State): void => {
  for (const ino of history.listening) {
    const member = state.members.get(ino);
    if (member === undefined) history.listening.delete(ino);
    else if (member.closedNs !== null) leave(history, state, member);
  }
};

const note = (history: History, state: State, member: Member, kind: Change['kind'], tsNs: number): void => {
  if (!isShown(state, member)) return;
  if (history.changes.length >= CHANGES_KEPT) {
    history.unkept++;
    return;
  }
  const { proto, laddr, lport, netns, ino } = member;
  history.changes.push({
    tsNs,
    kind,
    group: member.group,
    member: { proto, laddr, lport, netns, ino },
    who: ownerOf(member) ?? member.listener,
    queue: kind === 'leave' ? member.queueAtClose : null,
  });
};

/** Adds what each group was picked since the last tick. */
const count = (history: History, state: State, tsNs: number): void => {
  const totals = new Map([...state.groups].map(([key, group]) => [key, group.gone.picks]));
  for (const member of state.members.values())
    totals.set(member.group, (totals.get(member.group) ?? 0) + picksOf(member));
  for (const [key, total] of totals) {
    let series = history.series.get(key);
    if (series === undefined) {
      if (history.series.size >= SERIES_KEPT) continue;
      // What was counted before the first tick that is told of is not of the time that is shown.
      series = { picks: [], total: history.lastTickNs === null ? total : 0 };
      history.series.set(key, series);
    }
    spread(history, series, Math.max(0, total - series.total), history.lastTickNs ?? tsNs, tsNs);
    series.total = total;
  }
  history.lastTickNs = tsNs;
};

/** Spreads picks evenly over the time in which they came. */
const spread = (history: History, series: Series, picks: number, fromNs: number, untilNs: number): void => {
  const start = history.startNs ?? untilNs;
  while ((untilNs - start) / history.bucketNs > BUCKETS) halve(history);
  const [from, until] = [fromNs, untilNs].map((ns) => Math.max(0, ns - start) / history.bucketNs);
  if (picks === 0 || from === undefined || until === undefined) return;
  const span = until - from;
  for (let bucket = Math.floor(from); bucket < Math.max(until, Math.floor(from) + 1); bucket++) {
    const part = span > 0 ? (Math.min(until, bucket + 1) - Math.max(from, bucket)) / span : 1;
    while (series.picks.length <= bucket) series.picks.push(0);
    series.picks[bucket] = (series.picks[bucket] ?? 0) + picks * part;
  }
};

/** Two buckets become one. */
const halve = (history: History): void => {
  history.bucketNs *= 2;
  for (const series of history.series.values()) {
    const { picks } = series;
    series.picks = Array.from(
      { length: Math.ceil(picks.length / 2) },
      (_, i) => (picks[2 * i] ?? 0) + (picks[2 * i + 1] ?? 0),
    );
  }
};
