// Ghosts: members that the kernel picks and nobody has ever accepted on, while their siblings are served.

import type { Condition } from '../../state/finding.js';
import { type Group, sharing } from '../../state/group.js';
import { type KnownHolder, type Member, queueOf, total } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { clean, formatCount, formatDuration } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { doubtInCounts } from './doubt.js';
import { overflowRule } from './overflow.js';
import { isStuck } from './queue.js';
import { stuckRule } from './stuck.js';
import { actorName, nameOf, namesOf } from './subject.js';

/** A worker that takes so long for its first accept() is still starting; before that it is called stuck. */
const GHOST_NS = 6e9;
/** Accepts of its siblings since it waits: fewer may be one slow worker and its first client. */
const SIBLINGS_ACCEPTED = 10;

/** Nobody has ever accepted on a member while its siblings are served. */
export const ghostRule = {
  id: 'ghost',
  severity: 'problem',
  clearsNs: 10e9,
  supersedes: [overflowRule, stuckRule],
  conditions: (state: State): Condition[] => {
    const found: Condition[] = [];
    for (const group of state.groups.values()) {
      if (!hasWaiting(group)) continue;
      const members = sharing(group);
      if (members.length < 2 || group.proto === 'udp') continue;
      const accepted = members.reduce((sum, member) => sum + total(member.counters.accepted), 0);
      if (accepted < SIBLINGS_ACCEPTED) continue;
      for (const member of members) {
        if (isGhost(state, member, members)) found.push(describe(state, member, members, accepted));
      }
    }
    return found;
  },
} as const satisfies Rule;

const hasWaiting = (group: Group): boolean => {
  for (const { waitingSinceNs } of group.members.values()) if (waitingSinceNs !== null) return true;
  return false;
};

const isGhost = (state: State, member: Member, members: readonly Member[]): boolean => {
  const { waitingSinceNs } = member;
  if (waitingSinceNs === null || total(member.counters.accepted) > 0 || member.acceptor !== null)
    return false;
  if (member.unserved.watchedNs < GHOST_NS || !isStuck(state, member)) return false;
  if (!isForgotten(member, members)) return false;
  return members.some((sibling) => sibling.lastAcceptNs !== null && sibling.lastAcceptNs > waitingSinceNs);
};

/**
 * Whether it is known that nobody ever served it. One that listened before the tool began may have been served by a process
 * that hangs since: that is called stuck, unless only a master is left that holds the others as well and serves none.
 */
const isForgotten = (member: Member, members: readonly Member[]): boolean => {
  if (member.listener !== null) return true;
  const idle = idleHolders(member, members);
  const masters = idle.filter(({ pid }) => holdsAnother(pid, member, members));
  return idle.length - Math.min(1, masters.length) === 0;
};

/** Holders that serve none of the group. */
const idleHolders = (member: Member, members: readonly Member[]): KnownHolder[] => {
  const serving = new Set(members.flatMap((each) => [...each.acceptors]));
  return member.holders.filter(({ pid }) => !serving.has(pid));
};

const holdsAnother = (pid: number, member: Member, members: readonly Member[]): boolean =>
  members.some((other) => other !== member && other.holders.some((holder) => holder.pid === pid));

const describe = (
  state: State,
  member: Member,
  members: readonly Member[],
  siblingsAccepted: number,
): Condition => {
  const queued = `${queueOf(member) ?? '-'}/${member.backlog ?? '-'} queued`;
  const isSeenSinceBirth = member.listener !== null;
  const since = isSeenSinceBirth ? 'ever' : `in ${formatDuration(state.nowNs - member.seenNs)}`;
  const suspects = suspectsOf(member, members);
  return {
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: member.seenNs,
    lastNs: state.nowNs,
    text: `${nameOf(member)}: nobody has accepted here ${since}, ${queued}, ${heldBy(member)}; its siblings accepted ${formatCount(siblingsAccepted)}`,
    evidence: {
      pid: suspects.length === 1 ? (suspects[0]?.pid ?? null) : null,
      index: member.index,
      queue: queueOf(member),
      backlog: member.backlog,
      holders: member.holders.length,
      siblingsAccepted,
    },
    advice: adviceOn(member, members, suspects),
    why: 'The kernel picks every socket that listens; a copy of its descriptor in any process keeps it listening.',
    doubt:
      doubtInCounts(state) ??
      (isSeenSinceBirth ? null : 'it listened before the tool began: it may have been served until then'),
  };
};

const heldBy = ({ holders }: Member): string =>
  holders.length === 0 ? 'held by no process that can be seen' : `held by ${namesOf(holders)}`;

/** Who keeps it open: its only holder, else idle holders of this member alone, without the one that called listen() where others are left. */
const suspectsOf = (member: Member, members: readonly Member[]): readonly KnownHolder[] => {
  if (member.holders.length === 1) return member.holders;
  const own = idleHolders(member, members).filter(({ pid }) => !holdsAnother(pid, member, members));
  const others = own.filter(({ pid }) => pid !== member.listener?.pid);
  return others.length > 0 ? others : own;
};

const adviceOn = (member: Member, members: readonly Member[], suspects: readonly KnownHolder[]): string => {
  const [only, ...others] = suspects;
  if (member.holders.length === 0)
    return 'Look for its holder in another pid namespace, or restart the server.';
  if (only === undefined || others.length > 0)
    return 'Reload or restart the server: every process that holds the socket must accept on it or close it.';
  if (holdsAnother(only.pid, member, members))
    return `${calledName(only)} alone keeps it open: end it if it is an old worker; if it is the master, reload or restart it.`;
  return `See why ${calledName(only)} keeps it open (a test of the configuration, an old worker): close it there, or end that process.`;
};

/** `pid 1204 nginx (nginx: worker process is shutting down)`: an old worker often says so itself. */
const calledName = (holder: KnownHolder): string => {
  const command = holder.process?.command ?? holder.comm;
  return `${actorName(holder)}${command === holder.comm ? '' : ` (${clean(command.slice(0, 60))})`}`;
};
