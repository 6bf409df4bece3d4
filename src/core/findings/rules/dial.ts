// Connections that could not be dialled from a listening port: the same four numbers are in use, or in TIME_WAIT.

import { QUIET_NS } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import type { FailedDials, State } from '../../state/state.js';
import { foldMapped, formatEndpoint } from '../../text/endpoint.js';
import { clean, formatCount } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { actorName } from './subject.js';

/** connect() from a port that others may listen on failed at once. */
export const dialRule = {
  id: 'dial-failed',
  severity: 'warning',
  clearsNs: QUIET_NS,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.dials.values()].flatMap((failed) =>
      state.nowNs - failed.spell.lastNs > QUIET_NS || !isHeard(state, failed) ? [] : [describe(failed)],
    ),
} as const satisfies Rule;

/** Whether somebody listens on that port: other dials are no affair of ours. */
const isHeard = (state: State, { last }: FailedDials): boolean => {
  for (const { proto, lport, netns, members } of state.groups.values())
    if (proto === 'tcp' && lport === last.lport && netns === last.netns && members.size > 0) return true;
  return false;
};

const describe = ({ spell, last }: FailedDials): Condition => {
  const [near, far] = [
    formatEndpoint(clean(foldMapped(last.laddr)), last.lport),
    formatEndpoint(clean(foldMapped(last.raddr)), last.rport),
  ];
  return {
    group: null,
    ino: null,
    detail: `${last.netns} ${near} ${last.pid}`,
    sinceNs: spell.fromNs,
    lastNs: spell.lastNs,
    text: `tcp ${near} connect() of ${actorName(last)} failed at once${spell.times === 1 ? '' : ` ${formatCount(spell.times)} times`} (EADDRNOTAVAIL), the last to ${far}: such a connection exists, or is in TIME_WAIT`,
    evidence: {
      failed: spell.times,
      pid: last.pid,
      laddr: last.laddr,
      lport: last.lport,
      raddr: last.raddr,
      rport: last.rport,
    },
    advice:
      'Dial from another port, wait a minute before the same peer is dialled again, or set net.ipv4.tcp_tw_reuse=1.',
    why: 'From one port each peer can have one connection, and its four numbers rest in TIME_WAIT for a minute.',
    doubt: 'the errno itself is not seen, and EADDRNOTAVAIL the usual one of a connect() that sends nothing',
  };
};
