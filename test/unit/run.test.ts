import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parseArgs } from '../../src/args/args.js';
import type { RunRequest } from '../../src/args/request.js';
import type { Event } from '../../src/core/event.js';
import { run } from '../../src/run.js';
import { fakeEnvironment } from './environment.js';
import { attached, count, ended, listen, meta, slot, tick } from './events.js';
import { liveSource } from './source.js';

const RECORDING = fileURLToPath(new URL('../fixtures/linux-6.1-fentry.ndjson.gz', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'run-'));
afterAll(() => rmSync(folder, { recursive: true }));

const requestOf = (line: string): RunRequest => {
  const request = parseArgs(line.split(' '), '1.2.3');
  if (request.command === 'trace' || request.command === 'replay') return request;
  throw new Error(`no run: ${line}`);
};

const WELL: readonly Event[] = [
  meta(),
  attached(1),
  listen(1),
  slot(1, 0, 1),
  count(1, 'picks', 7, 2),
  count(1, 'accepted', 7, 2),
  tick(2),
];

/** A live run of these events. */
const live = (line: string, events: readonly Event[], last: readonly Event[] = [ended(9, '')]) => {
  const fake = fakeEnvironment({ terminals: ['stderr'] });
  const source = liveSource(events, last);
  const done = run(requestOf(line), fake.environment, async () => source);
  return { ...fake, source, done };
};

/** Until something holds: what was fed has been taken. */
const until = async (holds: () => boolean): Promise<void> => {
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > 10_000) throw new Error('it never came');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('a live run', () => {
  it('goes on until Ctrl-C, which is its normal end, and says what it is at', async () => {
    const { done, signal, stdout, stderr, source } = live('-P 8888 --output lines', WELL);
    await until(() => stderr.text().includes('Ctrl-C ends'));
    signal('SIGINT');
    expect(await done).toBe(0);
    expect(source.stops()).toBeGreaterThan(0);
    expect(stderr.text()).toBe('reuseport-trace: tracing port 8888, tracepoint rung. Ctrl-C ends.\n');
    expect(stdout.text()).toContain('picks 7');
  });

  it('that another signal ends says so by its exit code; asked twice, it ends at once', async () => {
    const { done, signal, stderr, exits } = live('--output lines', WELL);
    await until(() => stderr.text().includes('Ctrl-C ends'));
    signal('SIGTERM');
    expect(exits).toEqual([]);
    signal('SIGINT');
    expect(exits).toEqual([130]);
    expect(await done).toBe(0);
  });

  it('has exit code 143 after SIGTERM', async () => {
    const { done, signal, stderr } = live('--output lines', WELL);
    await until(() => stderr.text().includes('Ctrl-C ends'));
    signal('SIGTERM');
    expect(await done).toBe(143);
  });

  it('that nobody asked to end fails, with what bpftrace said', async () => {
    const { done, stderr } = live('--output ndjson', [...WELL, ended(3, 'bpftrace ended (SIGKILL)')], []);
    expect(await done).toBe(1);
    expect(stderr.text()).toContain('reuseport-trace: bpftrace ended (SIGKILL)\n');
  });

  it('whose probes were never attached is none', async () => {
    const { done } = live('--output lines', [meta(), ended(1, 'no BTF\nfirst word\nsecond word')]);
    await expect(done).rejects.toMatchObject({
      name: 'UserError',
      message: 'cannot trace: no BTF',
      hint: '  bpftrace: first word\n  bpftrace: second word\ntry: reuseport-trace doctor',
    });
  });

  it('ends after --duration', async () => {
    const { done, stdout } = live('--once --duration 0.01', WELL);
    expect(await done).toBe(0);
    expect(stdout.text()).toContain('picks 7');
  });

  it('records what it takes', async () => {
    const path = join(folder, 'a.ndjson');
    const { done } = live(`--once --duration 0.01 --record ${path}`, WELL);
    expect(await done).toBe(0);
    const kinds = readFileSync(path, 'utf8').match(/"kind":"\w+"/g);
    expect(kinds?.filter((kind) => kind !== '"kind":"meta"')).toEqual([
      '"kind":"attached"',
      '"kind":"listen"',
      '"kind":"slot"',
      '"kind":"count"',
      '"kind":"count"',
      '"kind":"tick"',
      '"kind":"ended"',
    ]);
    await expect(live(`--record ${path}`, WELL).done).rejects.toMatchObject({
      message: expect.stringContaining(`cannot record to ${path}: `),
      hint: expect.stringContaining('--force'),
    });
  });

  it('that crashes says so and ends', async () => {
    const { done, crash, signal, stderr, exits } = live('--output lines', WELL);
    await until(() => stderr.text().includes('Ctrl-C ends'));
    crash(new Error('of ours'));
    expect(exits).toEqual([1]);
    expect(stderr.text()).toContain('this is a bug, please report it:\nError: of ours\n');
    signal('SIGINT');
    await done;
  });
});

describe('a service', () => {
  it('goes on when bpftrace ends, and any signal is its normal end', async () => {
    const { done, signal, stderr } = live('serve --listen 127.0.0.1:44117', [
      ...WELL,
      ended(3, 'bpftrace ended (SIGKILL)'),
    ]);
    await until(() => stderr.text().includes('it is started again in 1 s'));
    signal('SIGTERM');
    expect(await done).toBe(0);
    expect(stderr.text()).toContain('metrics on http://127.0.0.1:44117/metrics\n');
  });
});

describe('a replay', () => {
  it('waits for a slow reader', async () => {
    const { environment, stdout } = fakeEnvironment({ isSlow: true });
    const done = run(requestOf(`replay ${RECORDING} --speed 0 --output ndjson`), environment);
    await until(() => stdout.stream.writableLength > 0);
    expect(stdout.text()).not.toContain('"kind":"summary"');
    stdout.take();
    expect(await done).toBe(0);
    expect(stdout.text()).toMatch(/"kind":"summary".*\n$/);
  });

  it('that nothing is found in is an error of check, with what to try', async () => {
    const { environment } = fakeEnvironment();
    await expect(run(requestOf(`check ${RECORDING} -P 44119`), environment)).rejects.toMatchObject({
      message: 'cannot check: nothing listens on port 44119',
      hint: expect.stringContaining('ss -ltn'),
    });
  });
});
