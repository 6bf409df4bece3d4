// What is counted of the events of a run because State keeps only the last of them: refused binds, findings, time without sight.

import type { BindEvent, Event, ListenedEvent } from '../../core/event.js';
import { findingNews } from '../../core/findings/diagnosis.js';

import type { Severity } from '../../core/state/finding.js';
import { inScope, type State } from '../../core/state/state.js';
import { errnoName } from '../../core/text/errno.js';

/** Calls that the kernel refused; an empty port stands for all that are not named. */
export type Refused = {
  readonly call: 'bind' | 'listen';
  readonly errno: string;
  readonly port: string;
  readonly count: number;
};
export const refusedOf = ({ call, errno, port }: Omit<Refused, 'count'>): string =>
  `${call} ${errno} ${port}`;

/** What findings are counted by. */
export type Kind = { readonly rule: string; readonly severity: Severity };
export const kindOf = ({ rule, severity }: Kind): string => `${rule} ${severity}`;

export type Tally = {
  /** By call, errno and port (refusedOf). */
  readonly refused: Map<string, Refused>;
  /** Findings raised, by rule and severity (kindOf). */
  readonly raised: Map<string, number>;
  /** Nanoseconds between the end of a bpftrace and the attachment of the next. */
  blindNs: number;
  /** Since when nothing is seen, in the time of the events; null = the probes are attached, or were never. */
  blindSinceNs: number | null;
  /** Details lost, as a number that never goes back: what State claimed at three ticks, because lines that come late take a claim back. */
  lost: number;
  /** What State claimed at the last two ticks. */
  claims: readonly [number, number];
};

/** Detail lines that were printed and have not arrived: by the account of counters, or more if bpftrace itself says so. */
const claimed = ({ lostReconciled, lostPerf }: State): number => Math.max(lostReconciled, lostPerf);

export const createTally = (): Tally => ({
  refused: new Map(),
  raised: new Map(),
  blindNs: 0,
  blindSinceNs: null,
  lost: 0,
  claims: [0, 0],
});

/** Notes one event, after State has taken it. */
export const note = (tally: Tally, state: State, event: Event): void => {
  for (const { status, ...finding } of findingNews(state)) {
    const kind = kindOf(finding);
    if (status === 'raised') tally.raised.set(kind, (tally.raised.get(kind) ?? 0) + 1);
  }
  switch (event.kind) {
    case 'bind':
    case 'listened':
      return refusal(tally, state, event);
    case 'tick':
      tally.lost = Math.max(tally.lost, Math.min(...tally.claims, claimed(state)));
      tally.claims = [tally.claims[1], claimed(state)];
      return;
    case 'attached':
      if (tally.blindSinceNs !== null) tally.blindNs += Math.max(0, event.tsNs - tally.blindSinceNs);
      tally.blindSinceNs = null;
      return;
    case 'ended':
      if (state.attachedNs !== null) tally.blindSinceNs ??= event.tsNs;
  }
};

/**
 * Any local user may ask for any port as often as he likes: a port is named only where a group listens on it, in any
 * namespace, or the user asked for it; all others are one series.
 */
const refusal = (tally: Tally, state: State, event: BindEvent | ListenedEvent): void => {
  if (event.ret >= 0 || !inScope(state.scope, event)) return;
  const isNamed =
    state.scope.ports.includes(event.lport) ||
    [...state.groups.values()].some((group) => group.lport === event.lport && group.members.size > 0);
  const call = event.kind === 'bind' ? 'bind' : 'listen';
  const named = { call, errno: errnoName(event.ret), port: isNamed ? String(event.lport) : '' } as const;
  const isFull = tally.refused.size >= REFUSED_KEPT && !tally.refused.has(refusedOf(named));
  const labels = isFull ? { ...named, port: '' } : named;
  const count = (tally.refused.get(refusedOf(labels))?.count ?? 0) + 1;
  tally.refused.set(refusedOf(labels), { ...labels, count });
};

/** Groups come and go, each on another port: far above what a host has. */
const REFUSED_KEPT = 1024;
