// Accept queues: nobody takes what waits in one (stuck), or it is full or on its way there (overflow).
import type { Condition } from '../finding.js';
import { formatDuration } from '../format.js';
import { isFull, type Member, queueOf } from '../member.js';
import type { State } from '../state.js';
import { nameOf } from './name.js';

/** A queue that holds connections for this long without one accept() is stuck. A slow worker accepts now and then. */
const STUCK_NS = 5e9;

export const queueRules = (state: State): Condition[] => {
  const found: Condition[] = [];
  for (const member of state.members.values()) {
    const condition = member.closedNs === null ? ofMember(state, member) : null;
    if (condition !== null) found.push(condition);
  }
  return found;
};

const ofMember = (state: State, member: Member): Condition | null => {
  const queue = queueOf(member);
  const queued = `${queue ?? '-'}/${member.backlog ?? '-'} queued`;
  const about = {
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: state.nowNs,
    lastNs: state.nowNs,
    evidence: { queue, backlog: member.backlog },
    doubt: null,
  } as const;
  if (member.waitingSinceNs !== null && state.nowNs - member.waitingSinceNs >= STUCK_NS) {
    const age = formatDuration(state.nowNs - member.waitingSinceNs);
    const full = isFull(member) ? ', full: its new clients hang' : '';
    return {
      ...about,
      rule: 'stuck',
      severity: 'problem',
      sinceNs: member.waitingSinceNs,
      text: `${nameOf(member)}: ${queued}, nobody accepts for ${age}${full}`,
      advice: 'Look at what that process does (its stack, its CPU); close the socket or restart it.',
      why: 'The kernel picks by hash and does not ask whether anybody accepts there.',
    };
  }
  if (isFull(member)) {
    return {
      ...about,
      rule: 'overflow',
      severity: 'problem',
      text: `${nameOf(member)}: queue full, ${queued}: new connections to it are dropped`,
      advice: 'Accept faster, or raise the backlog of listen() and net.core.somaxconn.',
      why: 'A repeated SYN has the same hash and meets the same full queue; other members are not tried.',
    };
  }
  if (queue !== null && member.backlog !== null && member.backlog > 0 && queue >= member.backlog / 2) {
    return {
      ...about,
      rule: 'overflow',
      severity: 'warning',
      text: `${nameOf(member)}: slow to accept, ${queued}`,
      advice: 'It accepts more slowly than connections come: more workers, or less work for each connection.',
      why: 'When the queue is longer than the backlog the kernel drops what comes.',
    };
  }
  return null;
};
