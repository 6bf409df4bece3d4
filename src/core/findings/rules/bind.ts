// Refused binds: bind() or listen() that failed in the last minute, with the clause that failed and who holds the port.

import { QUIET_NS } from '../../state/burst.js';
import type { Condition, Finding } from '../../state/finding.js';
import { type Group, groupsAt } from '../../state/group.js';
import { entriesFrom, timeOf } from '../../state/log.js';
import { groundsOf, type LoggedCall, type State } from '../../state/state.js';
import { foldMapped, formatEndpoint } from '../../text/endpoint.js';
import { errnoName } from '../../text/errno.js';
import { clean } from '../../text/format.js';
import { explainRefusal } from '../../words/refusal.js';
import type { Rule } from '../rule.js';
import { doubtInLog } from './doubt.js';
import { actorName } from './subject.js';

/** EPERM, EACCES, EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL: what has to do with the address. Another error is the caller's own affair. */
const REFUSALS: ReadonlySet<number> = new Set([-1, -13, -97, -98, -99]);
/** The host is asked at once, and answers within some 100 ms; ss may take 3 s. */
const ANSWER_NS = 5e9;
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
    return [...refused].flatMap(([detail, each]) => describe(state, detail, each));
  },
} as const satisfies Rule;

const describe = (state: State, detail: string, { sinceNs, lastNs, last, times }: Refused): Condition[] => {
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
  // Who is in the way is told by the sockets of that moment: said once, it stays said, also when their group has gone.
  const said = saidOf(state, detail);
  if (said !== undefined && said.lastNs === lastNs) return [said];
  if (isAwaited(state, last)) return said === undefined ? [] : [said];
  const { reasons, fix, holder } = explainRefusal(state, last);
  const call = last.kind === 'bind' ? 'bind()' : 'listen()';
  const again = times === 1 ? '' : ` (${times} times)`;
  return [
    {
      ...about,
      group: said === undefined ? about.group : said.group,
      detail: holder === undefined ? detail : `${detail} held by ${holder}`,
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
        holderPid: holder ?? null,
        holderIno: last.verdict?.culprit?.ino ?? null,
      },
      advice: isTest
        ? 'Nothing is wrong if somebody ran nginx -t: it tries to bind without the option, so as to join no group.'
        : fix === null
          ? `ss -tanp 'sport = :${last.lport}' shows who is on that port.`
          : sentence(fix),
      why:
        WHYS.get(last.ret) ??
        'A port is shared only by sockets that all set SO_REUSEPORT before bind(), under one effective uid.',
      doubt: last.verdict === null ? doubtOf(state, last) : doubtInLog(state),
    },
  ];
};

const WHYS = new Map([
  [
    -1,
    'EPERM of bind() comes from a BPF program of the cgroup or from a seccomp filter, never from the port itself.',
  ],
  [
    -13,
    'EACCES of bind() is a missing capability for a low port, or the word of a sandbox or security module.',
  ],
  [-97, 'The family of the address that bind() is given must be that of the socket.'],
  [-99, 'bind() asks for an address that the network namespace has, and that is ready for use.'],
]);

const saidOf = ({ findings }: State, detail: string): Finding | undefined => {
  let latest: Finding | undefined;
  for (const finding of findings.active.values())
    if (finding.rule === bindRule.id && finding.detail.startsWith(detail))
      if (latest === undefined || finding.lastNs > latest.lastNs) latest = finding;
  return latest;
};

/** Whether the host was asked why, and may still answer. */
const isAwaited = (state: State, call: LoggedCall): boolean =>
  groundsOf(state, call) === null && state.status !== 'ended' && state.nowNs - call.tsNs < ANSWER_NS;

/** What is in the way is told by sockets; of other errors the host was asked, a moment later. */
const doubtOf = (state: State, call: LoggedCall): string | null =>
  (groundsOf(state, call) ?? null) === null
    ? 'told by the sockets that are there, not by the kernel'
    : 'told by what the host said just after, not by the kernel';

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
