// Receive buffers of UDP: nobody reads what waits in one (stuck), it refuses datagrams (overflow), or none shares and one gets everything.

import { together } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import type { Group } from '../../state/group.js';
import { droppedOf, type Member, ownerOf, picksOf, queueOf, takenOf } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { formatBytes, formatCount, formatDuration } from '../../text/format.js';
import { addressOf, nameOf } from './subject.js';

/** As an accept queue: three to four seconds in which something waits and nobody reads. */
const STUCK_NS = 2.5e9;
/** Drops of this moment: /proc is read once a second, and may come a little late. */
const NOW_NS = 2.5e9;

export const receiveRules = (state: State): Condition[] => {
  const found: Condition[] = [];
  for (const group of state.groups.values()) {
    if (group.proto !== 'udp') continue;
    for (const member of group.members.values()) {
      const condition = stuck(state, member) ?? overflow(state, member);
      if (condition !== null) found.push(condition);
    }
    found.push(...unshared(state, group));
  }
  return found;
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
    rule: 'stuck',
    severity: 'problem',
    sinceNs: waitingSinceNs,
    text: `${nameOf(member)}: ${waiting(member)}, nobody reads for ${formatDuration(waitedNs)}${lost}`,
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
    rule: 'overflow',
    severity: 'problem',
    sinceNs: spell.fromNs,
    lastNs: spell.lastNs,
    text: `${nameOf(member)}: its receive buffer was full, ${formatCount(droppedOf(member, state.rung))} datagrams were refused`,
    advice:
      'Read faster, or raise SO_RCVBUF and net.core.rmem_max (a burst needs room, a slow worker needs help).',
    why: 'A datagram that the picked buffer has no room for is dropped; other members are not tried.',
  };
};

/** Several sockets, none with SO_REUSEPORT: SO_REUSEADDR lets UDP sockets share a port, and one gets everything. */
const unshared = (state: State, group: Group): Condition[] => {
  const members = [...group.members.values()].filter(({ peer }) => peer === null);
  if (members.length < 2 || !members.some(({ reuseport }) => reuseport === false)) return [];
  const sinceNs = Math.max(...members.map(({ seenNs }) => seenNs));
  const served = members.filter((member) => picksOf(member) > 0 || takenOf(member) > 0);
  if (served.length > 1 || members.some(({ reuseport }) => reuseport === true)) return [];
  const [one] = served;
  const who = one === undefined ? 'the one bound last' : nameOf(one).replace(`${addressOf(group)} `, '');
  return [
    {
      rule: 'not-sharing',
      severity: 'warning',
      group: group.key,
      ino: null,
      detail: 'reuseaddr',
      sinceNs,
      lastNs: state.nowNs,
      text: `${addressOf(group)} has ${members.length} sockets without SO_REUSEPORT: ${who} gets every datagram`,
      evidence: { sockets: members.length, served: served.length },
      advice: 'Set SO_REUSEPORT before bind() on all of them, in place of SO_REUSEADDR.',
      why: 'SO_REUSEADDR lets UDP sockets bind one port without a group: the lookup takes the newest of them.',
      doubt: null,
    },
  ];
};
