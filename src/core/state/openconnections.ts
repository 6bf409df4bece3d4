// Whose the open connections of a group are, from what /proc counted by process, and whether they are uneven; it judges no picks.

import type { OpenEvent } from '../event.js';
import { LIMIT_SECONDS, weigh } from '../statistics/fairness.js';
import { foldMapped } from '../text/endpoint.js';
import { type Group, groupsAt, sharing } from './group.js';
import type { Member } from './member.js';
import type { State } from './state.js';

/** They are counted this often at most (proc/openconnections). */
const LOOK_SECONDS = 5;
/**
 * A count is a sample by itself, so the chance that a fair group shows e^x is e^-x (see core/statistics/fairness); each look may use its
 * part of the one false alarm in 1,000 group-hours.
 */
const ALARM = Math.log(LIMIT_SECONDS / LOOK_SECONDS);

/** What /proc counted on an address. */
export const onOpen = (state: State, event: OpenEvent): void => {
  const at = { ...event, proto: 'tcp', laddr: foldMapped(event.laddr) } as const;
  const groups = groupsAt(state.groups, at);
  // /proc does not tell by which interface a connection came: with a group on each, it is not known whose they are.
  if (groups.length > 1) groups.forEach(uncount);
  else
    for (const group of groups) {
      group.open = event;
      apportion(group, event);
    }
};

/** At every tick: who accepts where may be seen after the count, and members come and go. */
export const weighOpen = (group: Group): void => {
  const { open, members } = group;
  if (open === null) return;
  // Of one that is left alone nobody counts any more.
  if (members.size < 2) {
    uncount(group);
    return;
  }
  for (const member of members.values()) {
    if (member.open !== null) continue;
    apportion(group, open);
    break;
  }
  group.uneven = compare(group, open.tsNs);
};

const uncount = (group: Group): void => {
  Object.assign(group, { open: null, uneven: null });
  for (const member of group.members.values()) member.open = null;
};

/** Gives each member the connections of its processes. */
const apportion = (group: Group, open: OpenEvent): void => {
  const counts = countsOf(group, open);
  for (const member of group.members.values()) member.open = counts?.get(member.ino) ?? null;
};

/** Connections by member, without those members of which it is not known; null = of none it is. */
const countsOf = ({ members }: Group, { processes, others }: OpenEvent): Map<number, number> | null => {
  const attributed = processes?.reduce((sum, { connections }) => sum + connections, 0) ?? 0;
  // Where those who accept hand most of them over, what they keep says nothing.
  if (processes === null || others > attributed) return null;
  const served = servedBy([...members.values()]);
  const counts = new Map<number, number>();
  for (const [only, ...more] of served.values())
    if (only !== undefined && more.length === 0) counts.set(only.ino, 0);
  const unknown = new Set<number>();
  for (const { pid, connections } of processes) {
    const its = served.get(pid);
    // It holds none of the listeners any more.
    if (its === undefined) continue;
    const [only, ...more] = its;
    if (only !== undefined && more.length === 0)
      counts.set(only.ino, (counts.get(only.ino) ?? 0) + connections);
    else for (const { ino } of its) unknown.add(ino);
  }
  for (const ino of unknown) counts.delete(ino);
  return counts;
};

/** The members that each process accepts on; where it was not seen to accept, those that it holds. */
const servedBy = (members: readonly Member[]): Map<number, readonly Member[]> => {
  const served = new Map<number, Member[]>();
  const add = (pid: number, member: Member): void => {
    const its = served.get(pid);
    if (its === undefined) served.set(pid, [member]);
    else its.push(member);
  };
  for (const member of members) for (const pid of member.acceptors) add(pid, member);
  const accepting = new Set(served.keys());
  for (const member of members)
    for (const { pid } of member.holders) if (!accepting.has(pid)) add(pid, member);
  return served;
};

/** It stands until its shares are ones that do not matter, or that chance gives. */
const compare = (group: Group, tsNs: number): Group['uneven'] => {
  const members = sharing(group);
  const counts = members.flatMap((member) => member.open ?? []);
  if (members.length < 2 || counts.length < members.length) return null;
  const found = weigh(counts, []);
  if (found === null || found.evidence < (group.uneven === null ? ALARM : 0)) return null;
  const { accused, isMore, evidence } = found;
  return { sinceNs: group.uneven?.sinceNs ?? tsNs, ino: members[accused]?.ino ?? 0, isMore, evidence };
};
