// The metrics of a group: exact sums that outlive its members, how many they are, and how even their shares.
import type { Proto } from '../../core/event.js';
import { comparablePicks, type Group, skewOf } from '../../core/state/group.js';
import type { Sums } from '../../core/state/sums.js';
import { judge } from '../../core/statistics/imbalance.js';
import type { Family, Sample } from './family.js';
import { hasCounts, knowsLoss, type Labels, type Look } from './scrape.js';

const AT = ['netns', 'proto', 'address', 'port'] as const;

/** A counter over the members that are there and those that left; null before the probes were attached. `proto` = of no other. */
const sum = (
  name: string,
  help: string,
  value: (sums: Sums, look: Look) => number | null,
  proto: Proto | null = null,
): Family => ({
  name: `reuseport_group_${name}_total`,
  type: 'counter',
  labels: AT,
  help,
  samples: (look) =>
    hasCounts(look)
      ? look.groups
          .filter(({ group }) => proto === null || group.proto === proto)
          .map(({ sums, at }) => ({ at, value: value(sums, look) }))
      : [],
});

export const GROUP_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_group_members',
    type: 'gauge',
    labels: AT,
    help: 'Sockets that listen on this address and port.',
    samples: ({ groups }) => groups.map(({ group, at }) => ({ at, value: group.members.size })),
  },
  sum(
    'picks',
    'Times the kernel picked a member; on the tracepoint rung: finished handshakes queued on one, of UDP wake-ups of its readers. Exact. Includes members that left.',
    ({ picks }) => picks,
  ),
  sum(
    'established',
    'Finished handshakes queued on members. Exact. Includes members that left.',
    (sums) => sums.established,
    'tcp',
  ),
  sum(
    'accepted',
    'Connections that accept() returned. Exact. Includes members that left.',
    ({ accepted }) => accepted,
    'tcp',
  ),
  sum(
    'received',
    'Datagrams that processes received. Exact. UDP only. Includes members that left.',
    ({ received }) => received,
    'udp',
  ),
  {
    name: 'reuseport_group_dropped_total',
    type: 'counter',
    labels: [...AT, 'reason'],
    help: 'Connection attempts that met a full accept queue, by the packet that was dropped: absent on the tracepoint rung. Of UDP datagrams that met a full receive buffer.',
    samples: (look) =>
      hasCounts(look)
        ? look.groups.flatMap(({ group, sums, at }) =>
            group.proto === 'udp'
              ? byBuffer(at, sums.overflowed)
              : knowsLoss(look)
                ? byReason(at, sums.droppedSyn, sums.droppedAck)
                : [],
          )
        : [],
  },
  sum(
    'refused_by_program',
    "Connection attempts that the group's BPF program refused (SK_DROP). Absent on the tracepoint rung.",
    (sums, look) => (knowsLoss(look) ? sums.refused : null),
  ),
  sum(
    'queued_at_close',
    'Connections in the accept queue of a member when it stopped listening: reset, or migrated.',
    (sums) => sums.queuedAtClose,
    'tcp',
  ),
  sum(
    'reset_at_close',
    'Connections reset in the accept queue because their member closed. Absent on the tracepoint rung.',
    (sums, look) => (knowsLoss(look) ? sums.killed : null),
    'tcp',
  ),
  sum(
    'migrated',
    'Connections moved to another member when theirs closed (net.ipv4.tcp_migrate_req). Absent on the tracepoint rung.',
    (sums, look) => (knowsLoss(look) ? sums.movedFrom : null),
    'tcp',
  ),
  {
    name: 'reuseport_group_imbalance_p_value',
    type: 'gauge',
    labels: AT,
    help: 'Chance that a fair hash gives picks as uneven as these (chi-square, since the members are these). Absent below 5 picks a member, and where picks of UDP are wake-ups. One look of many: alert on reuseport_findings.',
    samples: (look) =>
      hasCounts(look)
        ? look.groups.map(({ group, at }) => ({
            at,
            value: isComparable(look, group) ? pValue(comparablePicks(group)) : null,
          }))
        : [],
  },
  {
    name: 'reuseport_group_skew_ratio',
    type: 'gauge',
    labels: AT,
    help: 'Largest share of the picks of the present members over the fair share, 1 / members. Absent without picks or with one member, and where picks of UDP are wake-ups.',
    samples: (look) =>
      hasCounts(look)
        ? look.groups.map(({ group, at }) => ({
            at,
            value: isComparable(look, group) ? skewOf(group) : null,
          }))
        : [],
  },
];

/** A member whose readers are slow is woken less often than it is picked: wake-ups tell nothing of shares. */
const isComparable = (look: Look, { proto }: Group): boolean => proto === 'tcp' || knowsLoss(look);

/** Attempts that met a full accept queue: their SYN was dropped, or the final ACK of their handshake. */
export const byReason = (at: Labels, syn: number, ack: number): Sample[] => [
  { at, labels: { reason: 'syn' }, value: syn },
  { at, labels: { reason: 'ack' }, value: ack },
];

/** Datagrams that met a full receive buffer; null = not known. */
export const byBuffer = (at: Labels, value: number | null): Sample[] => [
  { at, labels: { reason: 'buffer' }, value },
];

/** Never 0: what is too small for a number is the smallest there is. */
const pValue = (picks: readonly number[]): number | null => {
  const verdict = judge(picks);
  if (verdict === null || verdict.kind === 'few') return null;
  return Math.max(Number.MIN_VALUE, Math.exp(verdict.logP));
};
