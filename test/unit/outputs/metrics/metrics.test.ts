import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { createState, type Scope, type State } from '../../../../src/core/state/state.js';
import { createMetrics, FAMILIES, type Metrics } from '../../../../src/outputs/metrics/registry.js';
import type { Tool } from '../../../../src/outputs/metrics/scrape.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  meta,
  NETNS,
  owners,
  pick,
  slot,
  socket,
  tick,
} from '../../events.js';
import { RUN } from '../run.js';
import { byInoOf, parseExposition, type Sample, samplesOf, sumOf } from './exposition.js';

const TOOL: Tool = {
  nowNs: at(10),
  restarts: 2,
  usage: [
    { process: 'node', cpuSeconds: 1.5, residentBytes: 90_000_000 },
    { process: 'bpftrace', cpuSeconds: null, residentBytes: null },
  ],
};

type Run = { readonly state: State; readonly metrics: Metrics };

const feed = (run: Run, events: readonly Event[]): Run => {
  for (const event of events) {
    apply(run.state, event);
    run.metrics.take(run.state, event);
  }
  return run;
};
const runOf = (events: readonly Event[], scope: Scope = ALL): Run =>
  feed({ state: createState(scope), metrics: createMetrics() }, events);
const scrape = async ({ state, metrics }: Run, tool: Partial<Tool> = {}): Promise<readonly Sample[]> =>
  parseExposition(await metrics.scrape(state, { ...TOOL, ...tool }));
const scrapeOf = (events: readonly Event[], tool: Partial<Tool> = {}): Promise<readonly Sample[]> =>
  scrape(runOf(events), tool);

const bindRefused = (lport: number, change: Partial<Extract<Event, { kind: 'bind' }>> = {}): Event => ({
  kind: 'bind',
  tsNs: at(3),
  pid: 9,
  tid: 9,
  uid: 0,
  comm: 'x',
  fd: 3,
  proto: 'tcp',
  netns: NETNS,
  laddr: '0.0.0.0',
  lport,
  reuseport: false,
  reuseaddr: false,
  ret: -98,
  ino: 99,
  ...change,
});

const listening = (n: number): Event[] => [
  meta(),
  attached(1),
  ...Array.from({ length: n }, (_, i) => listen(11 + i, 1)),
  ...Array.from({ length: n }, (_, i) => slot(11 + i, i, n)),
];

describe('the metrics of a run', () => {
  it('give each member its counts, and nothing to one that left', async () => {
    const samples = await scrapeOf(RUN);
    expect(byInoOf(samples, 'reuseport_member_picks_total')).toEqual({ 11: 30_001, 13: 1_204_000, 14: 0 });
    expect(byInoOf(samples, 'reuseport_member_established_total')).toEqual({
      11: 30_001,
      13: 1_204_000,
      14: 0,
    });
    expect(byInoOf(samples, 'reuseport_member_accepted_total')).toEqual({ 11: 30_001, 13: 1_203_488, 14: 0 });
    expect(byInoOf(samples, 'reuseport_member_queue_limit')).toEqual({ 11: 511, 13: 511, 14: 511 });
    expect(samples.filter(({ labels }) => labels.ino === '12')).toEqual([]);
    // 14 was last of four: it moved into the place of 12.
    expect(
      samplesOf(samples, 'reuseport_member_info').map(({ labels: { ino, index, pid, comm } }) => [
        ino,
        index,
        pid,
        comm,
      ]),
    ).toEqual([
      ['11', '0', '1011', 'nginx'],
      ['14', '1', undefined, undefined],
      ['13', '2', '1013', 'nginx'],
    ]);
  });

  it('say where a member runs, as its cgroup does', async () => {
    const samples = await scrapeOf([
      ...listening(1),
      {
        kind: 'process',
        tsNs: at(1),
        pid: 7,
        command: 'nginx: worker process',
        unit: null,
        runtime: 'containerd',
        container: 'c'.repeat(64),
        pod: '0e1b9d1c-0000-4000-8000-000000000001',
      },
      owners(11, 7),
    ]);
    expect(samplesOf(samples, 'reuseport_member_info').map(({ labels }) => labels)).toMatchObject([
      { pid: '7', container_id: 'c'.repeat(64), pod_uid: '0e1b9d1c-0000-4000-8000-000000000001' },
    ]);
    expect(samplesOf(samples, 'reuseport_member_info')[0]?.labels.unit).toBeUndefined();
  });

  it('give a group the counts of all who were in it, and its address', async () => {
    const samples = await scrapeOf(RUN);
    const labels = { netns: 'host', proto: 'tcp', address: '0.0.0.0', port: '8888' };
    const all = [
      ['members', 3],
      ['picks_total', 30_001 + 20_212 + 1_204_000],
      ['established_total', 30_001 + 20_212 + 1_204_000],
      ['accepted_total', 30_001 + 20_211 + 1_203_488],
      ['queued_at_close_total', 1],
    ] as const;
    for (const [name, value] of all) {
      expect(samplesOf(samples, `reuseport_group_${name}`)).toEqual([
        { name: `reuseport_group_${name}`, labels, value },
      ]);
    }
    // Of those that are there: 1,204,000 of 1,234,001, three times.
    expect(sumOf(samples, 'reuseport_group_skew_ratio')).toBeCloseTo((1_204_000 / 1_234_001) * 3, 12);
  });

  it('say of UDP what UDP has, and of TCP what TCP has', async () => {
    const samples = await scrapeOf([
      ...listening(1),
      socket(21, { proto: 'udp', lport: 53, drops: 3 }),
      tick(2),
      count(11, 'picks', 5),
      count(21, 'picks', 7),
      count(21, 'received', 9),
      socket(21, { proto: 'udp', lport: 53, drops: 5, tsNs: at(3) }),
      tick(3),
    ]);
    const namesOf = (proto: string): string[] => [
      ...new Set(
        samples
          .filter(({ name, labels }) => /_(?:total|count)$/.test(name) && labels.proto === proto)
          .map(({ name }) => name.replace(/^reuseport_(?:group|member)_/, '')),
      ),
    ];
    expect(namesOf('udp').sort()).toEqual(['dropped_total', 'picks_total', 'received_total']);
    expect(namesOf('tcp').sort()).toEqual([
      'accepted_total',
      'established_total',
      'picks_total',
      'queued_at_close_total',
      'wait_seconds_count',
    ]);
    const shares = (all: readonly Sample[]): Sample[] =>
      all.filter(({ name, labels }) => /p_value|skew_ratio/.test(name) && labels.proto === 'udp');
    const picked = [21, 22].flatMap((ino) => [
      socket(ino, { proto: 'udp', lport: 53 }),
      count(ino, 'picks', ino * ino),
    ]);
    expect(shares(await scrapeOf([meta(), attached(1), ...picked, tick(2)]))).toEqual([]);
    expect(
      shares(await scrapeOf([meta({ rung: 'fentry' }), attached(1), ...picked, tick(2)])).length,
    ).toBeGreaterThan(0);
    for (const level of ['group', 'member']) {
      expect(sumOf(samples, `reuseport_${level}_received_total`, { port: '53' })).toBe(9);
      expect(sumOf(samples, `reuseport_${level}_dropped_total`, { port: '53', reason: 'buffer' })).toBe(2);
    }
  });

  it('count waits in buckets that add up', async () => {
    const samples = await scrapeOf(RUN.slice(0, -3));
    const at = { ino: '12' };
    const buckets = samplesOf(samples, 'reuseport_member_wait_seconds_bucket', at);
    expect(buckets.map(({ labels, value }) => [labels.le, value])).toEqual([
      ...['0.000065536', '0.000262144', '0.001048576', '0.004194304', '0.016777216'].map((le) => [le, 0]),
      ...['0.067108864', '0.268435456', '1.073741824', '4.294967296', '17.179869184', '68.719476736'].map(
        (le) => [le, 1],
      ),
      ['+Inf', 1],
    ]);
    expect(sumOf(samples, 'reuseport_member_wait_seconds_sum', at)).toBeCloseTo(0.0471, 9);
    expect(sumOf(samples, 'reuseport_member_wait_seconds_count', at)).toBe(1);
  });

  it('leave out what is not known', async () => {
    const names = (samples: readonly Sample[]): Set<string> => new Set(samples.map(({ name }) => name));
    const before = names(await scrapeOf([meta({ rung: null, bpftrace: null }), socket(11)]));
    expect([...before].filter((name) => /^reuseport_(?:group|member)_/.test(name))).toEqual([
      'reuseport_group_members',
      'reuseport_member_info',
      // As /proc says.
      'reuseport_member_queue_length',
    ]);
    const tracepoint = names(await scrapeOf(listening(2)));
    expect([...tracepoint].filter((name) => /dropped|refused_by|reset_at|migrated/.test(name))).toEqual([]);
    // 0 of 0 is no share.
    expect([...tracepoint].filter((name) => /skew|p_value/.test(name))).toEqual([]);
    const gone = await scrapeOf([...listening(2), count(11, 'picks', 3), tick(2), ended(3)]);
    expect(samplesOf(gone, 'reuseport_member_queue_length')).toEqual([]);
    expect(sumOf(gone, 'reuseport_tracer_up')).toBe(0);
    expect(sumOf(gone, 'reuseport_group_picks_total')).toBe(3);
    // A bpftrace that hangs is there and says nothing.
    const hung = await scrapeOf([...listening(2), count(11, 'picks', 3), tick(2)], { nowNs: at(18) });
    expect(samplesOf(hung, 'reuseport_member_queue_length')).toEqual([]);
    expect(sumOf(hung, 'reuseport_tracer_up')).toBe(0);
    expect(sumOf(hung, 'reuseport_group_picks_total')).toBe(3);
    const fentry = await scrapeOf([
      meta({ rung: 'fentry' }),
      ...listening(2).slice(1),
      count(11, 'dropped_ack', 5),
    ]);
    expect(sumOf(fentry, 'reuseport_group_dropped_total', { reason: 'ack' })).toBe(5);
    expect(sumOf(fentry, 'reuseport_member_dropped_total', { ino: '11', reason: 'ack' })).toBe(5);
    expect(sumOf(fentry, 'reuseport_member_dropped_total', { ino: '12', reason: 'syn' })).toBe(0);
    expect(sumOf(fentry, 'reuseport_group_reset_at_close_total')).toBe(0);
  });

  it('go on counting over a restart of bpftrace, and say how long nothing was seen', async () => {
    const run = runOf([...listening(2), count(11, 'picks', 7), count(12, 'picks', 5), tick(2)]);
    feed(run, [ended(4)]);
    expect(sumOf(await scrape(run, { nowNs: at(9.5) }), 'reuseport_tracer_blind_seconds_total')).toBe(5.5);
    feed(run, [attached(10), count(11, 'picks', 2, 11), tick(11)]);
    const samples = await scrape(run, { nowNs: at(12) });
    expect(byInoOf(samples, 'reuseport_member_picks_total')).toEqual({ 11: 9, 12: 5 });
    expect(sumOf(samples, 'reuseport_tracer_blind_seconds_total')).toBe(6);
    expect(sumOf(samples, 'reuseport_tracer_restarts_total')).toBe(2);
    expect(sumOf(samples, 'reuseport_tracer_up')).toBe(1);
  });

  it('show a group for five minutes after its last member left, with what was lost', async () => {
    const run = runOf([...listening(1), count(11, 'picks', 4), close(11, 2, { queue: 4 })]);
    const seen = async (seconds: number): Promise<number | null> =>
      sumOf(await scrape(run, { nowNs: at(2 + seconds) }), 'reuseport_group_queued_at_close_total');
    expect(await seen(299)).toBe(4);
    expect(await seen(301)).toBeNull();
    // It comes back with its sums.
    feed(run, [listen(12, 400)]);
    expect(await seen(400)).toBe(4);
  });

  it('tell findings that stand from those that were raised', async () => {
    const run = runOf([...listening(2), count(11, 'picks', 9), count(11, 'queue', 9), tick(2)]);
    for (let second = 3; second < 12; second++) feed(run, [tick(second)]);
    const stuck = await scrape(run, { nowNs: at(12) });
    expect(sumOf(stuck, 'reuseport_findings', { rule: 'stuck', severity: 'problem' })).toBe(1);
    expect(samplesOf(stuck, 'reuseport_finding_active', { rule: 'stuck' })).toMatchObject([
      { labels: { severity: 'problem', ino: '11', port: '8888', netns: 'host' }, value: 1 },
    ]);
    feed(run, [count(11, 'accepted', 9, 12), count(11, 'queue', 0, 12)]);
    for (let second = 12; second < 20; second++) feed(run, [tick(second)]);
    const well = await scrape(run, { nowNs: at(20) });
    expect(sumOf(well, 'reuseport_findings', { rule: 'stuck' })).toBe(0);
    expect(samplesOf(well, 'reuseport_finding_active', { rule: 'stuck' })).toEqual([]);
    expect(sumOf(well, 'reuseport_findings_raised_total', { rule: 'stuck', severity: 'problem' })).toBe(1);
  });

  it('count refused calls, and name no port that only strangers ask for', async () => {
    const refusals = [8888, 8888, ...Array.from({ length: 3000 }, (_, i) => 10_000 + i)].map((port) =>
      bindRefused(port),
    );
    const samples = await scrapeOf([
      ...listening(1),
      ...refusals,
      bindRefused(8888, { ret: 0 }),
      bindRefused(8888, { ret: -13 }),
    ]);
    expect(
      samplesOf(samples, 'reuseport_bind_refused_total').map(({ labels, value }) => [labels, value]),
    ).toEqual([
      [{ call: 'bind', errno: 'EADDRINUSE' }, 3000],
      [{ call: 'bind', errno: 'EADDRINUSE', port: '8888' }, 2],
      [{ call: 'bind', errno: 'EACCES', port: '8888' }, 1],
    ]);
  });

  it('give two namespaces of one name two labels, the newer one the name', async () => {
    const [old, now, forged] = [4_026_532_001, 4_026_532_002, 4_026_532_003];
    const name = (netns: number, text: string): Event => ({ kind: 'netns', tsNs: 0, netns, name: text });
    const samples = await scrapeOf([
      meta(),
      name(old, 'web'),
      name(now, 'web'),
      name(forged, 'host'),
      ...[NETNS, old, now, forged].map((netns, i) => socket(11 + i, { netns })),
      attached(1),
    ]);
    expect(samplesOf(samples, 'reuseport_group_members').map(({ labels }) => labels.netns)).toEqual([
      'host',
      String(old),
      'web',
      String(forged),
    ]);
  });

  it.each([
    ['quotes and backslashes', 'a"b\\c', 'a"b\\c'],
    ['a newline and a forged sample', 'x"} 1\nreuseport_forged 1', 'x"} 1?reuseport_forged 1'],
    ['bytes that are no UTF-8', '\ufffd\ud800\x9b', '???'],
  ])('survive a process name with %s', async (_, comm, shown) => {
    const samples = await scrapeOf([
      ...listening(1),
      { kind: 'owners', tsNs: at(1), ino: 11, holders: [{ pid: 7, comm, fds: [3] }] },
    ]);
    expect(samplesOf(samples, 'reuseport_member_info').map(({ labels }) => labels.comm)).toEqual([shown]);
    expect(samplesOf(samples, 'reuseport_forged')).toEqual([]);
  });

  it('leave members out beyond a bound, and say how many', async () => {
    const many = Array.from({ length: 3000 }, (_, i) => socket(100 + i));
    const samples = await scrapeOf([meta(), attached(1), ...many, count(3099, 'picks', 8)]);
    expect(samplesOf(samples, 'reuseport_member_info').length).toBe(1024);
    expect(sumOf(samples, 'reuseport_tracer_hidden', { what: 'members' })).toBe(1976);
    expect(sumOf(samples, 'reuseport_group_members')).toBe(3000);
    expect(sumOf(samples, 'reuseport_group_picks_total')).toBe(8);
  });

  it('write every metric with its help and type, under names that Prometheus asks for', async () => {
    const run = runOf(RUN);
    const text = await run.metrics.scrape(run.state, TOOL);
    for (const { name, type, help, labels } of FAMILIES) {
      expect(name).toMatch(/^reuseport_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
      expect(help).toMatch(/\.$/);
      expect(labels.every((label) => /^[a-z_]+$/.test(label))).toBe(true);
    }
    const known = new Map(FAMILIES.map(({ name, labels }) => [name, labels]));
    for (const { name, labels } of await scrape(run)) {
      const family = known.get(name) ?? known.get(name.replace(/_(?:bucket|sum|count)$/, ''));
      expect({ name, others: Object.keys(labels).filter((label) => !family?.includes(label)) }).toEqual({
        name,
        others: [],
      });
    }
  });
});

describe('whatever happens', () => {
  const ino = fc.integer({ min: 11, max: 16 });
  const step = fc.oneof(
    fc.record({ what: fc.constant('listen' as const), ino, by: fc.nat(1) }),
    fc.record({ what: fc.constant('count' as const), ino, by: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ what: fc.constant('close' as const), ino, by: fc.integer({ min: 0, max: 3 }) }),
    fc.constant({ what: 'restart', ino: 0, by: 0 } as const),
    fc.constant({ what: 'tick', ino: 0, by: 0 } as const),
  );

  it('no counter goes back, and the group has what the kernel counted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const run = runOf([meta(), attached(1)]);
        // The kernel: counts since the attachment by socket; what listens again is the same socket (after shutdown()) or another.
        let counts = new Map<number, number>();
        let all = 0;
        let serial = 1000;
        const socketOf = new Map<number, number>();
        const lastOf = new Map<number, number>();
        let before = new Map<string, number>();
        for (const [i, { what, ino, by }] of steps.entries()) {
          const seconds = 2 + i;
          const known = socketOf.get(ino);
          if (what === 'listen' && known === undefined) {
            const last = by === 1 ? lastOf.get(ino) : undefined;
            const socket = last ?? ++serial;
            socketOf.set(ino, socket);
            lastOf.set(ino, socket);
            feed(run, [listen(socket, seconds)]);
          } else if (what === 'count' && known !== undefined) {
            counts.set(known, (counts.get(known) ?? 0) + by);
            all += by;
            feed(run, [count(known, 'picks', counts.get(known) ?? 0, seconds)]);
          } else if (what === 'close' && known !== undefined) {
            socketOf.delete(ino);
            feed(run, [close(known, seconds, { queue: by })]);
          } else if (what === 'restart') {
            counts = new Map();
            feed(run, [ended(seconds), attached(seconds)]);
          } else if (what === 'tick') feed(run, [tick(seconds)]);
          const samples = await scrape(run, { nowNs: at(seconds) });
          const now = new Map(
            samples
              .filter(({ name }) => name.endsWith('_total'))
              .map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
          );
          for (const [series, value] of now) expect(value).toBeGreaterThanOrEqual(before.get(series) ?? 0);
          before = new Map([...before, ...now]);
          expect(sumOf(samples, 'reuseport_group_picks_total') ?? 0).toBe(all);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('any name is one label value of one line', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (comm) => {
        const samples = await scrapeOf([
          ...listening(1),
          { kind: 'netns', tsNs: 0, netns: NETNS + 1, name: comm },
          socket(50, { netns: NETNS + 1 }),
          { kind: 'owners', tsNs: at(1), ino: 11, holders: [{ pid: 7, comm, fds: [3] }] },
        ]);
        expect(samplesOf(samples, 'reuseport_member_info').length).toBe(2);
      }),
      { numRuns: 200 },
    );
  });

  it('10,000 scrapes leave no memory behind', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const run = runOf([...listening(8), ...RUN.slice(2), owners(14, 1201)]);
    const scrapes = async (times: number): Promise<number> => {
      for (let i = 0; i < times; i++) {
        // The counts change: nothing may be remembered by value.
        feed(run, [count(11, 'picks', 40_000 + i, 4), acceptOf(pick(11, 4 + i / 1e6))]);
        await run.metrics.scrape(run.state, TOOL);
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    // State's own stores are full by then. Alone it grows by 3 bytes a scrape; the test runner's heap moves by a megabyte.
    const before = await scrapes(2000);
    expect((await scrapes(8000)) - before).toBeLessThan(2 << 20);
  }, 60_000);
});

it('lost events never go back, although lines that come late are none', async () => {
  const lost = async (run: Run) =>
    samplesOf(await scrape(run), 'reuseport_tracer_lost_events_total')[0]?.value;
  const printed = (total: number, seconds: number): Event[] => [
    count(1, 'picks', total, seconds),
    count(1, 'printed', total, seconds),
    tick(seconds),
  ];
  const run = runOf([
    meta(),
    attached(1),
    listen(1),
    slot(1, 0, 1),
    tick(2),
    ...printed(50, 3),
    ...printed(50, 4),
  ]);
  // Claimed, and partly taken back.
  expect(await lost(run)).toBe(0);
  feed(
    run,
    Array.from({ length: 20 }, (_, at) => pick(1, 2 + at / 100)),
  );
  feed(run, [tick(5), tick(6), tick(7), tick(8)]);
  expect(await lost(run)).toBe(30);
  feed(run, [...Array.from({ length: 10 }, (_, at) => pick(1, 2.5 + at / 100)), tick(9), tick(10)]);
  expect(await lost(run)).toBe(30);
});
