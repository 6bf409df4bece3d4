// Which findings stand: asks every rule at each tick, raises and clears with hysteresis, keeps the history.

import { type Finding, type FindingEvent, keep, keyOf, SEVERITIES } from '../state/finding.js';
import { isShown, type State } from '../state/state.js';
import type { Rule } from './rule.js';
import { RULES } from './rules/all.js';

/** The rules by their id, in their order. */
const RULE = new Map<string, Rule>(RULES.map((rule) => [rule.id, rule]));
const ORDER = [...RULE.keys()];

/** Findings that stand at once: a host with a thousand sick listeners is described by fewer. */
const ACTIVE_KEPT = 1024;

/** Everything that is wrong now and concerns who the user asked for, worst first. */
export const findings = (state: State): Finding[] =>
  [...state.findings.active.values()].filter((finding) => isAsked(state, finding)).sort(byWeight);

/** Worst first: by severity, then in the order of the rules; the older one first. */
const byWeight = (a: Finding, b: Finding): number => weightOf(a) - weightOf(b) || a.serial - b.serial;

const weightOf = ({ rule, severity }: Finding): number =>
  SEVERITIES.indexOf(severity) * ORDER.length + ORDER.indexOf(rule);

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
  const conditions = RULES.flatMap(({ id, severity, conditions }) =>
    conditions(state).map((condition) => ({ rule: id, severity, ...condition })),
  );
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
    const isQuiet = state.nowNs - finding.lastNs > (RULE.get(finding.rule)?.clearsNs ?? 0);
    if (!isQuiet && !isOutdone(finding) && !hasLeft(state, finding)) continue;
    const cleared = { ...finding, clearedNs: state.nowNs };
    active.delete(key);
    keep(state.findings, cleared);
    tell('cleared', cleared);
  }
  state.findings.news = news;
};

/** Whether another finding of the same member says it better. */
const outdone = (all: readonly About[]): ((about: About) => boolean) => {
  const outdoing = new Set(
    all.flatMap(({ rule, ino }) => (RULE.get(rule)?.supersedes ?? []).map(({ id }) => `${id} ${ino}`)),
  );
  return ({ rule, ino }) => ino !== null && outdoing.has(`${rule} ${ino}`);
};
type About = Pick<Finding, 'rule' | 'ino'>;

/** What is said of a member is over when it has left. */
const hasLeft = (state: State, { ino }: Finding): boolean =>
  ino !== null && state.members.get(ino)?.closedNs !== null;
