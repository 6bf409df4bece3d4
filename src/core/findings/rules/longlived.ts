// A skew that no pick has made: connections that stay open longer with one member than with the others.
import type { Condition } from '../../state/finding.js';
import { comparablePicks, type Group, sharing, type Uneven } from '../../state/group.js';
import type { Member } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { formatP, judge, type Verdict } from '../../statistics/imbalance.js';
import { formatCount } from '../../text/format.js';
import { doubtInCounts } from './doubt.js';
import { nameOf, plural } from './subject.js';

export const longLived = (state: State): Condition[] =>
  [...state.groups.values()].flatMap((group) => {
    const { uneven, fairness } = group;
    const member = uneven === null ? undefined : group.members.get(uneven.ino);
    // Uneven picks say more, and one who does not accept has nothing open: stuck and ghost tell.
    if (uneven === null || member === undefined || (fairness?.alarm ?? null) !== null) return [];
    return sharing(group).some(isUnserved) ? [] : describe(state, group, member, uneven);
  });

/** Members that join within it were started together, one after the other. */
const JOINED_NS = 3e9;
const YOUNG_NS = 3600e9;

const isUnserved = ({ waitingSinceNs, unserved }: Member): boolean =>
  waitingSinceNs !== null && unserved.watchedNs > 0;

const describe = (state: State, group: Group, member: Member, uneven: Uneven): Condition[] => {
  const picks = judge(comparablePicks(group));
  const members = sharing(group);
  const all = members.reduce((sum, { open }) => sum + (open ?? 0), 0);
  if (picks === null || picks.kind === 'skewed' || member.open === null || all === 0) return [];
  const isFew = picks.kind === 'few';
  // It has what came while it was alone, as after a restart of the others, for as long as that explains it.
  const youth = Math.max(member.seenNs + JOINED_NS, state.nowNs - YOUNG_NS);
  const isEldest = uneven.isMore && members.every((other) => other === member || other.seenNs > youth);
  const ratio = (member.open / all) * members.length;
  const others = group.open?.others ?? 0;
  return [
    {
      // Too many wear a member out; too few, or most beside younger ones, are what a restart leaves.
      severity: uneven.isMore && !isFew && !isEldest ? 'warning' : 'note',
      group: group.key,
      ino: member.ino,
      detail: 'open',
      sinceNs: uneven.sinceNs,
      lastNs: state.nowNs,
      text:
        `${nameOf(member)}: ${Math.round((100 * member.open) / all)}% of ${formatCount(all)} open connections, ` +
        `${ratio.toFixed(2)}x its fair share (${formatP(-uneven.evidence)})${isEldest ? ': the others were started after it' : causeOf(picks, uneven)}`,
      evidence: {
        open: member.open,
        groupOpen: all,
        members: members.length,
        ratio: Number(ratio.toFixed(3)),
        lnP: Number((-uneven.evidence).toFixed(2)),
        groupPicks: picks.connections,
        picksLnP: isFew ? null : Number(picks.logP.toFixed(2)),
        cause: isEldest ? 'started-later' : isFew ? 'unknown' : 'long-lived',
      },
      advice: isEldest
        ? 'Nothing: the others fill up as its connections end. If they never do, let clients connect anew now and then.'
        : uneven.isMore
          ? 'Let clients connect anew now and then (a longest age of connections), or restart that worker gently: no hash moves what is open.'
          : 'Nothing, if it was started after the others: it fills up as connections end. Else see why its own end so soon.',
      why: 'The kernel picks once, when a connection begins; how long it stays is for client and server to say.',
      doubt:
        others > 0
          ? `${formatCount(others)} more are not held by the processes that serve the port`
          : doubtInCounts(state),
    },
  ];
};

/** Even picks leave only how long connections live; few may have been uneven before anybody looked. */
const causeOf = (picks: Verdict, { isMore }: Uneven): string => {
  const { kind, workers, connections, largest, logP } = picks;
  if (kind === 'few') return `: ${plural(connections, 'pick')} so far, too few to tell why`;
  const most = `${((largest / connections) * workers).toFixed(2)}x (${formatP(logP)})`;
  const who = isMore ? 'its own live long' : 'those of the others live longer';
  return `: ${who}; of ${formatCount(connections)} picks nobody has more than ${most}`;
};
