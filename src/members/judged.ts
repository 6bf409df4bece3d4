// What is said of the shares of a group, in the words of its protocol and the same in every output.
import { comparablePicks, type Group } from '../core/state/group.js';
import { countsWakeUps, picksOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { judge, type Verdict } from '../core/statistics/imbalance.js';

/**
 * Judges the longest time in which the members were the same, also where only those of one process are shown; null where
 * nobody shares. core/statistics/imbalance speaks of workers and connections, of which UDP has none.
 */
export const judged = (state: State, group: Group): Verdict | null => {
  const counts = comparablePicks(group);
  if (counts.length < 2) return null;
  let all = 0;
  for (const member of state.members.values()) if (member.group === group.key) all += picksOf(member);
  const verdict = judge(counts, all);
  if (verdict === null || group.proto === 'tcp') return verdict;
  const noun = countsWakeUps(group, state.rung) ? 'wake-ups' : 'datagrams';
  return { ...verdict, text: verdict.text.replace('workers', 'sockets').replace('connections', noun) };
};
