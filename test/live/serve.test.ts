// serve on this machine's kernel, and what goes wrong with it: its numbers stay those of the servers, and it stays.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, get as httpGet } from 'node:http';
import { createServer, connect as dial, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { byInoOf, type Sample, samplesOf, sumOf } from '../unit/outputs/metrics/exposition.js';
import {
  connect,
  countAll,
  startRefused,
  startServers,
  stopAll,
  waitFor,
  withNetns,
} from '../workloads/workload.js';
import { type Service, startService, stopServices } from './serve.js';
import { hasPrometheus } from './serve-prometheus.js';
import { runTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(async () => {
  await stopServices();
  await stopAll();
});

/** Waits for a scrape that says so; the counters come once a second. */
const see = (
  service: Service,
  what: string,
  test: (samples: readonly Sample[]) => boolean,
): Promise<readonly Sample[]> =>
  waitFor(
    what,
    async () => {
      const samples = await service.scrape();
      if (test(samples)) return samples;
      const counters = samples.filter(({ name }) =>
        /^reuseport_(?:group_(?:picks|accepted)|tracer_up)/.test(name),
      );
      throw new Error(JSON.stringify(counters));
    },
    30_000,
  );

const picked = (count: number) => (samples: readonly Sample[]) =>
  sumOf(samples, 'reuseport_group_picks_total') === count &&
  sumOf(samples, 'reuseport_group_accepted_total') === count;

/** The bpftrace that serve started. */
const tracerOf = (service: Service): number | undefined =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const [, comm, rest = ''] =
          /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
        return comm === 'bpftrace' && Number(rest.split(' ')[1]) === service.child.pid;
      } catch {
        return false;
      }
    });

const residentOf = (samples: readonly Sample[]): number =>
  sumOf(samples, 'reuseport_tracer_resident_memory_bytes', { process: 'node' }) ?? 0;

describe('serve refuses', () => {
  it.each([
    ['--listen', 'nowhere', 2, /is not like 127\.0\.0\.1:9475/],
    ['--listen', '127.0.0.1:70000', 2, /is not like 127\.0\.0\.1:9475/],
    ['--output', 'ndjson', 2, /unknown option/],
    ['--netns', 'no-such-namespace', 1, /cannot show the network namespace/],
  ])('%s %s', async (option, value, code, words) => {
    const { stdout, stderr, exitCode } = await runTool(['serve', option, value]);
    expect(stdout).toBe('');
    expect(stderr).toMatch(words);
    expect(exitCode).toBe(code);
  });

  it.skipIf(skip !== null)('a port that is taken, before it traces anything', async () => {
    const taken = createServer().listen(10_401, '127.0.0.1');
    await once(taken, 'listening');
    const { stderr, exitCode } = await runTool(['serve', '--listen', '127.0.0.1:10401']);
    taken.close();
    expect(stderr).toMatch(/^reuseport-trace: cannot listen on 127\.0\.0\.1:10401: .*EADDRINUSE.*\nss -ltnp/);
    expect(stderr).not.toContain('attach');
    expect(exitCode).toBe(1);
  });

  it.skipIf(skip !== null)('an address of another host', async () => {
    const { stderr, exitCode } = await runTool(['serve', '--listen', '198.51.100.1:10401']);
    expect(stderr).toMatch(/^reuseport-trace: cannot listen on 198\.51\.100\.1:10401: .*EADDRNOTAVAIL/);
    expect(exitCode).toBe(1);
  });
});

describe.skipIf(skip !== null)(`serve on a live kernel${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it("has the servers' own counts, also of those that left, and ends by SIGTERM with 0", async () => {
    const port = 10_420;
    const servers = await startServers(4, { port });
    const service = await startService(['--port', String(port)], { port: 10_400 });
    await connect({ port, count: 997 });
    const first = await see(service, '997 picks', picked(997));
    const counts = new Map(
      await Promise.all(servers.map(async (server) => [String(server.ino), await server.count()] as const)),
    );
    expect(byInoOf(first, 'reuseport_member_accepted_total')).toEqual(Object.fromEntries(counts));
    expect(byInoOf(first, 'reuseport_member_picks_total')).toEqual(Object.fromEntries(counts));
    expect(
      samplesOf(first, 'reuseport_member_info').map(({ labels }) => [labels.index, labels.ino, labels.pid]),
    ).toEqual(servers.map(({ ino, pid }, index) => [String(index), String(ino), String(pid)]));

    // The second of four leaves: the last one moves into its place, under the name that it has.
    await servers[1]?.stop();
    const [zero, , two, three] = servers;
    const left = await see(
      service,
      'three members',
      (samples) => sumOf(samples, 'reuseport_group_members') === 3,
    );
    expect(samplesOf(left, 'reuseport_member_info').map(({ labels }) => [labels.index, labels.ino])).toEqual([
      ['0', String(zero?.ino)],
      ['1', String(three?.ino)],
      ['2', String(two?.ino)],
    ]);
    expect(left.filter(({ labels }) => labels.ino === String(servers[1]?.ino))).toEqual([]);
    await connect({ port, count: 499 });
    const last = await see(service, '1,496 picks', picked(1496));
    for (const [ino, count] of Object.entries(byInoOf(left, 'reuseport_member_picks_total'))) {
      expect(byInoOf(last, 'reuseport_member_picks_total')[ino]).toBeGreaterThanOrEqual(count);
    }
    expect(service.stderr()).toContain('metrics on http://127.0.0.1:10400/metrics');
    expect(await service.stop()).toBe(0);
  });

  it('starts bpftrace again when it dies, while it is scraped, and no counter goes back', async () => {
    const port = 10_421;
    const servers = await startServers(3, { port });
    const service = await startService(['--port', String(port)], { port: 10_400 });
    await connect({ port, count: 751 });
    await see(service, '751 picks', picked(751));
    let before = new Map<string, number>();
    const states = new Set<number>();
    const check = (samples: readonly Sample[]): void => {
      const now = new Map(
        samples
          .filter(({ name }) => /_(?:total|bucket|count|sum)$/.test(name))
          .map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
      );
      for (const [series, value] of now)
        expect({ series, isLess: value < (before.get(series) ?? 0) }).toEqual({ series, isLess: false });
      before = now;
      const up = sumOf(samples, 'reuseport_tracer_up') ?? -1;
      states.add(up);
      // A queue that nobody watches is not known.
      if (up === 0) expect(samplesOf(samples, 'reuseport_member_queue_length')).toEqual([]);
    };
    const pid = tracerOf(service);
    process.kill(pid ?? Number.NaN, 'SIGKILL');
    await waitFor('a health that is ill', async () => (await service.get('/healthz')).status === 503, 10_000);
    const back = await see(service, 'the probes attached again', (samples) => {
      check(samples);
      return states.has(0) && sumOf(samples, 'reuseport_tracer_up') === 1;
    });
    expect(sumOf(back, 'reuseport_tracer_restarts_total')).toBe(1);
    expect(sumOf(back, 'reuseport_tracer_blind_seconds_total')).toBeGreaterThan(0.9);
    await waitFor(
      'all of it to be well',
      async () => (await service.get('/healthz')).body === 'ok\n',
      30_000,
    );
    expect(service.stderr()).toContain('bpftrace ended (SIGKILL); it is started again in 1 s');
    await connect({ port, count: 499 });
    check(await see(service, '1,250 picks', picked(1250)));
    expect(await countAll(servers)).toBe(1250);
  });

  it('names a process with quotes, newlines and bytes that are no UTF-8, in a namespace called so', async () => {
    const port = 10_422;
    await startServers(1, { port, name: 'q"u\\o\ntes{}' });
    const raw = Buffer.from([0xff, 0xfe, 0x22, 0x9b]).toString('latin1');
    await startServers(1, { port, name: raw });
    const netns = 'rpt-"q\\\n';
    execFileSync('ip', ['netns', 'add', netns]);
    try {
      execFileSync('ip', ['-n', netns, 'link', 'set', 'lo', 'up']);
      await startServers(1, { port, netns });
      const service = await startService(['--port', String(port)], { port: 10_400 });
      await Promise.all([connect({ port, count: 97 }), connect({ port, count: 53, netns })]);
      const samples = await see(service, '150 picks', picked(150));
      const text = await service.text();
      const comms = samplesOf(samples, 'reuseport_member_info').map(({ labels }) => labels.comm);
      expect(comms).toContain('q"u\\o?tes{}');
      expect(
        new Set(samplesOf(samples, 'reuseport_group_picks_total').map(({ labels }) => labels.netns)),
      ).toEqual(new Set(['host', 'rpt-"q\\?']));
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      if (hasPrometheus()) {
        expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');
      }
      expect((await service.get('/')).body).toContain('reuseport-trace');
    } finally {
      await stopServices();
      await stopAll();
      execFileSync('ip', ['netns', 'delete', netns]);
    }
  });

  it('answers 10,000 scrapes in flat memory', async () => {
    const port = 10_423;
    await startServers(8, { port });
    const service = await startService(['--port', String(port)], { port: 10_400 });
    await connect({ port, count: 97 });
    await see(service, '97 picks', picked(97));
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const scrapes = async (times: number): Promise<number> => {
      let left = times;
      const work = async (): Promise<void> => {
        while (left-- > 0) expect(await drain(agent, 10_400)).toBe(200);
      };
      await Promise.all([work(), work(), work(), work()]);
      return residentOf(await service.scrape());
    };
    const before = await scrapes(2000);
    const after = await scrapes(8000);
    agent.destroy();
    console.info(`resident after 2,000 scrapes: ${before >> 20} MB, after 10,000: ${after >> 20} MB`);
    // One page kept for each of them would be 160 MB.
    expect(after - before).toBeLessThan(24 << 20);
  });

  it('goes on beside clients that never read', async () => {
    const port = 10_424;
    await startServers(200, { port, backlog: 64 });
    const service = await startService(['--port', String(port)], { port: 10_400 });
    await connect({ port, count: 499 });
    const before = residentOf(await see(service, '499 picks', picked(499)));
    const deaf: Socket[] = [];
    for (let i = 0; i < 48; i++) {
      const socket = dial(10_400, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      socket.pause();
      // A hundred answers of 400 kB each, which nobody reads.
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100));
      deaf.push(socket);
    }
    await connect({ port, count: 251 });
    const samples = await see(service, '750 picks', picked(750));
    const startMs = performance.now();
    expect(await service.stop()).toBe(0);
    // bpftrace needs its time to detach; a reader that does not read gets none.
    expect(performance.now() - startMs).toBeLessThan(20_000);
    for (const socket of deaf) socket.destroy();
    console.info(
      `48 clients that never read: resident ${before >> 20} MB before, ${residentOf(samples) >> 20} MB with them`,
    );
    expect(residentOf(samples) - before).toBeLessThan(200 << 20);
  });

  it('counts binds that are refused, by port and errno', async () => {
    const port = 10_425;
    await startServers(1, { port });
    const service = await startService(['--port', String(port)], { port: 10_400 });
    const none = { call: 'bind', errno: 'EADDRINUSE', port: String(port) };
    expect(sumOf(await service.scrape(), 'reuseport_bind_refused_total', none)).toBe(0);
    await startRefused({ port, reuseport: false });
    await startRefused({ port, reuseport: false });
    await see(
      service,
      'two refused binds',
      (samples) => sumOf(samples, 'reuseport_bind_refused_total', none) === 2,
    );
  });

  it('fails at once where bpftrace cannot attach, so that a service manager sees it', async () => {
    const { stderr, exitCode } = await runTool(['serve', '--listen', '127.0.0.1:10402'], {
      env: { ...process.env, PATH: '/nonexistent' },
    });
    expect(stderr).toMatch(/cannot trace: bpftrace was not found in PATH/);
    expect(exitCode).toBe(1);
  });

  it('in the namespace of one host sees that one alone', () =>
    withNetns(async (netns) => {
      const port = 10_426;
      await startServers(1, { port });
      await startServers(2, { port, netns });
      const service = await startService(['--port', String(port), '--netns', netns], { port: 10_400 });
      await Promise.all([connect({ port, count: 53 }), connect({ port, count: 97, netns })]);
      const samples = await see(service, '97 picks', picked(97));
      expect(
        samplesOf(samples, 'reuseport_group_members').map(({ labels, value }) => [labels.netns, value]),
      ).toEqual([[netns, 2]]);
    }));
});

/** Reads one scrape to its end without keeping it. */
const drain = (agent: Agent, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    httpGet({ host: '127.0.0.1', port, path: '/metrics', agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', reject);
  });
