// Shares that equal chances would not give, as the running test of each group says (core/statistics/fairness), with their cause.
import type { Condition } from '../../state/finding.js';
import { countsWakeUps, type Member } from '../../state/member.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { describeSkew } from '../skewcause.js';
import { doubtInCounts } from './doubt.js';
import { longLived } from './longlived.js';
import { nameOf } from './subject.js';

const WAKE_UPS =
  'on this rung UDP is counted in wake-ups, and whether it is few client ports, of which each keeps to one member, is not seen';

/** Shares that equal chances would not give. */
export const skewRule = {
  id: 'skew',
  severity: 'warning',
  // The test has its own: see fairness.calm.
  clearsNs: 0,
  supersedes: [],
  conditions: (state: State): Condition[] => [...unevenPicks(state), ...longLived(state)],
} as const satisfies Rule;

const unevenPicks = (state: State): Condition[] => {
  const found: Condition[] = [];
  for (const group of state.groups.values()) {
    const words = describeSkew(state, group);
    const member = words === null ? undefined : group.members.get(words.ino);
    const alarm = group.fairness?.alarm;
    const isWakeUps = countsWakeUps(group, state.rung);
    if (words === null || member === undefined || alarm === null || alarm === undefined) continue;
    if (isWakeUps && isUnread(member)) continue;
    found.push({
      group: group.key,
      ino: words.ino,
      detail: '',
      sinceNs: alarm.fromNs,
      lastNs: state.nowNs,
      text: `${nameOf(member)}: ${isWakeUps ? words.text.replaceAll('picks', 'wake-ups') : words.text}`,
      evidence: words.evidence,
      advice: words.advice,
      why: words.why,
      doubt: isWakeUps ? WAKE_UPS : doubtInCounts(state),
    });
  }
  return found;
};

/** Few wake-ups say nothing of picks where nobody reads: a datagram that a full buffer refuses wakes nobody (stuck and overflow tell). */
const isUnread = ({ waitingSinceNs, unserved, drops }: Member): boolean =>
  (waitingSinceNs !== null && unserved.watchedNs > 0) || (drops !== null && drops.spell !== null);
