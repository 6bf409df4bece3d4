// What a run comes to for a script that must decide: what was found, and how even the shares are, group by group.
import type { Proto } from '../core/event.js';
import type { Finding } from '../core/state/finding.js';
import type { Group } from '../core/state/group.js';
import type { Member } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import type { Verdict } from '../core/statistics/imbalance.js';
import { type MemberFacts, memberFacts, membersOf, type SummaryFacts, summaryFacts } from './facts.js';
import { judged } from './judged.js';

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
