// Which findings stand: asks every rule at each tick, raises and clears with hysteresis, keeps the history. It knows no rule's reasons.
import { byWeight, type Condition, type Finding, type FindingEvent, keyOf, type Rule } from './finding.js';
import { push } from './ring.js';
import { queueRules } from './rules/queue.js';
import { endedRule, lossyRule } from './rules/run.js';
import { skewRule } from './rules/skew.js';
import { isShown, type State } from './state.js';

/** Each says what is so now; what must be so for a while is the rule's to know. */
const ALL_RULES: readonly ((state: State) => readonly Condition[])[] = [
  endedRule,
  queueRules,
  skewRule,
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
  'lost-at-close': 60e9,
  'bind-refused': 60e9,
  'bad-program': 60e9,
  // It has its own: see fairness.calm.
  skew: 0,
  'not-sharing': 5e9,
  split: 5e9,
  renumbered: 60e9,
  lossy: 60e9,
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
  state.findings.history.items.filter((finding) => isAsked(state, finding));

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
  for (const condition of ALL_RULES.flatMap((rule) => rule(state))) {
    const key = keyOf(condition);
    const known = active.get(key);
    if (known !== undefined) {
      const finding = { ...known, ...condition, sinceNs: Math.min(known.sinceNs, condition.sinceNs) };
      active.set(key, finding);
      if (known.severity !== finding.severity) tell('changed', finding);
      continue;
    }
    if (active.size >= ACTIVE_KEPT) continue;
    const serial = ++state.findings.raised;
    const finding = { ...condition, key, serial, raisedNs: state.nowNs, clearedNs: null };
    active.set(key, finding);
    tell('raised', finding);
  }
  for (const [key, finding] of active) {
    if (state.nowNs - finding.lastNs <= CLEARS_NS[finding.rule] && !isOver(state, finding)) continue;
    const cleared = { ...finding, clearedNs: state.nowNs };
    active.delete(key);
    push(state.findings.history, cleared);
    tell('cleared', cleared);
  }
  state.findings.news = news;
};

/** Whether it need not be waited for: its member has left, or another finding says it better. */
const isOver = (state: State, { rule, group, ino }: Finding): boolean => {
  if (ino === null) return false;
  const member = state.members.get(ino);
  if (member === undefined || member.closedNs !== null) return true;
  return [...state.findings.active.values()].some(
    (other) => other.ino === ino && other.group === group && SUPERSEDES[other.rule]?.includes(rule) === true,
  );
};
