// The verdict on a run for scripts: whether anything was found, what, and how even the shares are; as text, JSON or NDJSON.
import type { Writable } from 'node:stream';
import type { Proto } from '../core/event.js';
import type { Finding } from '../core/state/finding.js';
import type { Group } from '../core/state/group.js';
import { countsWakeUps, type Member } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import type { Verdict } from '../core/statistics/imbalance.js';
import { formatEndpoint, formatProto } from '../core/text/endpoint.js';
import { formatCount } from '../core/text/format.js';
import { toJson } from '../core/wire/json.js';
import { netnsName } from '../core/words/netns.js';
import { type MemberFacts, memberFacts, membersOf, type SummaryFacts, summaryFacts } from './closing.js';
import { findingLines } from './findings.js';
import { judged } from './judged.js';
import type { Output } from './output.js';
import { createWriter } from './writer.js';

type Kind = 'lines' | 'json' | 'ndjson';

/** A group at the end of a check. */
export type GroupFacts = {
  readonly kind: 'group';
  readonly proto: Proto;
  readonly laddr: string;
  readonly lport: number;
  /** Inode of its network namespace. */
  readonly netns: number;
  /** Sockets that listen, and those that left during the check. */
  readonly listeners: number;
  readonly left: number;
  readonly picks: number;
  readonly accepted: number;
  /** UDP: datagrams that processes took; null of TCP. */
  readonly received: number | null;
  /** How even the shares are; null where nobody shares. What counts is the finding `skew`: this is a single look. */
  readonly shares: Shares | null;
};

/** One look at the shares of a group; its fields are those of core/statistics/imbalance. */
export type Shares = Omit<Verdict, 'logP' | 'forPower'> & {
  /** ln of the chance of shares as uneven as these in a fair group. */
  readonly lnP: number;
};

/** What a check comes to. */
export type CheckFacts = {
  readonly kind: 'verdict';
  readonly verdict: 'healthy' | 'findings';
  /** 0 healthy, 3 findings. */
  readonly exitCode: 0 | 3;
  readonly problems: number;
  readonly warnings: number;
  /** Worth knowing, and ordinary: they do not count. */
  readonly notes: number;
  readonly summary: SummaryFacts;
  readonly groups: readonly GroupFacts[];
  readonly members: readonly MemberFacts[];
};

/** Exit status of a check with a problem or a warning: 1 and 2 say that there was no check. */
const FOUND = 3;

/** Prints nothing until the end. */
export const createCheck = (
  stream: Writable,
  kind: Kind,
  onFailure: (error: NodeJS.ErrnoException) => void,
): Output & { readonly exitCode: (state: State) => 0 | 3 } => {
  const writer = createWriter(stream, onFailure);
  return {
    take: () => undefined,
    end: (state) => writer.all(linesOf(state, kind)),
    dropped: writer.dropped,
    exitCode: (state) => checkFacts(state).exitCode,
  };
};

/** Whether anything counts that stood at any time of the run. */
export const checkFacts = (state: State): CheckFacts => {
  const summary = summaryFacts(state);
  const count = (severity: Finding['severity']): number =>
    summary.findings.filter((finding) => finding.severity === severity).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  const isFound = problems + warnings > 0;
  const members = membersOf(state);
  return {
    kind: 'verdict',
    verdict: isFound ? 'findings' : 'healthy',
    exitCode: isFound ? FOUND : 0,
    problems,
    warnings,
    notes: count('note'),
    summary,
    groups: groupsOf(state, members),
    members: members.map((member) => memberFacts(member, state.rung)),
  };
};

/** Why there is nothing to check; null when there is. */
export const whyNoCheck = (state: State): string | null => {
  if (state.attachedNs === null) return 'the probes were never attached';
  if (membersOf(state).length > 0) return null;
  const { ports } = state.scope;
  return `nothing listens ${ports.length === 0 ? 'here' : `on port ${ports.join(', ')}`}`;
};

const groupsOf = (state: State, members: readonly Member[]): GroupFacts[] =>
  [...new Set(members.map((member) => member.group))].flatMap((key) => {
    const group = state.groups.get(key);
    return group === undefined
      ? []
      : groupFacts(
          state,
          group,
          members.filter((member) => member.group === key),
        );
  });

const groupFacts = (state: State, group: Group, members: readonly Member[]): GroupFacts => {
  const { proto, laddr, lport, netns } = group;
  const facts = members.map((member) => memberFacts(member, state.rung));
  const listeners = facts.filter((member) => member.listening).length;
  return {
    kind: 'group',
    proto,
    laddr,
    lport,
    netns,
    listeners,
    left: facts.length - listeners,
    picks: facts.reduce((sum, { picks }) => sum + picks, 0),
    accepted: facts.reduce((sum, { accepted }) => sum + accepted, 0),
    received: proto === 'udp' ? facts.reduce((sum, { received }) => sum + (received ?? 0), 0) : null,
    shares: sharesOf(state, group),
  };
};

const sharesOf = (state: State, group: Group): Shares | null => {
  const verdict = judged(state, group);
  if (verdict === null) return null;
  const { logP, forPower: _, ...facts } = verdict;
  return { ...facts, lnP: logP };
};

const linesOf = (state: State, kind: Kind): string[] => {
  const facts = checkFacts(state);
  switch (kind) {
    case 'json':
      return [toJson(facts, 2)];
    case 'ndjson': {
      const { groups, members, summary, ...verdict } = facts;
      const found = summary.findings.map((finding) => ({ kind: 'finding', ...finding }));
      return [...groups, ...members, ...found, summary, verdict].map((each) => toJson(each));
    }
    case 'lines':
      return [
        ...facts.groups.flatMap((group) => groupLines(state, group)),
        ...findingLines(state),
        verdictLine(facts),
      ];
  }
};

const groupLines = (state: State, group: GroupFacts): string[] => {
  const netns = netnsName(state, group.netns);
  const noun = group.received === null ? 'listener' : 'socket';
  const picks = countsWakeUps(group, state.rung) ? 'wake-ups' : 'picks';
  const head = [
    `${formatProto(group.proto, group.laddr)} ${formatEndpoint(group.laddr, group.lport)}`,
    ...(netns === 'host' ? [] : [`netns ${netns}`]),
    `${group.listeners} ${noun}${group.listeners === 1 ? '' : 's'}${group.left === 0 ? '' : `, ${group.left} left`}`,
    `${picks} ${formatCount(group.picks)}`,
    group.received === null
      ? `accepted ${formatCount(group.accepted)}`
      : `received ${formatCount(group.received)}`,
  ].join('  ');
  return group.shares === null ? [head] : [head, `  ${group.shares.text}`];
};

const verdictLine = ({ verdict, problems, warnings, notes, summary }: CheckFacts): string => {
  const over = `in ${summary.seconds.toFixed(1)} s, ${formatCount(summary.picks)} picks, ${summary.rung ?? '-'} rung`;
  const counts = [
    [problems, 'problem'],
    [warnings, 'warning'],
    [notes, 'note'],
  ] as const;
  const said = counts.flatMap(([count, noun]) =>
    count === 0 ? [] : [`${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`],
  );
  return `${verdict}: ${said.length === 0 ? 'nothing found' : said.join(', ')} ${over}`;
};
