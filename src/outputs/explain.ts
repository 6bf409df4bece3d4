// Waits for the next pick from one client and for its accept, prints the explanation as text, or says why there was none.

import type { Writable } from 'node:stream';
import type { Event } from '../core/event.js';
import { clockText } from '../core/state/clock.js';
import { total } from '../core/state/member.js';
import { isShown, type LoggedPick, type State } from '../core/state/state.js';
import { totals } from '../core/state/totals.js';
import { formatCount } from '../core/text/format.js';
import { type Client, explain, isFrom, type LearnedHash } from '../core/words/explain.js';
import type { Hashes } from '../hash/explained.js';
import { secondsOf } from '../members/facts.js';
import type { Output } from './output.js';
import { createWriter } from './writer.js';

/** Why there was nothing to explain, as the end of a sentence; hint: what to try, or null. */
export type Missing = { readonly why: string; readonly hint: string | null };

export type ExplainOutput = Output & {
  /** null when there was a pick. */
  readonly missing: (state: State) => Missing | null;
};

/** An accept is waited for this long after its pick, by the clock of the events (a tick comes every second). */
const PATIENCE_NS = 3e9;

/** For hashes that the kernel does not tell. */
export type Learning = {
  readonly hashes: Hashes;
  /** Wait for picks to learn from, too, and not for a search alone. */
  readonly isPatient: boolean;
  /** Resolves when no search is under way. */
  readonly settled: () => Promise<void>;
};

/** `onDone` is called once, when the explanation is printed. */
export const createExplain = (
  stream: Writable,
  options: { readonly client: Client; readonly learning?: Learning; readonly onDone: () => void },
  onFailure: (error: NodeJS.ErrnoException) => void,
): ExplainOutput => {
  const writer = createWriter(stream, onFailure);
  const { learning } = options;
  let isWaiting = false;
  let found: LoggedPick | null = null;
  let isDone = false;
  const print = (state: State, logged: LoggedPick): void => {
    isDone = true;
    writer.line(formatExplanation(state, logged, learning?.hashes.of(state)));
  };
  const isPending = (state: State, { pick }: LoggedPick, isPatient: boolean): boolean =>
    learning?.hashes.isPending(state, pick, isPatient) === true;
  return {
    take: (state, event) => {
      if (isDone) return;
      found ??= pickOf(state, event, options.client);
      if (found === null || !isSettled(state, found)) return;
      // Once it waits for a hash, it asks with every tick.
      if (isWaiting && event.kind !== 'tick') return;
      isWaiting = isPending(state, found, learning?.isPatient === true);
      if (isWaiting) return;
      print(state, found);
      options.onDone();
    },
    end: async (state) => {
      while (found !== null && !isDone && isPending(state, found, false)) await learning?.settled();
      if (found !== null && !isDone) print(state, found);
      await writer.flush();
    },
    dropped: writer.dropped,
    missing: (state) => (found === null ? whyMissing(state) : null),
  };
};

/**
 * The pick that State has just taken, when it is that client's; out of scope, State does not take it. What was picked while
 * probes were still being attached may have no accept: the one that sees it was not there yet.
 */
const pickOf = (state: State, event: Event, client: Client): LoggedPick | null => {
  if (event.kind !== 'pick' || !isFrom(client, event)) return null;
  if (state.attachedNs === null || event.tsNs < state.attachedNs) return null;
  const logged = state.picks.items.at(-1);
  if (logged?.kind !== 'pick' || logged.pick !== event) return null;
  const member = state.members.get(event.ino);
  return state.scope.pid === null || (member !== undefined && isShown(state, member)) ? logged : null;
};

/** Accepted, or it never will be; a dropped SYN or ACK is sent again and may come through yet. */
const isSettled = (state: State, logged: LoggedPick): boolean =>
  logged.acceptedBy !== null ||
  logged.failure === 'killed' ||
  logged.pick.cause === 'bpf-refused' ||
  state.nowNs - logged.pick.tsNs >= PATIENCE_NS;

/** The widest line, where words can be broken. */
const COLUMNS = 80;

const formatExplanation = (state: State, logged: LoggedPick, learned: LearnedHash | undefined): string => {
  const { pick } = logged;
  const base = { nowNs: state.nowNs, isShort: false, otherN: null };
  const options = learned === undefined ? base : { ...base, learned };
  const { title, steps, others } = explain(state, logged, options);
  const rung = state.rung;
  return [
    `${clockText(state, pick.tsNs)} ${title}`,
    `picked on cpu ${pick.cpu}${rung === null ? '' : `, seen by the ${rung} rung`}`,
    '',
    ...steps.flatMap(({ name, text }, index) => indent(`${index + 1} ${name.padEnd(7)}`, text)),
    ...(others === null ? [] : ['', ...indent('', others)]),
  ].join('\n');
};

/** A sentence behind its lead, its further lines under the first. */
const indent = (lead: string, text: string): string[] => {
  const width = COLUMNS - lead.length;
  const rows = text.match(new RegExp(`\\S.{0,${width - 1}}(?=\\s|$)|\\S+`, 'g')) ?? [];
  return rows.map((row, index) => (index === 0 ? lead : ' '.repeat(lead.length)) + row);
};

const whyMissing = (state: State): Missing => {
  if (state.attachedNs === null) return { why: 'the probes were not attached yet', hint: null };
  const { picks, shown, sampledAway, lost } = totals(state);
  const seconds = `${secondsOf(state).toFixed(1)} s`;
  if (sampledAway + lost > 0) {
    return {
      why: `none was shown in ${seconds}, and only ${formatCount(shown)} of ${formatCount(picks)} picks were shown in detail`,
      hint: `more are shown with a higher --details (it was ${state.meta?.budgetPerSecond ?? '-'} a second) or fewer ports (--port)`,
    };
  }
  const others = picks === 0 ? '' : `; the picks seen (${formatCount(picks)}) were of others`;
  return { why: `none was seen in ${seconds}${others}${refusedText(state)}`, hint: null };
};

/** A program that answers SK_DROP leaves no pick, and whose connection it was is not told. */
const refusedText = (state: State): string => {
  let refused = 0;
  for (const member of state.members.values()) refused += total(member.counters.refused);
  return refused === 0
    ? ''
    : `; a BPF program refused ${formatCount(refused)} connections, whose clients are not known`;
};
