// Which findings stand: asks every rule at each tick, raises and clears with hysteresis, keeps the history. It knows no rule's reasons.

import { QUIET_NS } from '../state/burst.js';
import {
  byWeight,
  type Condition,
  type Finding,
  type FindingEvent,
  keep,
  keyOf,
  type Rule,
} from '../state/finding.js';
import { isShown, type State } from '../state/state.js';
import { bindRule } from './rules/bind.js';
import { closeRule } from './rules/close.js';
import { connectedRule } from './rules/connected.js';
import { ghostRule } from './rules/ghost.js';
import { openRule } from './rules/longlived.js';
import { programRule } from './rules/program.js';
import { queueRules } from './rules/queue.js';
import { renumberRule } from './rules/renumber.js';
import { endedRule, lossyRule } from './rules/run.js';
import { sharingRule } from './rules/sharing.js';
import { skewRule } from './rules/skew.js';
import { splitRule } from './rules/split.js';
import { receiveRules } from './rules/udp.js';

/** Each says what is so now; what must be so for a while is the rule's to know. */
const ALL_RULES: readonly ((state: State) => readonly Condition[])[] = [
  endedRule,
  queueRules,
  receiveRules,
  connectedRule,
  ghostRule,
  closeRule,
  programRule,
  skewRule,
  openRule,
  bindRule,
  sharingRule,
  splitRule,
  renumberRule,
  lossyRule,
];

/**
 * How long a finding stands after its condition was last seen, nanoseconds: long enough that one that comes and goes is
 * one finding, short enough that one that is over is gone while somebody looks. Single occurrences stay for a minute.
 */
const CLEARS_NS: Readonly<Record<Rule, number>> = {
  ended: 0,
  stuck: 5e9,
  ghost: 10e9,
  overflow: 10e9,
  'lost-at-close': QUIET_NS,
  'bad-program': QUIET_NS,
  // It has its own: see fairness.calm.
  skew: 0,
  'bind-refused': QUIET_NS,
  'not-sharing': 5e9,
  connected: 5e9,
  split: 5e9,
  renumbered: QUIET_NS,
  lossy: 10e9,
};

/** What a finding of a member says better than others of the same member: those are cleared when it is raised. */
const SUPERSEDES: Partial<Record<Rule, readonly Rule[]>> = {
  stuck: ['overflow'],
  ghost: ['overflow', 'stuck'],
};

/** Findings that stand at once: a host with a thousand sick listeners is described by fewer. */
const ACTIVE_KEPT = 1024;

/** Everything that is wrong now and concerns who the user asked for, worst first. */
export const findings = (state: State): Finding[] =>
  [...state.findings.active.values()].filter((finding) => isAsked(state, finding)).sort(byWeight);

/** Those that were cleared, oldest first. */
export const pastFindings = (state: State): Finding[] =>
  state.findings.history.filter((finding) => isAsked(state, finding));

/** What the event applied last has raised, changed or cleared, in that order of the rules. */
export const findingNews = (state: State): FindingEvent[] =>
  state.findings.news.filter((finding) => isAsked(state, finding));

/** With --pid: what concerns a member or group of that process, or the run as a whole. */
const isAsked = (state: State, { group, ino }: Finding): boolean => {
  if (state.scope.pid === null || group === null) return true;
  const member = ino === null ? undefined : state.members.get(ino);
  if (member !== undefined) return isShown(state, member);
  return [...(state.groups.get(group)?.members.values() ?? [])].some((each) => isShown(state, each));
};

/** Asks the rules, and notes what is new. Called by apply() when time has passed; time is that of the newest event. */
export const diagnose = (state: State): void => {
  const { active } = state.findings;
  const news: FindingEvent[] = [];
  const tell = (status: FindingEvent['status'], finding: Finding): void => {
    news.push({ kind: 'finding', tsNs: state.nowNs, status, ...finding });
  };
  const conditions = ALL_RULES.flatMap((rule) => rule(state));
  const isOutdone = outdone([...conditions, ...active.values()]);
  for (const condition of conditions) {
    if (isOutdone(condition)) continue;
    const key = keyOf(condition);
    const known = active.get(key);
    if (known !== undefined) {
      const finding = { ...known, ...condition, sinceNs: Math.min(known.sinceNs, condition.sinceNs) };
      active.set(key, finding);
      if (known.severity !== finding.severity) tell('changed', finding);
    } else if (active.size < ACTIVE_KEPT) {
      const serial = ++state.findings.raised;
      const finding = { ...condition, key, serial, raisedNs: state.nowNs, clearedNs: null };
      active.set(key, finding);
      tell('raised', finding);
    }
  }
  for (const [key, finding] of active) {
    const isQuiet = state.nowNs - finding.lastNs > CLEARS_NS[finding.rule];
    if (!isQuiet && !isOutdone(finding) && !hasLeft(state, finding)) continue;
    const cleared = { ...finding, clearedNs: state.nowNs };
    active.delete(key);
    keep(state.findings, cleared);
    tell('cleared', cleared);
  }
  state.findings.news = news;
};

/** Whether another finding of the same member says it better. */
const outdone = (all: readonly Condition[]): ((condition: Condition) => boolean) => {
  const outdoing = new Set(
    all.flatMap(({ rule, ino }) => (SUPERSEDES[rule] ?? []).map((lesser) => `${lesser} ${ino}`)),
  );
  return ({ rule, ino }) => ino !== null && outdoing.has(`${rule} ${ino}`);
};

/** What is said of a member is over when it has left. */
const hasLeft = (state: State, { ino }: Finding): boolean =>
  ino !== null && state.members.get(ino)?.closedNs !== null;
