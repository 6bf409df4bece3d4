// A fleet: three hosts (network namespaces) with their own servers, clients and serve, watched by Debian's own Prometheus for a minute.
import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, type Server, startServers, stopAll, waitFor, withNetns } from '../workloads/workload.js';
import { type Service, startService, stopServices } from './serve.js';
import { checkDashboard, type Truth } from './serve-dashboard.js';
import { hasPrometheus, type Prometheus, startPrometheus } from './serve-prometheus.js';
import { whyNotLive } from './tool.js';

const skip = whyNotLive() ?? (hasPrometheus() ? null : 'prometheus is not installed');

/** Port of the servers, and of serve in each namespace; Prometheus' own. */
const [PORT, METRICS, PROMETHEUS] = [10_410, 10_411, 10_490];

/** A minute of connections: prime counts, so that no sum is right by accident. */
const HOSTS = [
  { name: 'a', workers: 3, count: 997, perSecond: 20 },
  { name: 'b', workers: 4, count: 751, perSecond: 15 },
  { name: 'c', workers: 5, count: 499, perSecond: 10 },
] as const;
/** Connections before the worker sticks: it has served, and is no ghost. */
const BEFORE = 97;
/** Of the servers' listen(): nothing overflows in a minute. */
const BACKLOG = 2048;
/** Which worker of b does not accept. */
const STUCK = 1;

type Host = (typeof HOSTS)[number] & {
  readonly netns: string;
  readonly servers: readonly Server[];
  readonly service: Service;
};

afterEach(async () => {
  await stopServices();
  await stopAll();
});

const address = (number: number): string => `10.203.${number}.2`;

/** A link between this namespace and another, with addresses of their own. */
const link = (netns: string, number: number): void => {
  const ip = (...words: string[]): unknown => execFileSync('ip', words);
  ip('link', 'add', `rpt-s${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  ip('addr', 'add', `10.203.${number}.1/30`, 'dev', `rpt-s${number}`);
  ip('link', 'set', `rpt-s${number}`, 'up');
  ip('-n', netns, 'addr', 'add', `${address(number)}/30`, 'dev', 'eth0');
  ip('-n', netns, 'link', 'set', 'eth0', 'up');
};

const startHost = async (index: number, netns: string): Promise<Host> => {
  const host = HOSTS[index];
  if (host === undefined) throw new Error(`there is no host ${index}`);
  link(netns, index);
  const servers = await startServers(host.workers, { port: PORT, netns, backlog: BACKLOG });
  const service = await startService(['--port', String(PORT), '--netns', netns], {
    host: address(index),
    port: METRICS,
    netns,
  });
  return { ...host, netns, servers, service };
};

/** What each server of a host has accepted, by inode. */
const acceptedOf = async ({ servers }: Host): Promise<Map<string, number>> =>
  new Map(
    await Promise.all(servers.map(async (server) => [String(server.ino), await server.count()] as const)),
  );

const addUp = (numbers: Iterable<number>): number => [...numbers].reduce((sum, number) => sum + number, 0);

/** A metric of one host by the label of its members. */
const byIno = async (prometheus: Prometheus, metric: string, { name }: Host): Promise<Map<string, number>> =>
  new Map(
    (await prometheus.query(`${metric}{instance="${name}"}`)).map(({ labels, value }) => [
      labels.ino ?? '',
      value,
    ]),
  );

const sorted = (map: ReadonlyMap<string, number>): [string, number][] => [...map].sort();

describe.skipIf(skip !== null)(`a fleet in Prometheus${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('sees what the servers counted, and only the stuck worker raises an alert', () =>
    withNetns((one) =>
      withNetns((two) =>
        withNetns(async (three) => {
          const hosts = await Promise.all([one, two, three].map((netns, index) => startHost(index, netns)));
          const prometheus = await startPrometheus(
            Object.fromEntries(hosts.map(({ name }, index) => [name, `${address(index)}:${METRICS}`])),
            PROMETHEUS,
          );
          try {
            await watch(hosts, prometheus);
          } finally {
            await prometheus.stop();
          }
        }),
      ),
    ));
});

const watch = async (hosts: readonly Host[], prometheus: Prometheus): Promise<void> => {
  const [, second] = hosts;
  const stuck = second?.servers[STUCK];
  if (second === undefined || stuck === undefined) throw new Error('no second host');
  await waitFor(
    'a scrape of every target',
    async () => (await prometheus.query('reuseport_tracer_up == 1')).length === hosts.length,
    30_000,
  );
  for (const { service } of hosts) {
    const said = execFileSync('promtool', ['check', 'metrics'], {
      input: await service.text(),
      encoding: 'utf8',
    });
    expect(said).toBe('');
  }
  await Promise.all(hosts.map(({ netns }) => connect({ port: PORT, count: BEFORE, netns })));
  await stuck.stick();
  const startMs = Date.now();
  await Promise.all(
    hosts.map(async ({ netns, count, perSecond }) => {
      const { ok } = await connect({ port: PORT, count, rate: perSecond, netns });
      expect(ok).toBe(count);
    }),
  );
  const seconds = (Date.now() - startMs) / 1000;

  // Totals and members, exact, as Prometheus has them after its next scrape.
  const made = (host: Host): number => BEFORE + host.count;
  const queued = made(second) - addUp((await acceptedOf(second)).values());
  expect(queued).toBeGreaterThan(0);
  const truths: Truth[] = [];
  for (const host of hosts) {
    await waitFor(
      `the scrape of ${host.name} after the last connection`,
      async () =>
        addUp((await byIno(prometheus, 'reuseport_member_picks_total', host)).values()) === made(host),
      15_000,
    );
    const accepted = await acceptedOf(host);
    expect(sorted(await byIno(prometheus, 'reuseport_member_accepted_total', host))).toEqual(
      sorted(accepted),
    );
    const isStuck = (ino: string): boolean => ino === String(stuck.ino);
    const picks = new Map([...accepted].map(([ino, count]) => [ino, count + (isStuck(ino) ? queued : 0)]));
    expect(sorted(await byIno(prometheus, 'reuseport_member_picks_total', host))).toEqual(sorted(picks));
    const queues = new Map([...accepted.keys()].map((ino) => [ino, isStuck(ino) ? queued : 0]));
    expect(sorted(await byIno(prometheus, 'reuseport_member_queue_length', host))).toEqual(sorted(queues));
    await checkViews(host, picks, prometheus, seconds);
    truths.push({
      instance: host.name,
      ...{ picks, accepted, queues, backlog: BACKLOG },
      stuck: host === second ? [String(stuck.ino)] : [],
    });
  }
  expect(await prometheus.query('sum(reuseport_group_picks_total)')).toEqual([
    { labels: {}, value: addUp(hosts.map(made)) },
  ]);
  await checkDashboard(prometheus, truths, seconds);

  // The alert, with who it is.
  const { index, pid } = { index: String(STUCK), pid: String(stuck.pid) };
  const firing = await waitFor(
    'an alert to fire',
    async () => {
      const alerts = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
      return alerts.length > 0 && alerts;
    },
    60_000,
  );
  expect(firing.map(({ labels }) => labels)).toMatchObject([
    {
      alertname: 'ReuseportWorkerStuck',
      severity: 'critical',
      instance: 'b',
      port: String(PORT),
      index,
      pid,
    },
  ]);

  // It accepts again: what waited is served, the alert ends, and it was the only one.
  await stuck.resume();
  await waitFor(
    'the queue to be served',
    async () =>
      addUp((await byIno(prometheus, 'reuseport_member_accepted_total', second)).values()) === made(second),
    30_000,
  );
  expect(sorted(await byIno(prometheus, 'reuseport_member_accepted_total', second))).toEqual(
    sorted(await acceptedOf(second)),
  );
  await waitFor(
    'the alert to end',
    async () => (await prometheus.alerts()).every(({ state }) => state !== 'firing'),
    60_000,
  );
  const ever = await prometheus.query(
    'count by (alertname, instance) (max_over_time(ALERTS{alertstate="firing"}[10m]))',
  );
  expect(ever.map(({ labels }) => labels)).toEqual([{ alertname: 'ReuseportWorkerStuck', instance: 'b' }]);
  console.info(
    `fleet: ${addUp(hosts.map(made))} connections in ${seconds.toFixed(0)} s, ${queued} queued on the stuck worker`,
  );
};

/** The recorded views of one host against the same arithmetic on what its servers counted. */
const checkViews = async (
  host: Host,
  picks: ReadonlyMap<string, number>,
  prometheus: Prometheus,
  seconds: number,
): Promise<void> => {
  const at = `{instance="${host.name}"}`;
  const skew = Math.max(...picks.values()) / (addUp(picks.values()) / picks.size);
  // All series begin at 0 and end in the same scrape: what PromQL extrapolates cancels out.
  const recorded = await waitFor(
    'the rules to be evaluated on the last scrape',
    async () => {
      const [sample] = await prometheus.query(`group:reuseport_skew:ratio_rate5m${at}`);
      return sample !== undefined && Math.abs(sample.value - skew) < 1e-6 && sample.value;
    },
    15_000,
  );
  expect(recorded).toBeCloseTo(skew, 6);
  const shares = await prometheus.query(
    `increase(reuseport_member_picks_total${at}[5m]) / on (instance) group_left () sum by (instance) (increase(reuseport_member_picks_total${at}[5m]))`,
  );
  for (const { labels, value } of shares) {
    expect(value).toBeCloseTo((picks.get(labels.ino ?? '') ?? 0) / addUp(picks.values()), 6);
  }
  // A rate is extrapolated to the edges of its window, by a scrape interval at most.
  const [rate] = await prometheus.query(`increase(reuseport_group_picks_total${at}[5m])`);
  expect(rate?.value).toBeGreaterThan(addUp(picks.values()) * 0.99);
  expect(rate?.value).toBeLessThan(addUp(picks.values()) * (1 + 2 / seconds));
};
