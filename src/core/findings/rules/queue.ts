// Accept queues: nobody takes what waits in one (stuck), or it is full or on its way there (overflow).

import { seesFunctions } from '../../rung.js';
import { together } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import {
  droppedOf,
  establishedOf,
  isFull,
  type Member,
  ownerOf,
  queueOf,
  total,
} from '../../state/member.js';
import type { State } from '../../state/state.js';
import { isServedUnseen } from '../../state/unserved.js';
import { formatCount, formatDuration } from '../../text/format.js';
import { doubtInCounts } from './doubt.js';
import { actorName, nameOf, namesOf } from './subject.js';

/**
 * A queue that holds connections at four ticks without one accept() between them is stuck: three to four seconds after the
 * first connection that nobody takes. The ticks are not to the nanosecond.
 */
const STUCK_NS = 2.5e9;
/** A worker that leaves connections waiting now and then is slow, not stuck, until it takes twice its usual time. */
const PACES = 2;
/** At least half full at three ticks: a burst is shorter. */
const CROWDED_NS = 1.5e9;
/** Drops that are printed with this tick, which may come a little late. */
const NOW_NS = 1.5e9;

/** Queues that nobody takes from: one for each member at most. */
export const stuckQueues = (state: State): Condition[] =>
  busy(state).flatMap((member) => stuck(state, member) ?? []);

/** Queues that are full or nearly: one for each member at most. */
export const fullQueues = (state: State): Condition[] =>
  busy(state).flatMap((member) => dropping(state, member) ?? crowded(state, member) ?? []);

const busy = (state: State): Member[] => {
  const members: Member[] = [];
  for (const member of state.members.values())
    if (member.proto !== 'udp' && member.closedNs === null && !isQuiet(member)) members.push(member);
  return members;
};

/** What nearly all members of a large host are. */
const isQuiet = ({ waitingSinceNs, counters: { queue, spells } }: Member): boolean =>
  waitingSinceNs === null && (queue ?? 0) === 0 && spells.dropped_syn === null && spells.dropped_ack === null;

/** Whether nobody takes what waits in its queue. */
export const isStuck = (state: State, member: Member): boolean => {
  const { unserved, waitingSinceNs } = member;
  if (waitingSinceNs === null || unserved.watchedNs < Math.max(STUCK_NS, PACES * unserved.paceNs))
    return false;
  return isFull(member) || !isServedUnseen(member, queueOf(member) ?? 0, establishedOf(member, state.rung));
};

const about = (state: State, member: Member) =>
  ({
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: state.nowNs,
    lastNs: state.nowNs,
    doubt: doubtInCounts(state),
    evidence: {
      pid: ownerOf(member)?.pid ?? null,
      index: member.index,
      queue: queueOf(member),
      backlog: member.backlog,
      accepted: total(member.counters.accepted),
      dropped: droppedOf(member, state.rung),
    },
  }) as const;

const queuedText = (member: Member): string => `${queueOf(member) ?? '-'}/${member.backlog ?? '-'} queued`;

const stuck = (state: State, member: Member): Condition | null => {
  const { waitingSinceNs } = member;
  if (waitingSinceNs === null || !isStuck(state, member)) return null;
  const base = about(state, member);
  const waitedNs = state.nowNs - waitingSinceNs;
  const full = isFull(member) ? ', full: its new clients hang' : '';
  return {
    ...base,
    sinceNs: waitingSinceNs,
    text: `${nameOf(member)}: ${queuedText(member)}, no accept() for ${formatDuration(Math.round(waitedNs / 1e9) * 1e9)}${full}${whoIsLeft(member)}`,
    evidence: { ...base.evidence, waitedMs: Math.round(waitedNs / 1e6) },
    advice: adviceOn(member),
    why:
      total(member.counters.moved_to) > 0
        ? 'Connections were moved here when another member closed: some kernels (6.18.15) do not wake the server for those.'
        : 'The kernel picks by hash and does not ask whether anybody accepts there.',
    doubt: base.doubt ?? doubtInAccepts(state, member),
  };
};

/** Who accepted here is gone, and others keep the socket open. */
const whoIsLeft = ({ formerAcceptor, holders }: Member): string =>
  formerAcceptor === null
    ? ''
    : `; ${actorName(formerAcceptor)}, which accepted here, is gone, and ${namesOf(holders)} ${holders.length === 1 ? 'keeps' : 'keep'} it open`;

const adviceOn = (member: Member): string => {
  if (member.formerAcceptor !== null)
    return 'Let one of those that hold it accept on it, or close it in all of them: restart the server.';
  return ownerOf(member) === null && member.holders.length > 0
    ? 'Look at what those that hold it do (their stacks, their CPU); close the socket or restart the server.'
    : 'Look at what that process does (its stack, its CPU); close the socket or restart it.';
};

/**
 * The queue is read when a connection comes: one that holds two was not emptied between them. What /proc says of it since
 * it waits is as good.
 */
const doubtInAccepts = (state: State, member: Member): string | null =>
  !seesFunctions(state.rung) &&
  total(member.counters.accepted) === 0 &&
  (queueOf(member) ?? 0) < 2 &&
  (member.scannedNs ?? 0) <= (member.waitingSinceNs ?? 0)
    ? 'this rung does not see accepts by io_uring or by a 32-bit process'
    : null;

const dropping = (state: State, member: Member): Condition | null => {
  const { spells } = member.counters;
  const spell = together([spells.dropped_syn, spells.dropped_ack]);
  const isDropping = spell !== null && state.nowNs - spell.lastNs <= NOW_NS;
  if (!isDropping && !isFull(member)) return null;
  const base = about(state, member);
  const dropped = spell === null ? '' : `, ${formatCount(spell.times)} so far`;
  return {
    ...base,
    sinceNs: isDropping ? spell.fromNs : state.nowNs,
    text: isFull(member)
      ? `${nameOf(member)}: queue full, ${queuedText(member)}: new connections to it are dropped${dropped}`
      : `${nameOf(member)}: its queue was full, ${queuedText(member)}: connections were dropped${dropped}`,
    advice: 'Accept faster, or raise the backlog of listen() and net.core.somaxconn.',
    why: 'A repeated SYN has the same hash and meets the same full queue; other members are not tried.',
  };
};

const crowded = (state: State, member: Member): Condition | null => {
  const { crowdedNs } = member.unserved;
  if (crowdedNs === null || crowdedNs < CROWDED_NS) return null;
  return {
    ...about(state, member),
    severity: 'warning',
    sinceNs: state.nowNs - crowdedNs,
    text: `${nameOf(member)}: slow to accept, ${queuedText(member)}`,
    advice: 'It accepts more slowly than connections come: more workers, or less work for each connection.',
    why: 'When the queue is longer than the backlog the kernel drops what comes.',
  };
};
