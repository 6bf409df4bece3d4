// Receive buffers of UDP: nobody reads what waits in one (stuck), or it refuses datagrams (overflow).

import { together } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import { droppedOf, type Member, ownerOf, queueOf, takenOf } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { formatBytes, formatCount, formatDuration } from '../../text/format.js';
import { nameOf } from './subject.js';

/** As an accept queue: three to four seconds in which something waits and nobody reads. */
const STUCK_NS = 2.5e9;
/** Drops of this moment: /proc is read once a second, and may come a little late. */
const NOW_NS = 2.5e9;

/** Buffers that nobody reads: one for each member at most. */
export const stuckBuffers = (state: State): Condition[] =>
  membersOf(state).flatMap((member) => stuck(state, member) ?? []);

/** Buffers that refuse datagrams: one for each member at most. */
export const fullBuffers = (state: State): Condition[] =>
  membersOf(state).flatMap((member) => overflow(state, member) ?? []);

const membersOf = (state: State): Member[] => {
  const members: Member[] = [];
  for (const { proto, members: own } of state.groups.values())
    if (proto === 'udp') members.push(...own.values());
  return members;
};

const about = (state: State, member: Member) =>
  ({
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: state.nowNs,
    lastNs: state.nowNs,
    doubt: null,
    evidence: {
      pid: ownerOf(member)?.pid ?? null,
      index: member.index,
      queueBytes: queueOf(member),
      bufferBytes: member.backlog,
      received: takenOf(member),
      dropped: droppedOf(member, state.rung),
    },
  }) as const;

const waiting = (member: Member): string =>
  `${formatBytes(queueOf(member))} of ${formatBytes(member.backlog)} wait in its receive buffer`;

const stuck = (state: State, member: Member): Condition | null => {
  const { waitingSinceNs, unserved } = member;
  if (waitingSinceNs === null || unserved.watchedNs < Math.max(STUCK_NS, 2 * unserved.paceNs)) return null;
  const base = about(state, member);
  const waitedNs = state.nowNs - waitingSinceNs;
  const { dropped } = base.evidence;
  const lost = dropped === null || dropped === 0 ? '' : `, ${formatCount(dropped)} datagrams were refused`;
  return {
    ...base,
    sinceNs: waitingSinceNs,
    text: `${nameOf(member)}: ${waiting(member)}, not read for ${formatDuration(waitedNs)}${lost}`,
    evidence: { ...base.evidence, waitedMs: Math.round(waitedNs / 1e6) },
    advice: 'Look at what that process does (its stack, its CPU); close the socket or restart it.',
    why: 'The kernel picks by hash and does not ask whether anybody reads there; its clients time out.',
  };
};

const overflow = (state: State, member: Member): Condition | null => {
  const spell = together([member.counters.spells.overflowed, member.drops?.spell ?? null]);
  if (spell === null || state.nowNs - spell.lastNs > NOW_NS) return null;
  return {
    ...about(state, member),
    sinceNs: spell.fromNs,
    lastNs: spell.lastNs,
    text: `${nameOf(member)}: its receive buffer was full, ${formatCount(droppedOf(member, state.rung))} datagrams were refused`,
    advice:
      'Read faster, or raise SO_RCVBUF and net.core.rmem_max (a burst needs room, a slow worker needs help).',
    why: 'A datagram that the picked buffer has no room for is dropped; other members are not tried.',
  };
};
