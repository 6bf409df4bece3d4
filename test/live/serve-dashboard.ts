// Holds every query of the shipped dashboard against what servers counted themselves: each panel shows the truth, or nothing.
import { expect } from 'vitest';
import { judge } from '../../src/core/statistics/imbalance.js';
import { dashboardQueries, type Prometheus, type Series } from './serve-prometheus.js';

/** What one host's servers counted, by inode, all of it since Prometheus scraped a 0. */
export type Truth = {
  readonly instance: string;
  readonly picks: ReadonlyMap<string, number>;
  readonly accepted: ReadonlyMap<string, number>;
  readonly queues: ReadonlyMap<string, number>;
  readonly backlog: number;
  /** Inodes of members that do not accept. */
  readonly stuck: readonly string[];
};

/** Longer than Prometheus has run: every range holds all that was counted. */
const RANGE_SECONDS = 300;

type Expectation = {
  readonly panel: string;
  /** Which of the panel's queries, where it has several that differ in this. */
  readonly metric?: string;
  /** What tells its series apart. */
  readonly by: readonly string[];
  readonly values: Readonly<Record<string, number>>;
  /** Exact, or a rate: what PromQL extrapolates to the edges of the range is a scrape interval at each at most. */
  readonly isRate?: boolean;
};

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, number) => all + number, 0);

const expectations = (hosts: readonly Truth[]): Expectation[] => {
  const each = (value: (host: Truth) => number): Record<string, number> =>
    Object.fromEntries(hosts.map((host) => [host.instance, value(host)]));
  const members = (value: (host: Truth, ino: string) => number): Record<string, number> =>
    Object.fromEntries(
      hosts.flatMap((host) =>
        [...host.picks.keys()].map((ino) => [`${host.instance} ${ino}`, value(host, ino)]),
      ),
    );
  const rate = (counts: ReadonlyMap<string, number>): number => sum(counts.values()) / RANGE_SECONDS;
  const one = (value: number): Record<string, number> => ({ '': value });
  const [instance, member] = [['instance'], ['instance', 'ino']];
  return [
    { panel: 'Hosts traced', by: [], values: one(hosts.length) },
    { panel: 'Problems', by: [], values: one(sum(hosts.map(({ stuck }) => stuck.length))) },
    { panel: 'Picks', by: [], values: one(sum(hosts.map(({ picks }) => rate(picks)))), isRate: true },
    { panel: 'Listeners', by: [], values: one(sum(hosts.map(({ picks }) => picks.size))) },
    { panel: 'Refused binds', by: [], values: one(0) },
    { panel: 'Picks by group', by: instance, values: each(({ picks }) => rate(picks)), isRate: true },
    {
      panel: 'Accepted and received by group',
      metric: 'accepted_total',
      by: instance,
      values: each(({ accepted }) => rate(accepted)),
      isRate: true,
    },
    // There is no UDP.
    { panel: 'Accepted and received by group', metric: 'received_total', by: instance, values: {} },
    {
      panel: 'Skew of the last five minutes',
      by: instance,
      values: each(({ picks }) => (Math.max(...picks.values()) / sum(picks.values())) * picks.size),
    },
    {
      panel: 'Chance of shares this uneven',
      by: instance,
      values: each(({ picks }) => Math.exp(judge([...picks.values()])?.logP ?? Number.NaN)),
    },
    { panel: 'Dropped and lost', metric: 'dropped_total', by: instance, values: {} },
    { panel: 'Dropped and lost', metric: 'queued_at_close', by: instance, values: each(() => 0) },
    {
      panel: 'Share of the picks',
      by: member,
      values: members(({ picks }, ino) => (picks.get(ino) ?? 0) / sum(picks.values())),
    },
    {
      panel: 'Accept queue',
      metric: 'queue_length',
      by: member,
      values: members(({ queues }, ino) => queues.get(ino) ?? Number.NaN),
    },
    { panel: 'Accept queue', metric: 'queue_limit', by: instance, values: each(({ backlog }) => backlog) },
    {
      panel: 'Picks and accepts in the time shown',
      metric: 'picks_total',
      by: member,
      values: members(({ picks }, ino) => picks.get(ino) ?? Number.NaN),
      isRate: true,
    },
    {
      panel: 'Picks and accepts in the time shown',
      metric: 'accepted_total',
      by: member,
      values: members(({ accepted }, ino) => accepted.get(ino) ?? Number.NaN),
      isRate: true,
    },
    { panel: 'Time without sight', by: instance, values: each(() => 0) },
    { panel: 'Restarts of bpftrace', by: instance, values: each(() => 0) },
    { panel: 'Versions and probes', by: instance, values: each(() => 1) },
  ];
};

/** What servers do not count: it must be answered, with numbers. */
const OTHERS = [
  'Warnings',
  'Wait for accept(), 99th percentile',
  'CPU',
  'Memory',
  'Lost details, missed probe runs, lines not understood',
];

/** `seconds` is how long the connections took. */
export const checkDashboard = async (
  prometheus: Prometheus,
  hosts: readonly Truth[],
  seconds: number,
): Promise<void> => {
  const expected = expectations(hosts);
  const met = new Set<Expectation>();
  for (const { panel, expr } of dashboardQueries(RANGE_SECONDS)) {
    const series = await prometheus.query(expr);
    if (panel === 'Alerts') continue;
    if (panel === 'What is wrong now') {
      checkWrong(series, hosts);
      continue;
    }
    if (OTHERS.includes(panel)) {
      expect({ expr, values: series.map(({ value }) => value) }).toEqual({
        expr,
        values: expect.arrayContaining([expect.any(Number)]),
      });
      continue;
    }
    const wanted = expected.find(
      (each) => each.panel === panel && (each.metric === undefined || expr.includes(each.metric)),
    );
    if (wanted === undefined) throw new Error(`nothing is known of ${panel}: ${expr}`);
    met.add(wanted);
    const seen = Object.fromEntries(
      series.map(({ labels, value }) => [wanted.by.map((label) => labels[label]).join(' '), value]),
    );
    expect({ panel, keys: Object.keys(seen).sort() }).toEqual({
      panel,
      keys: Object.keys(wanted.values).sort(),
    });
    for (const [key, value] of Object.entries(wanted.values)) {
      const [low, high] =
        wanted.isRate === true ? [0.99 * value, (1 + 2 / seconds) * value] : [value - 1e-6, value + 1e-6];
      const found = seen[key] ?? Number.NaN;
      expect({ panel, key, found, value, isTrue: found >= low && found <= high }).toMatchObject({
        isTrue: true,
      });
    }
  }
  expect(expected.filter((each) => !met.has(each))).toEqual([]);
};

/** The stuck members, each with the process that does not accept, and no other problem. */
const checkWrong = (series: readonly Series[], hosts: readonly Truth[]): void => {
  const problems = series.filter(({ labels }) => labels.severity === 'problem');
  expect(problems.map(({ labels: { rule, instance, ino } }) => `${rule} ${instance} ${ino}`).sort()).toEqual(
    hosts.flatMap(({ instance, stuck }) => stuck.map((ino) => `stuck ${instance} ${ino}`)).sort(),
  );
  for (const { labels } of problems) expect(labels.pid).toMatch(/^\d+$/);
};
