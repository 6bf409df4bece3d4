// What is wrong, in words: pure questions asked of State, each finding with its evidence and one thing to try.
import { formatEndpoint } from './endpoint.js';
import { clean, formatCount, formatDuration } from './format.js';
import type { Group } from './group.js';
import { isFull, type Member, ownerOf, queueOf } from './member.js';
import { describeSkew } from './skewcause.js';
import { isShown, type State } from './state.js';
import { totals, uncounted } from './totals.js';

/** The closed list of rules (architecture, section 6) as far as they are decided here. */
export type Rule = 'ended' | 'stuck' | 'overflow' | 'skew' | 'lossy';

export type Finding = {
  readonly rule: Rule;
  /** `x` a problem, `!` a warning: the mark in column 1. */
  readonly mark: 'x' | '!';
  /** Key of the group it is about, and inode of the member; null = the run as a whole. */
  readonly group: string | null;
  readonly ino: number | null;
  /** One sentence with the numbers. */
  readonly text: string;
  /** One thing to try. */
  readonly advice: string;
  /** One line on the mechanism, where it is not plain from the sentence. */
  readonly why?: string;
};

/** A queue that holds connections for this long without one accept() is stuck. A slow worker accepts now and then. */
const STUCK_NS = 5e9;

/** Everything that is wrong now, worst first. */
export const findings = (state: State): Finding[] => {
  const found = [...ended(state)];
  for (const member of state.members.values()) {
    if (member.closedNs === null && isShown(state, member)) found.push(...ofMember(state, member));
  }
  for (const group of state.groups.values()) found.push(...skewed(state, group));
  found.push(...lossy(state));
  const weight = (finding: Finding): number => (finding.rule === 'ended' ? 0 : finding.mark === 'x' ? 1 : 2);
  return found.sort((a, b) => weight(a) - weight(b));
};

const ended = (state: State): Finding[] =>
  state.status === 'ended' && state.ended !== null && state.ended.why !== ''
    ? [
        {
          rule: 'ended',
          mark: 'x',
          group: null,
          ino: null,
          text: `${state.ended.why.split('\n')[0] ?? ''}: the numbers are frozen`,
          advice: 'R restarts bpftrace',
        },
      ]
    : [];

const ofMember = (state: State, member: Member): Finding[] => {
  const queue = queueOf(member);
  const queued = `${queue ?? '-'}/${member.backlog ?? '-'} queued`;
  const about = { group: member.group, ino: member.ino } as const;
  if (member.waitingSinceNs !== null && state.nowNs - member.waitingSinceNs >= STUCK_NS) {
    const age = formatDuration(state.nowNs - member.waitingSinceNs);
    return [
      {
        rule: 'stuck',
        mark: 'x',
        ...about,
        text: `${name(member)}: ${queued}, nobody accepts for ${age}${fullNote(member)}`,
        advice: 'Look at what that process does (its stack, its CPU); close the socket or restart it.',
      },
    ];
  }
  if (isFull(member)) {
    return [
      {
        rule: 'overflow',
        mark: 'x',
        ...about,
        text: `${name(member)}: queue full, ${queued}: new connections to it are dropped`,
        advice: 'Accept faster, or raise the backlog of listen() and net.core.somaxconn.',
      },
    ];
  }
  if (queue !== null && member.backlog !== null && member.backlog > 0 && queue >= member.backlog / 2) {
    return [
      {
        rule: 'overflow',
        mark: '!',
        ...about,
        text: `${name(member)}: slow to accept, ${queued}`,
        advice:
          'It accepts more slowly than connections come: more workers, or less work for each connection.',
      },
    ];
  }
  return [];
};

const fullNote = (member: Member): string => (isFull(member) ? ', full: its new clients hang' : '');

/** Shown to whoever looks at one member of the group: what one gets too much the others lack. */
const skewed = (state: State, group: Group): Finding[] => {
  const words = describeSkew(state, group);
  const member = words === null ? undefined : group.members.get(words.ino);
  if (words === null || member === undefined) return [];
  if (![...group.members.values()].some((each) => isShown(state, each))) return [];
  return [{ rule: 'skew', mark: '!', group: group.key, ...words, text: `${name(member)}: ${words.text}` }];
};

const lossy = (state: State): Finding[] => {
  const about = { mark: '!', group: null, ino: null, rule: 'lossy' } as const;
  const found: Finding[] = [];
  const lost = Math.max(totals(state).lost, state.lostPerf);
  if (lost > 0) {
    found.push({
      ...about,
      text: `${formatCount(lost)} events lost by bpftrace: the logs have gaps, the counters are exact`,
      advice: 'Ask for fewer details a second.',
    });
  }
  const missing = uncounted(state);
  if (missing > 0) {
    found.push({
      ...about,
      text: `${formatCount(missing)} picks at most were not counted: the kernel skipped ${formatCount(state.missed)} probe runs`,
      advice: 'Another BPF program on the same CPU was interrupted; compare with ss -ltn.',
    });
  }
  if (state.malformed > 0) {
    found.push({
      ...about,
      text: `${formatCount(state.malformed)} lines of bpftrace not understood and left out`,
      advice: 'Please report it with the version of bpftrace.',
    });
  }
  return found;
};

/** `tcp 0.0.0.0:8888 #3 pid 1204 nginx`: what a person calls a member. */
const name = (member: Member): string => {
  const owner = ownerOf(member);
  const who = owner === null ? `ino ${member.ino}` : `pid ${owner.pid} ${clean(owner.comm)}`;
  const index = member.index === null ? '' : ` #${member.index}`;
  return `${member.proto} ${formatEndpoint(member.laddr, member.lport)}${index} ${who}`;
};
