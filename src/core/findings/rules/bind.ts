// Refused binds: bind() or listen() that failed in the last minute, with the clause that failed and who holds the port.

import { QUIET_NS } from '../../state/burst.js';
import { type Condition, keyOf } from '../../state/finding.js';
import { type Group, groupsAt } from '../../state/group.js';
import { entriesFrom, timeOf } from '../../state/log.js';
import type { LoggedCall, State } from '../../state/state.js';
import { foldMapped, formatEndpoint } from '../../text/endpoint.js';
import { errnoName } from '../../text/errno.js';
import { clean } from '../../text/format.js';
import { explainRefusal } from '../../words/refusal.js';
import type { Rule } from '../rule.js';
import { doubtInLog } from './doubt.js';
import { actorName } from './subject.js';

/** EACCES, EADDRINUSE, EADDRNOTAVAIL: what has to do with the address. Another error is the caller's own affair. */
const REFUSALS: ReadonlySet<number> = new Set([-13, -98, -99]);
/** A host on which more different programs fail in a minute has one reason for most of them. */
const MOST = 32;

/** bpftrace reads one CPU's lines after another's: the last one logged may not be the latest. */
type Refused = { sinceNs: number; lastNs: number; last: LoggedCall; times: number };

/** bind() or listen() was refused. */
export const bindRule = {
  id: 'bind-refused',
  severity: 'warning',
  clearsNs: QUIET_NS,
  supersedes: [],
  conditions: (state: State): Condition[] => {
    const refused = new Map<string, Refused>();
    for (const entry of entriesFrom(state.binds.items, timeOf, state.nowNs - QUIET_NS)) {
      if (entry.kind === 'change' || !REFUSALS.has(entry.ret)) continue;
      const proto = entry.kind === 'bind' ? entry.proto : 'tcp';
      const name = `${entry.kind} ${proto} ${entry.netns} ${entry.laddr} ${entry.lport} ${clean(entry.comm)}`;
      const known = refused.get(name);
      if (known !== undefined) {
        known.times++;
        known.last = entry;
        known.sinceNs = Math.min(known.sinceNs, entry.tsNs);
        known.lastNs = Math.max(known.lastNs, entry.tsNs);
      } else if (refused.size < MOST) {
        refused.set(name, { sinceNs: entry.tsNs, lastNs: entry.tsNs, last: entry, times: 1 });
      }
    }
    return [...refused].map(([detail, each]) => describe(state, detail, each));
  },
} as const satisfies Rule;

const describe = (state: State, detail: string, { sinceNs, lastNs, last, times }: Refused): Condition => {
  const proto = last.kind === 'bind' ? last.proto : 'tcp';
  const at = { proto, netns: last.netns, laddr: foldMapped(last.laddr), lport: last.lport };
  const [group] = groupsAt(state.groups, at);
  const isTest = group !== undefined && isConfigTest(last, group);
  const about = {
    severity: isTest ? 'note' : 'warning',
    group: group?.key ?? null,
    ino: null,
    detail,
    sinceNs,
    lastNs,
  } as const;
  // Who is in the way is told by the sockets of that moment: said once, it stays said.
  const said = state.findings.active.get(keyOf({ rule: bindRule.id, ...about }));
  if (said !== undefined && said.lastNs === lastNs) return said;
  const { reasons, fix } = explainRefusal(state, last);
  const call = last.kind === 'bind' ? 'bind()' : 'listen()';
  const again = times === 1 ? '' : ` (${times} times)`;
  return {
    ...about,
    text: `${proto} ${formatEndpoint(clean(last.laddr), last.lport)} ${call} of ${actorName(last)}: ${errnoName(last.ret)}${again}: ${reasons.join(' ')}`,
    evidence: {
      call: last.kind === 'bind' ? 'bind' : 'listen',
      errno: errnoName(last.ret),
      times,
      pid: last.pid,
      uid: last.uid,
      laddr: last.laddr,
      lport: last.lport,
      reuseport: String(last.reuseport),
      holderIno: last.verdict?.culprit?.ino ?? null,
    },
    advice: isTest
      ? 'Nothing is wrong if somebody ran nginx -t: it tries to bind without the option, so as to join no group.'
      : fix === null
        ? `ss -tanp 'sport = :${last.lport}' shows who is on that port.`
        : sentence(fix),
    why: 'A port is shared only by sockets that all set SO_REUSEPORT before bind(), under one effective uid.',
    doubt:
      last.verdict === null ? 'told by the sockets that are there, not by the kernel' : doubtInLog(state),
  };
};

/**
 * nginx 1.13.4 and newer leaves SO_REUSEPORT out when it tests its configuration, so that it takes no connections meant
 * for the one that serves, and passes over EADDRINUSE ("Core: disabled SO_REUSEPORT when testing config"). A server on
 * which every deployment says `nginx -t` is not to be warned of each.
 */
const isConfigTest = (call: LoggedCall, group: Group): boolean =>
  call.kind === 'bind' &&
  call.comm === 'nginx' &&
  !call.reuseport &&
  group.members.size > 0 &&
  [...group.members.values()].every(
    ({ reuseport, holders }) => reuseport !== false && holders.some(({ comm }) => comm === 'nginx'),
  );

/** A capital letter and a full stop; a piece of code stays as it is. */
const sentence = (text: string): string =>
  `${/^\w+\(/.test(text) ? text : `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`}.`;
