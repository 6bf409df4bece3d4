// The metrics of one socket: what was counted on it, its queue and its waits, named by its inode for as long as it listens.
import { droppedOf, establishedOf, type Member, ownerOf, queueOf, total } from '../../core/state/member.js';
import { countBelow } from '../../core/statistics/latency.js';
import { clean } from '../../core/text/format.js';
import { processOf } from '../../core/words/identity.js';
import type { Column } from '../../members/column.js';
import { COLUMNS } from '../../members/columns.js';
import type { Family, Sample } from './family.js';
import { byBuffer, byReason } from './groups.js';
import { whyIll } from './health.js';
import { hasCounts, knowsLoss, type Labels, type Look } from './scrape.js';

/** The inode tells members apart: an index moves to another socket when a member leaves, and its counter would go back. */
const AT = ['netns', 'proto', 'address', 'port', 'ino'] as const;

/** The metric of a column; none where it has none. */
const ofColumn = ({ value, metric }: Column): Family[] => {
  if (value === undefined || metric === undefined) return [];
  const { name, type, help, proto } = metric;
  return [
    {
      ...{ name: `reuseport_member_${name}`, type, labels: AT, help },
      samples: (look) =>
        hasCounts(look)
          ? look.members
              .filter(({ member }) => proto === undefined || member.proto === proto)
              .map(({ member, at }) => ({ at, value: numberOf(value, member, look) }))
          : [],
    },
  ];
};

const numberOf = (value: NonNullable<Column['value']>, member: Member, { state }: Look): number | null => {
  const number = value({ member, rung: state.rung, share: null, fair: null });
  return typeof number === 'number' ? number : null;
};

/**
 * Bounds of the waits in nanoseconds, powers of four from 65.5 us to 68.7 s: the edges of core/latency, so that no wait is
 * counted in a bucket that it may not belong to.
 */
const BOUNDS_NS = Array.from({ length: 11 }, (_, step) => 2 ** (16 + 2 * step));

export const MEMBER_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_member_info',
    type: 'gauge',
    labels: [...AT, 'index', 'pid', 'comm', 'unit', 'container_id', 'pod_uid'],
    help: 'Always 1. Its index in socks[] now, who accepts on it (or its only holder), and where that runs, as its cgroup says. Join it by instance and ino.',
    samples: ({ members }) =>
      members.map(({ member, at }) => {
        const owner = ownerOf(member);
        const process = processOf(member);
        const labels = {
          index: member.index ?? '',
          pid: owner?.pid ?? '',
          comm: clean(owner?.comm ?? ''),
          unit: clean(process?.unit ?? ''),
          container_id: clean(process?.container ?? ''),
          pod_uid: clean(process?.pod ?? ''),
        };
        return { at, labels, value: 1 };
      }),
  },
  ...COLUMNS.flatMap(ofColumn),
  {
    name: 'reuseport_member_established_total',
    type: 'counter',
    labels: AT,
    help: 'Finished handshakes queued on it. Exact.',
    samples: (look) =>
      hasCounts(look)
        ? look.members.flatMap(({ member, at }) =>
            member.proto === 'tcp' ? [{ at, value: establishedOf(member, look.state.rung) }] : [],
          )
        : [],
  },
  {
    name: 'reuseport_member_dropped_total',
    type: 'counter',
    labels: [...AT, 'reason'],
    help: 'Connection attempts that met its full accept queue, by the packet that was dropped: absent on the tracepoint rung. Of UDP datagrams that met a full receive buffer.',
    samples: (look) => (hasCounts(look) ? look.members.flatMap((each) => drops(look, each)) : []),
  },
  {
    name: 'reuseport_member_queue_length',
    type: 'gauge',
    labels: AT,
    help: 'Connections that wait for accept(), of UDP bytes to be received, as Recv-Q of ss. Absent while unknown, as when bpftrace has ended or hangs.',
    samples: ({ members, state, tool }) =>
      state.attachedNs === null || whyIll(state, tool.nowNs) === null
        ? members.map(({ member, at }) => ({ at, value: queueOf(member) }))
        : [],
  },
  {
    name: 'reuseport_member_queue_limit',
    type: 'gauge',
    labels: AT,
    help: 'Its backlog, as Send-Q of ss, of UDP the receive buffer in bytes: the queue is full when it is longer than this. Absent until the kernel was seen to use the socket.',
    samples: ({ members }) => members.map(({ member, at }) => ({ at, value: member.backlog })),
  },
  {
    name: 'reuseport_member_wait_seconds',
    type: 'histogram',
    labels: [...AT, 'le'],
    help: 'From the end of the handshake to the return of accept(), of the picks that were shown (see reuseport_tracer_details_limit).',
    samples: (look) =>
      hasCounts(look)
        ? look.members.flatMap(({ member, at }) => (member.proto === 'tcp' ? buckets(member, at) : []))
        : [],
  },
];

const drops = (look: Look, { member, at }: Look['members'][number]): Sample[] => {
  const { counters, proto } = member;
  if (proto === 'udp') return byBuffer(at, droppedOf(member, look.state.rung));
  return knowsLoss(look) ? byReason(at, total(counters.dropped_syn), total(counters.dropped_ack)) : [];
};

const buckets = ({ waits }: Member, at: Labels): Sample[] => [
  ...BOUNDS_NS.map((boundNs) => ({
    at,
    suffix: '_bucket' as const,
    labels: { le: boundNs / 1e9 },
    value: countBelow(waits, boundNs),
  })),
  { at, suffix: '_bucket', labels: { le: '+Inf' }, value: waits.count },
  { at, suffix: '_sum', value: waits.sumNs / 1e9 },
  { at, suffix: '_count', value: waits.count },
];
