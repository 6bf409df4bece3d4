// The metrics of what is wrong (findings, refused binds) and of the tool itself: whether its own numbers can be trusted, and its cost.
import { RULES, SEVERITIES } from '../../core/finding.js';
import { totals } from '../../core/totals.js';
import type { Family, Labels } from './family.js';
import { hasCounts, type Look } from './look.js';

/** One series without labels. */
const single = (
  type: Family['type'],
  name: string,
  help: string,
  value: (look: Look) => number | null,
): Family => ({
  name: `reuseport_tracer_${name}`,
  type,
  labels: [],
  help,
  samples: (look) => [{ value: value(look) }],
});

export const FINDING_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_findings',
    type: 'gauge',
    labels: ['rule', 'severity'],
    help: 'Findings that stand now. README: Findings.',
    samples: ({ state }) => {
      const counts = new Map<string, number>();
      for (const { rule, severity } of state.findings.active.values()) {
        counts.set(`${rule} ${severity}`, (counts.get(`${rule} ${severity}`) ?? 0) + 1);
      }
      return RULES.flatMap((rule) =>
        SEVERITIES.map((severity) => ({
          labels: { rule, severity },
          value: counts.get(`${rule} ${severity}`) ?? 0,
        })),
      );
    },
  },
  {
    name: 'reuseport_finding_active',
    type: 'gauge',
    labels: ['rule', 'severity', 'netns', 'proto', 'address', 'port', 'ino'],
    help: 'Findings that stand, by what they are about: a member has an ino, a group an address, the run neither.',
    samples: (look) => {
      const counts = new Map<string, { at: Labels; labels: Labels; value: number }>();
      for (const { rule, severity, group, ino } of look.state.findings.active.values()) {
        const key = `${rule} ${severity} ${group} ${ino}`;
        const at = group === null ? {} : look.labelsOf(group);
        const labels = { rule, severity, ino: ino ?? '' };
        counts.set(key, { at, labels, value: (counts.get(key)?.value ?? 0) + 1 });
      }
      return [...counts.values()];
    },
  },
  {
    name: 'reuseport_findings_raised_total',
    type: 'counter',
    labels: ['rule', 'severity'],
    help: 'Findings raised since the start, by the severity they were raised with: those too that came and went between two scrapes.',
    samples: ({ tally }) =>
      [...tally.raised.values()].map(({ rule, severity, count }) => ({
        labels: { rule, severity },
        value: count,
      })),
  },
  {
    name: 'reuseport_bind_refused_total',
    type: 'counter',
    labels: ['call', 'errno', 'port'],
    help: 'bind() and listen() calls that the kernel refused. The port is named where somebody listens on it or --port asked for it.',
    samples: ({ tally }) =>
      [...tally.refused.values()].map(({ call, errno, port, count }) => ({
        labels: { call, errno, port },
        value: count,
      })),
  },
];

export const TRACER_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_tracer_info',
    type: 'gauge',
    labels: ['version', 'kernel', 'bpftrace', 'rung'],
    help: 'Always 1. What traces, and which kind of probe it got: README, Requirements.',
    samples: ({ state: { meta } }) =>
      meta === null
        ? []
        : [
            {
              labels: {
                version: meta.version,
                kernel: meta.kernel,
                bpftrace: meta.bpftrace ?? '',
                rung: meta.rung ?? '',
              },
              value: 1,
            },
          ],
  },
  single('gauge', 'up', '1 while the probes are attached; 0: nothing is counted.', ({ state }) =>
    state.status === 'attached' ? 1 : 0,
  ),
  single(
    'counter',
    'restarts_total',
    'Times bpftrace was started again after it ended.',
    ({ tool }) => tool.restarts,
  ),
  single(
    'counter',
    'blind_seconds_total',
    'Time after the first attachment in which no probe was attached: what happened then is in no counter.',
    ({ tally, tool }) =>
      (tally.blindNs + (tally.blindSinceNs === null ? 0 : Math.max(0, tool.nowNs - tally.blindSinceNs))) /
      1e9,
  ),
  single(
    'counter',
    'lost_events_total',
    'Detail lines that were printed and did not arrive. The counters do not depend on them.',
    ({ state }) => Math.max(state.lostReconciled, state.lostPerf),
  ),
  single(
    'counter',
    'missed_probe_runs_total',
    'Probe runs that the kernel skipped (recursion_misses): when not 0, picks and accepts may be too low.',
    ({ state }) => state.missed,
  ),
  single(
    'counter',
    'malformed_lines_total',
    'Lines of bpftrace that were not understood.',
    ({ state }) => state.malformed,
  ),
  single(
    'counter',
    'shown_picks_total',
    'Picks that were shown one by one: what the waits are measured on.',
    (look) => (hasCounts(look) ? totals(look.state).shown : null),
  ),
  single(
    'counter',
    'unattributed_accepts_total',
    'accept() calls that were under way when the probes attached, and whose listener is not known.',
    (look) => (hasCounts(look) ? look.state.acceptedUnknown : null),
  ),
  single('gauge', 'details_limit', 'Most picks that are shown a second (--details).', ({ state }) =>
    state.meta === null ? null : state.meta.budgetPerSecond,
  ),
  {
    name: 'reuseport_tracer_hidden',
    type: 'gauge',
    labels: ['what'],
    help: 'Groups and members that are left out of a scrape, because there are more than 2048.',
    samples: ({ hidden }) => [
      { labels: { what: 'groups' }, value: hidden.groups },
      { labels: { what: 'members' }, value: hidden.members },
    ],
  },
  {
    name: 'reuseport_tracer_cpu_seconds_total',
    type: 'counter',
    labels: ['process'],
    help: 'CPU time of the tool. The probes run on the time of the traced processes and are not in it.',
    samples: ({ tool }) =>
      tool.usage.map(({ process, cpuSeconds }) => ({ labels: { process }, value: cpuSeconds })),
  },
  {
    name: 'reuseport_tracer_resident_memory_bytes',
    type: 'gauge',
    labels: ['process'],
    help: 'Resident memory of the tool.',
    samples: ({ tool }) =>
      tool.usage.map(({ process, residentBytes }) => ({ labels: { process }, value: residentBytes })),
  },
];
