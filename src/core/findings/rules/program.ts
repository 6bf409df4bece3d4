// BPF programs that choose badly: no socket (the client is refused) or an index that is none (the hash is used).

import { QUIET_NS, recent, together } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import type { Group } from '../../state/group.js';
import { entriesFrom, timeOf } from '../../state/log.js';
import type { State } from '../../state/state.js';
import { formatCount } from '../../text/format.js';
import { programName } from '../../words/steering.js';
import type { Rule } from '../rule.js';
import { doubtInCounts } from './doubt.js';
import { addressOf, plural } from './subject.js';

/** Picks of a group in the log of the last minute. */
type Logged = { all: number; fallback: number; fromNs: number; lastNs: number };

/** The group's BPF program chose no socket, or an invalid index. */
export const programRule = {
  id: 'bad-program',
  severity: 'problem',
  clearsNs: QUIET_NS,
  supersedes: [],
  conditions: (state: State): Condition[] => {
    const logged = fallbacks(state);
    return [...state.groups.values()].flatMap((group) => [
      ...refused(state, group),
      ...invalid(state, group, logged.get(group.key)),
    ]);
  },
} as const satisfies Rule;

const nameOf = ({ program }: Group): string =>
  program === null ? 'its BPF program' : `its ${programName(program)}`;

const refused = (state: State, group: Group): Condition[] => {
  const spell = together(
    [...group.members.values()].map(({ counters }) => recent(counters.spells.refused, state.nowNs)),
  );
  if (spell === null) return [];
  return [
    {
      group: group.key,
      ino: null,
      detail: 'refused',
      sinceNs: spell.fromNs,
      lastNs: spell.lastNs,
      text: `${addressOf(group)} ${nameOf(group)} refused ${plural(spell.times, 'connection')}: their clients are reset`,
      evidence: { refused: spell.times, programId: group.program?.id ?? null },
      advice: `See what the program does: bpftool prog dump xlated id ${group.program?.id ?? 'N'}; nothing is wrong if it is meant to.`,
      why: 'A program of type SK_REUSEPORT that returns SK_DROP leaves the packet without a listener.',
      doubt: doubtInCounts(state),
    },
  ];
};

/** Counts picks where a program gave nothing valid; the details are a sample, their part of all is what they tell. */
const fallbacks = (state: State): Map<string, Logged> => {
  const groups = new Map<string, Logged>();
  // Most hosts have no such program: then their log is looked through and no more.
  const fromNs = state.nowNs - QUIET_NS;
  if (!hasFallback(state, fromNs)) return groups;
  for (const entry of entriesFrom(state.picks.items, timeOf, fromNs)) {
    if (entry.kind !== 'pick' || entry.pick.cause === null) continue;
    const key = state.members.get(entry.pick.ino)?.group;
    if (key === undefined) continue;
    const logged = groups.get(key) ?? { all: 0, fallback: 0, fromNs: entry.pick.tsNs, lastNs: 0 };
    groups.set(key, logged);
    logged.all++;
    if (entry.pick.cause !== 'bpf-fallback') continue;
    if (logged.fallback === 0) logged.fromNs = entry.pick.tsNs;
    logged.fallback++;
    logged.fromNs = Math.min(logged.fromNs, entry.pick.tsNs);
    logged.lastNs = Math.max(logged.lastNs, entry.pick.tsNs);
  }
  return groups;
};

const hasFallback = ({ picks: { items } }: State, fromNs: number): boolean => {
  for (let i = items.length - 1; i >= 0; i--) {
    const entry = items[i];
    if (entry === undefined || timeOf(entry) < fromNs) return false;
    if (entry.kind === 'pick' && entry.pick.cause === 'bpf-fallback') return true;
  }
  return false;
};

const invalid = (state: State, group: Group, logged: Logged | undefined): Condition[] => {
  if (logged === undefined || logged.fallback === 0) return [];
  const { all, fallback } = logged;
  const n = group.n ?? '-';
  return [
    {
      severity: 'warning',
      group: group.key,
      ino: null,
      detail: 'invalid',
      sinceNs: logged.fromNs,
      lastNs: logged.lastNs,
      text: `${addressOf(group)} ${nameOf(group)} gave no valid index for ${formatCount(fallback)} of ${formatCount(all)} shown picks: the hash chose`,
      evidence: { fallback, shown: all, n: group.n, programId: group.program?.id ?? null },
      advice: `Make it return an index below n = ${n}, or select a socket of this group; members may have left since it was loaded.`,
      why: 'An index that is none, or a socket that is not in the group, makes the kernel fall back to the hash without a word.',
      doubt: doubtInCounts(state),
    },
  ];
};
