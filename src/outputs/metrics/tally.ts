// What is counted of the events of a run because State keeps only the last of them: refused binds, findings, time without sight.
import { findingNews } from '../../core/diagnosis.js';
import { errnoName } from '../../core/errno.js';
import type { BindEvent, Event, ListenedEvent } from '../../core/event.js';
import type { Rule, Severity } from '../../core/finding.js';
import { inScope, type State } from '../../core/state.js';

/** A count with its labels. */
export type Counted<T> = T & { count: number };
export type Refused = { readonly call: 'bind' | 'listen'; readonly errno: string; readonly port: string };
export type Raised = { readonly rule: Rule; readonly severity: Severity };

export type Tally = {
  /** By call, errno and port. */
  readonly refused: Map<string, Counted<Refused>>;
  /** By rule and severity. */
  readonly raised: Map<string, Counted<Raised>>;
  /** Times that the probes were attached. */
  attachments: number;
  /** Nanoseconds between the end of a bpftrace and the attachment of the next. */
  blindNs: number;
  /** Since when nothing is seen, in the time of the events; null = the probes are attached, or were never. */
  blindSinceNs: number | null;
};

export const createTally = (): Tally => ({
  refused: new Map(),
  raised: new Map(),
  attachments: 0,
  blindNs: 0,
  blindSinceNs: null,
});

/** Notes one event, after State has taken it. */
export const note = (tally: Tally, state: State, event: Event): void => {
  for (const { status, rule, severity } of findingNews(state)) {
    if (status === 'raised') add(tally.raised, `${rule} ${severity}`, { rule, severity });
  }
  switch (event.kind) {
    case 'bind':
    case 'listened':
      return refusal(tally, state, event);
    case 'attached':
      tally.attachments++;
      if (tally.blindSinceNs !== null) tally.blindNs += Math.max(0, event.tsNs - tally.blindSinceNs);
      tally.blindSinceNs = null;
      return;
    case 'ended':
      if (tally.attachments > 0) tally.blindSinceNs ??= event.tsNs;
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
  const errno = errnoName(event.ret);
  const port = isNamed ? String(event.lport) : '';
  // A group ends and another begins, on another port: a bound for the worst case, far above what a host has.
  const key = `${call} ${errno} ${port}`;
  if (tally.refused.size < REFUSED_KEPT || tally.refused.has(key))
    add(tally.refused, key, { call, errno, port });
  else add(tally.refused, `${call} ${errno} `, { call, errno, port: '' });
};

const REFUSED_KEPT = 1024;

const add = <T>(counts: Map<string, Counted<T>>, key: string, labels: T): void => {
  const known = counts.get(key);
  if (known === undefined) counts.set(key, { ...labels, count: 1 });
  else known.count++;
};
