// What a report tells of a run, before it is written: verdict, findings, groups with their members, the account, the course of events.

import { findings, pastFindings } from '../../core/findings/diagnosis.js';
import { wallOf } from '../../core/state/clock.js';
import { type Finding, markOf } from '../../core/state/finding.js';
import type { State } from '../../core/state/state.js';
import { clean, formatDuration } from '../../core/text/format.js';
import { membersOf, secondsOf } from '../../members/facts.js';
import { checkFacts, whyNoCheck } from '../../members/verdict.js';
import { accountOf } from './account.js';
import { type Course, courseOf } from './course.js';
import { clockAt, dateOf, nameOf, plural, zoneOf } from './format.js';
import { groupOf, type ReportedGroup } from './group.js';
import type { History } from './history.js';

/** Strings are clean, and not yet escaped for any format. */
export type Report = {
  readonly verdict: 'problem' | 'warning' | 'healthy' | 'nothing';
  /** One sentence. */
  readonly headline: string;
  /** `tcp4 0.0.0.0:80 on web-07`, for titles. */
  readonly subject: string;
  /** What was traced, where, when and how, by name. */
  readonly run: readonly (readonly [name: string, value: string])[];
  /** What the reader must know before any number: where a recording ends early, what was lost. */
  readonly warnings: readonly string[];
  /** Those that stand at the end, worst first, then those that were cleared, newest first. */
  readonly findings: readonly ReportedFinding[];
  /** Findings beyond those. */
  readonly moreFindings: number;
  readonly groups: readonly ReportedGroup[];
  readonly account: readonly string[];
  readonly course: Course;
};

export type ReportedFinding = {
  readonly finding: Finding;
  readonly mark: 'x' | '!' | 'i';
  /** `since 03:12:45` or `03:12:45 to 03:13:10 (25 s), cleared`. */
  readonly when: string;
  readonly text: string;
  readonly doubt: string | null;
  /** null of what is over, and of a note: there may be nothing to do. */
  readonly advice: string | null;
  readonly why: string;
};

/** A page with more is read by nobody; NDJSON has all of them. */
const FINDINGS_TOLD = 100;

/** `stopped`: why the recording ends early. */
export const reportOf = (state: State, history: History, stopped: string | null): Report => {
  const check = checkFacts(state);
  const nothing = whyNoCheck(state);
  const { problems, warnings, notes, summary } = check;
  const counts = [
    [problems, 'problem'],
    [warnings, 'warning'],
    [notes, 'note'],
  ] as const;
  const said = counts.flatMap(([count, noun]) => (count === 0 ? [] : [plural(count, noun)])).join(', ');
  const isHealthy = problems + warnings === 0;
  const keys = [...new Set(membersOf(state).map((member) => member.group))];
  return {
    verdict: problems > 0 ? 'problem' : warnings > 0 ? 'warning' : nothing !== null ? 'nothing' : 'healthy',
    headline:
      nothing !== null && isHealthy
        ? `Nothing to judge: ${nothing}`
        : `${isHealthy ? 'Healthy: ' : ''}${said === '' ? 'nothing found' : said}`,
    subject: subjectOf(state, keys),
    run: runOf(state, history),
    warnings: warningsOf(history, stopped),
    findings: foundOf(state),
    moreFindings: Math.max(0, summary.findings.length - FINDINGS_TOLD),
    groups: keys.map((key) => groupOf(state, key)),
    account: accountOf(state, summary),
    course: courseOf(state, history),
  };
};

const subjectOf = (state: State, keys: readonly string[]): string => {
  const host = clean(state.meta?.host ?? '');
  const [only] = keys;
  const group = keys.length === 1 && only !== undefined ? state.groups.get(only) : undefined;
  const what = group === undefined ? scopeText(state) : nameOf(state, group);
  return host === '' ? what : `${what} on ${host}`;
};

const scopeText = ({ scope }: State): string => {
  const ports = scope.ports.length === 0 ? 'all ports' : `port ${scope.ports.join(', ')}`;
  return [
    scope.proto ?? '',
    ports,
    scope.family === null ? '' : `IPv${scope.family}`,
    scope.pid === null ? '' : `of pid ${scope.pid}`,
  ]
    .filter((word) => word !== '')
    .join(' ');
};

const runOf = (state: State, history: History): [string, string][] => {
  const { meta } = state;
  const from = history.startNs ?? state.startNs;
  const [start, end] = [wallOf(state, from), wallOf(state, state.nowNs)];
  const dates = start === null || end === null ? null : ([dateOf(start), dateOf(end)] as const);
  const until = dates === null || dates[0] === dates[1] ? '' : `${dates[1]} `;
  const when =
    dates === null || start === null
      ? '-'
      : `${dates[0]} ${clockAt(state, from)} to ${until}${clockAt(state, state.nowNs)} ${zoneOf(start)}`;
  const since = state.countedNs;
  const isLater = since !== null && history.startNs !== null && since < history.startNs - 1e9;
  const counts = isLater ? ` (counts are from ${clockAt(state, since)} on)` : '';
  return [
    ['Host', clean(meta?.host || '-')],
    ['Traced', scopeText(state)],
    ['When', `${when}${counts}`],
    ['Counted for', `${secondsOf(state).toFixed(1)} s`],
    ['Kernel', `Linux ${clean(meta?.kernel ?? '-')}`],
    ['Rung', `${meta?.rung ?? '-'}, bpftrace ${clean(meta?.bpftrace ?? '-')}`],
    ['Told by', `reuseport-trace ${clean(meta?.version ?? '-')}`],
  ];
};

const warningsOf = (history: History, stopped: string | null): string[] => [
  ...(stopped === null ? [] : [clean(stopped)]),
  ...(history.unkept === 0
    ? []
    : [
        `${plural(history.unkept, 'join or leave', 'joins and leaves')} more came than are kept: they are not told.`,
      ]),
];

const foundOf = (state: State): ReportedFinding[] =>
  [...findings(state), ...pastFindings(state).reverse()].slice(0, FINDINGS_TOLD).map((finding) => {
    const { raisedNs, clearedNs, text, doubt, advice, why, severity } = finding;
    const isOver = clearedNs !== null;
    return {
      finding,
      mark: markOf(finding),
      when: isOver
        ? `${clockAt(state, raisedNs)} to ${clockAt(state, clearedNs)} (${formatDuration(clearedNs - raisedNs)}), cleared`
        : `since ${clockAt(state, raisedNs)}`,
      text: clean(text),
      doubt: doubt === null ? null : clean(doubt),
      advice: isOver || severity === 'note' ? null : clean(advice),
      why: clean(why),
    };
  });
