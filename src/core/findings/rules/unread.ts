// A worker that accepts and does not serve: its connections hold bytes that it has not read for seconds, while its siblings read theirs.

import type { Condition } from '../../state/finding.js';
import type { Group } from '../../state/group.js';
import type { Member } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { formatCount } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { addressOf, plural, shortName } from './subject.js';

/** Fewer may be clients that send more than they are asked for. */
const LEAST = 5;
/** The part of its open connections, and the part of its number that a sibling may have. */
const [PART, SIBLINGS_PART] = [0.3, 0.2];

/** It accepts, and does not read. */
export const unreadRule = {
  id: 'unread',
  severity: 'problem',
  clearsNs: 10e9,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.groups.values()].flatMap((group) => {
      const { open } = group;
      if (open === null || open.processes === null || open.unread === undefined) return [];
      const unread = new Map(open.unread.map(({ pid, connections }) => [pid, connections]));
      const serving = new Set([...group.members.values()].flatMap(({ acceptors }) => [...acceptors]));
      const [worst, ...others] = [...serving]
        .map((pid) => ({ pid, count: unread.get(pid) ?? 0 }))
        .sort((a, b) => b.count - a.count);
      if (worst === undefined || others.length === 0 || worst.count < LEAST) return [];
      const its = open.processes.find(({ pid }) => pid === worst.pid)?.connections ?? 0;
      if (worst.count < PART * its || others.some(({ count }) => count > SIBLINGS_PART * worst.count))
        return [];
      const member = [...group.members.values()].find(({ acceptors }) => acceptors.has(worst.pid));
      return member === undefined ? [] : [describe(state, group, member, { ...worst, its })];
    }),
} as const satisfies Rule;

const describe = (
  state: State,
  group: Group,
  member: Member,
  { pid, count, its }: { readonly pid: number; readonly count: number; readonly its: number },
): Condition => ({
  group: group.key,
  ino: member.ino,
  detail: String(pid),
  sinceNs: group.open?.tsNs ?? state.nowNs,
  lastNs: state.nowNs,
  text: `${addressOf(group)}${shortName(member)}: ${plural(count, 'connection')} that it accepted ${count === 1 ? 'holds' : 'hold'} bytes which it has not read for some seconds (${formatCount(its)} open); its siblings read theirs`,
  evidence: { pid, unread: count, open: its },
  advice: `Look at what pid ${pid} does (its stack, its CPU, what it waits for): it takes connections from the queue, and their clients get no answer.`,
  why: 'accept() empties the queue, and so the kernel keeps picking this member, whether or not anybody reads what clients send.',
  doubt: 'read from /proc every few seconds: a request that takes as long looks the same',
});
