// The metrics of a group: exact sums that outlive its members, how many they are, and how even their shares.
import { comparablePicks, skewOf } from '../../core/group.js';
import { judge } from '../../core/imbalance.js';
import type { Sums } from '../../core/sums.js';
import type { Family, Sample } from './family.js';
import { hasCounts, knowsLoss, type Labels, type Look } from './look.js';

const AT = ['netns', 'proto', 'address', 'port'] as const;

/** A counter over the members that are there and those that left; null before the probes were attached. */
const sum = (name: string, help: string, value: (sums: Sums, look: Look) => number | null): Family => ({
  name: `reuseport_group_${name}_total`,
  type: 'counter',
  labels: AT,
  help,
  samples: (look) =>
    hasCounts(look) ? look.groups.map(({ sums, at }) => ({ at, value: value(sums, look) })) : [],
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
    'Times the kernel picked a member; on the tracepoint rung: finished handshakes queued on one. Exact. Includes members that left.',
    ({ picks }) => picks,
  ),
  sum(
    'established',
    'Finished handshakes queued on members. Exact. Includes members that left.',
    (sums) => sums.established,
  ),
  sum(
    'accepted',
    'Connections that accept() returned. Exact. Includes members that left.',
    ({ accepted }) => accepted,
  ),
  {
    name: 'reuseport_group_dropped_total',
    type: 'counter',
    labels: [...AT, 'reason'],
    help: 'Connection attempts that met a full accept queue, by the packet that was dropped. Absent on the tracepoint rung.',
    samples: (look) =>
      hasCounts(look) && knowsLoss(look)
        ? look.groups.flatMap(({ sums, at }) => byReason(at, sums.droppedSyn, sums.droppedAck))
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
  ),
  sum(
    'reset_at_close',
    'Connections reset in the accept queue because their member closed. Absent on the tracepoint rung.',
    (sums, look) => (knowsLoss(look) ? sums.killed : null),
  ),
  sum(
    'migrated',
    'Connections moved to another member when theirs closed (net.ipv4.tcp_migrate_req). Absent on the tracepoint rung.',
    (sums, look) => (knowsLoss(look) ? sums.movedFrom : null),
  ),
  {
    name: 'reuseport_group_imbalance_p_value',
    type: 'gauge',
    labels: AT,
    help: 'Chance that a fair hash gives picks as uneven as these (chi-square, since the members are these). Absent below 5 picks a member. One look of many: alert on reuseport_findings.',
    samples: (look) =>
      hasCounts(look)
        ? look.groups.map(({ group, at }) => ({ at, value: pValue(comparablePicks(group)) }))
        : [],
  },
  {
    name: 'reuseport_group_skew_ratio',
    type: 'gauge',
    labels: AT,
    help: 'Largest share of the picks of the present members over the fair share, 1 / members. Absent without picks or with one member.',
    samples: (look) =>
      hasCounts(look) ? look.groups.map(({ group, at }) => ({ at, value: skewOf(group) })) : [],
  },
];

/** Attempts that met a full accept queue: their SYN was dropped, or the final ACK of their handshake. */
export const byReason = (at: Labels, syn: number, ack: number): Sample[] => [
  { at, labels: { reason: 'syn' }, value: syn },
  { at, labels: { reason: 'ack' }, value: ack },
];

/** Never 0: what is too small for a number is the smallest there is. */
const pValue = (picks: readonly number[]): number | null => {
  const verdict = judge(picks);
  if (verdict === null || verdict.kind === 'few') return null;
  return Math.max(Number.MIN_VALUE, Math.exp(verdict.logP));
};
