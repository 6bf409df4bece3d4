// A queue that is accepted from and never empty: an event is taken for one connection, and what came with it waits for the next.

import type { Condition } from '../../state/finding.js';
import { type Group, sharing } from '../../state/group.js';
import { type Member, queueOf, total } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { quantile } from '../../statistics/latency.js';
import { formatDuration, formatWait } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { doubtInCounts } from './doubt.js';
import { isStuck } from './queue.js';
import { nameOf, plural } from './subject.js';

/** A queue that is emptied now and then is found empty at one of so many looks. */
const HELD_NS = 14.5e9;
/** As long as its siblings may hold theirs. */
const BRIEFLY_NS = 5e9;
/** Accepts a second beyond which a worker is busy rather than asleep: then it is slow, and crowded or overflow tell. */
const BUSY = 200;

/** Its queue never empties. */
export const lingeringRule = {
  id: 'lingering',
  severity: 'warning',
  clearsNs: 5e9,
  supersedes: [],
  conditions: (state: State): Condition[] => {
    const found: Condition[] = [];
    for (const group of state.groups.values()) {
      if (group.proto === 'udp' || group.members.size < 2) continue;
      for (const member of group.members.values())
        if (isLingering(state, group, member)) found.push(describe(state, group, member));
    }
    return found;
  },
} as const satisfies Rule;

const isLingering = (state: State, group: Group, member: Member): boolean => {
  const { unserved, acceptsPerSecond, backlog } = member;
  if (unserved.heldNs < HELD_NS || unserved.leastQueue === 0 || isStuck(state, member)) return false;
  // A queue that grows is that of a slow worker.
  if ((queueOf(member) ?? 0) > 2 * unserved.leastQueue + 2) return false;
  if ((acceptsPerSecond ?? 0) > BUSY || (backlog !== null && unserved.leastQueue * 2 >= backlog))
    return false;
  const siblings = sharing(group).filter((other) => other !== member && total(other.counters.accepted) > 0);
  return siblings.length > 0 && siblings.every((other) => other.unserved.heldNs < BRIEFLY_NS);
};

const describe = (state: State, group: Group, member: Member): Condition => {
  const { heldNs, leastQueue } = member.unserved;
  const own = medianOf(member);
  const others = sharing(group).flatMap((other) => (other === member ? [] : (medianOf(other) ?? [])));
  const usual = others.length === 0 ? null : others.reduce((sum, each) => sum + each, 0) / others.length;
  const waits =
    own === null || usual === null
      ? ''
      : `; its clients wait ${formatWait(own)} in the middle, those of its siblings ${formatWait(usual)}`;
  return {
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: state.nowNs - heldNs,
    lastNs: state.nowNs,
    text: `${nameOf(member)}: its queue was not empty for ${formatDuration(heldNs)} though it accepts: ${plural(leastQueue, 'connection')} always ${leastQueue === 1 ? 'waits' : 'wait'}, and the queues of its siblings empty${waits}`,
    evidence: {
      leastQueue,
      queue: queueOf(member),
      seconds: Math.round(heldNs / 1e9),
      waitMs: own === null ? null : Number((own / 1e6).toFixed(3)),
      siblingsWaitMs: usual === null ? null : Number((usual / 1e6).toFixed(3)),
    },
    advice:
      'Call accept() until it says EAGAIN for each event of an edge-triggered epoll, or leave EPOLLET out; a slow worker needs help.',
    why: 'An edge-triggered event comes once for several connections: with one accept() for each event the others wait for the next client.',
    doubt: doubtInCounts(state) ?? 'the queue is looked at once a second',
  };
};

const medianOf = ({ waits }: Member): number | null => (waits.count < 2 ? null : quantile(waits, 0.5));
