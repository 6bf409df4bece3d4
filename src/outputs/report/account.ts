// How far the numbers of a report can be trusted: what was shown, sampled away, lost and missed, and what the rung is blind for.

import { UNKNOWN } from '../../core/rung.js';
import { countsWakeUps } from '../../core/state/member.js';
import type { State } from '../../core/state/state.js';
import { clean } from '../../core/text/format.js';
import { exact } from '../../members/cells.js';
import { membersOf, type SummaryFacts } from '../../members/facts.js';
import { plural } from './format.js';

/** Sentences. */
export const accountOf = (state: State, summary: SummaryFacts): string[] => {
  const { picks, shown, sampledAway, lost, missed, malformed, acceptedUnknown } = summary;
  const isEven = shown + sampledAway + lost === picks;
  const hasWakeUps = membersOf(state).some((member) => countsWakeUps(member, state.rung));
  return [
    isEven
      ? `${exact(picks)} picks = ${exact(shown)} shown + ${exact(sampledAway)} sampled away + ${exact(lost)} lost. Counts are exact; waits are those of the picks shown.`
      : `${exact(picks)} picks at the last count, ${exact(shown)} shown by then. Counts are exact; waits are those of the picks shown.`,
    `${plural(missed, 'probe run')} skipped by the kernel, ${plural(malformed, 'line')} not understood${missed > 0 ? ': picks and accepts may be too low' : ''}.`,
    ...(acceptedUnknown > 0
      ? [
          `${plural(acceptedUnknown, 'accept')} of an unknown listener: accept() was waiting when the tool started.`,
        ]
      : []),
    ...(hasWakeUps
      ? ['UDP on this rung: wake-ups, not datagrams (one may stand for several); what was received is exact.']
      : []),
    ...unseen(state),
  ];
};

const unseen = ({ meta }: State): string[] => {
  const blind = meta?.rung == null ? [] : UNKNOWN[meta.rung];
  const why = (meta?.rejected ?? []).map((each) => `${each.rung}: ${clean(each.why.split('\n')[0] ?? '')}`);
  return [
    ...(blind.length === 0 ? [] : [`The ${meta?.rung} rung cannot know: ${blind.join('; ')}.`]),
    ...(why.length === 0 ? [] : [`Better rungs that this host did not give: ${why.join('; ')}.`]),
  ];
};
