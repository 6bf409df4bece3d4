// How far a finding can be trusted when the tool has lost something: in words, or null when nothing speaks against it.

import type { State } from '../../state/state.js';
import { totals, unaccepted, uncounted } from '../../state/totals.js';
import { formatCount } from '../../text/format.js';

/** Of what rests on the exact counters. */
export const doubtInCounts = (state: State): string | null => {
  const missing = uncounted(state) + unaccepted(state);
  if (missing === 0) return null;
  const { picks } = totals(state);
  return `up to ${formatCount(missing)} of ${formatCount(picks + missing)} picks and accepts were not counted`;
};

/** Of what rests on the events that were shown. */
export const doubtInLog = (state: State): string | null => {
  const lost = Math.max(totals(state).lost, state.lostPerf);
  return lost === 0 ? null : `${formatCount(lost)} events were lost: there may be more`;
};
