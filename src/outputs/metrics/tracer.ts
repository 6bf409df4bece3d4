// The metrics of the tool itself: whether its own numbers can be trusted, and what it costs.
import { totals, uncounted } from '../../core/state/totals.js';
import type { Family } from './family.js';
import { whyIll } from './health.js';
import { hasCounts, type Look } from './scrape.js';

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

export const TRACER_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_tracer_info',
    type: 'gauge',
    labels: ['version', 'kernel', 'bpftrace', 'rung'],
    help: 'Always 1. What traces, and which kind of probe it got.',
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
  single(
    'gauge',
    'up',
    '1 while the probes are attached and tick; 0: nothing is counted, or what is does not arrive.',
    ({ state, tool }) => (whyIll(state, tool.nowNs) === null ? 1 : 0),
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
    ({ tally }) => tally.lost,
  ),
  single(
    'counter',
    'missed_probe_runs_total',
    'Probe runs that the kernel skipped (recursion_misses), those too that count nothing.',
    ({ state }) => state.missed,
  ),
  single(
    'gauge',
    'uncounted_picks',
    'Picks that are missing in the counters at most, because the kernel skipped probe runs: judged by accepts without a pick.',
    (look) => (hasCounts(look) ? uncounted(look.state) : null),
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
  single(
    'gauge',
    'details_limit',
    'Picks that may be shown a second (--details); some 500 more at once after a quiet time.',
    ({ state }) => (state.meta === null ? null : state.meta.budgetPerSecond),
  ),
  {
    name: 'reuseport_tracer_hidden',
    type: 'gauge',
    labels: ['what'],
    help: 'Groups and members that are left out of a scrape, because there are more than 1024 of them.',
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
