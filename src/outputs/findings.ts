// Findings as lines of text: what stands with one thing to try, what was cleared, and the news of one event.

import { findings, pastFindings } from '../core/findings/diagnosis.js';
import { clockOf } from '../core/state/clock.js';
import { type Finding, type FindingEvent, markOf } from '../core/state/finding.js';
import type { State } from '../core/state/state.js';
import { formatDuration } from '../core/text/format.js';

/** Cleared ones that are listed; the rest is counted. NDJSON has them all. */
const PAST_LISTED = 20;

/** Everything that was found in a run, worst first, then what was cleared, newest first; nothing without findings. */
export const findingLines = (state: State): string[] => {
  const past = pastFindings(state).reverse();
  const more = past.length - PAST_LISTED;
  return [
    ...findings(state).flatMap(standing),
    ...past.slice(0, PAST_LISTED).map((finding) => cleared(state, finding)),
    ...(more > 0 ? [`- ${more} more were cleared before`] : []),
  ];
};

/** What stands; of a note what to try is said elsewhere, for there may be nothing to do. */
const standing = (finding: Finding): string[] => {
  const { severity, text, doubt, advice } = finding;
  return [
    `${markOf(finding)} ${text}`,
    ...(doubt === null ? [] : [`  but: ${doubt}`]),
    ...(severity === 'note' ? [] : [`  try: ${advice}`]),
  ];
};

const cleared = (state: State, finding: Finding): string => {
  const { raisedNs, clearedNs, rule, text } = finding;
  const until = clearedNs === null ? '' : (clockOf(state, clearedNs, false) ?? '-');
  return `- ${clockOf(state, raisedNs, false) ?? '-'} to ${until}, cleared: ${markOf(finding)} ${rule}: ${text}`;
};

/** `found  x stuck: ... Try: ...`: one line for something raised, changed or cleared. */
export const newsLine = (news: FindingEvent): string => {
  const name = `${markOf(news)} ${news.rule}: ${news.text}`;
  if (news.status === 'cleared') return `gone   ${name} (after ${formatDuration(news.tsNs - news.raisedNs)})`;
  const doubt = news.doubt === null ? '' : ` (but: ${news.doubt})`;
  const advice = news.severity === 'note' ? '' : ` Try: ${news.advice}`;
  return `${news.status === 'raised' ? 'found ' : 'now   '} ${name}${doubt}${advice}`;
};
