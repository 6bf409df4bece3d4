// Recordings of a live kernel: a replay prints what was printed, a crash and a full disk take little, files belong to who ran sudo.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/event.js';
import { parseEvent } from '../../src/core/wire/json.js';
import { sumOf } from '../unit/outputs/metrics/exposition.js';
import { connect, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { startService, stopServices } from './serve.js';
import { CLI, runTool, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const PICKS = 'reuseport_group_picks_total';
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-recording-'));
});
afterEach(async () => {
  await stopServices();
  await stopAll();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The events of a recording as far as they can be read now. */
const eventsIn = (path: string): Event[] => {
  const bytes = readFileSync(path);
  const text = path.endsWith('.gz') ? gunzipSync(bytes, { finishFlush: 2 }).toString() : bytes.toString();
  return text
    .split('\n')
    .map(parseEvent)
    .filter((event) => event !== null);
};

/** Connections until `stop` is called. */
const keepConnecting = (port: number): (() => Promise<void>) => {
  let isOver = false;
  const done = (async () => {
    while (!isOver) await connect({ port, count: 50, rate: 200 });
  })();
  return () => {
    isOver = true;
    return done;
  };
};

describe.skipIf(skip !== null)(`recordings${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each(['lines', 'ndjson'])('replay as the %s that were printed live, to the letter', async (output) => {
    const port = output === 'lines' ? 10_301 : 10_302;
    await startServers(4, { port });
    const path = join(folder, `${output}.gz`);
    const child = spawn(process.execPath, [
      ...[CLI, '--port', String(port), '--output', output, '--record', path],
      ...['--netns', String(process.pid)],
    ]);
    const stop = keepConnecting(port);
    const live = collect(child);
    await waitFor('events', () => live.text().split('\n').length > 1000, 120_000);
    await stop();
    child.kill('SIGINT');
    expect(await live.exitCode).toBe(0);
    const { stdout, stderr, exitCode } = await runTool(['replay', '--speed', '0', '--output', output, path]);
    expect(stdout).toBe(live.text());
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  });

  it('lose no more than the last second to SIGKILL', async () => {
    const port = 10_303;
    await startServers(4, { port });
    const path = join(folder, 'killed.gz');
    const tool = await startTool(['--port', String(port), '--record', path]);
    const stop = keepConnecting(port);
    await tool.see('many events', (events) => events.length > 2000);
    const printed = tool.events.length;
    const lastNs = tool.events.at(-1)?.tsNs ?? 0;
    tool.child.kill('SIGKILL');
    await new Promise((resolve) => tool.child.once('close', resolve));
    await stop();
    const kept = eventsIn(path);
    // What was printed before the kill, less what came in the second before it: half of that again for a busy machine.
    expect(lastNs - (kept.at(-1)?.tsNs ?? 0)).toBeLessThan(1.5e9);
    expect(kept).toEqual(tool.events.slice(0, kept.length));
    expect(printed - kept.length).toBeLessThan(printed / 2);
    const { stdout, stderr, exitCode } = await runTool(['replay', '--once', path]);
    expect(stdout).toMatch(/4 listeners/);
    expect(stderr).toMatch(/killed\.gz was read up to line \d+, [\d:.]+: it was cut there, as by a crash/);
    expect(exitCode).toBe(0);
  });

  it.each(['full.ndjson', 'full.ndjson.gz'])(
    'stop on a full disk with a finding, and tracing goes on: %s',
    async (name) => {
      const port = name.endsWith('.gz') ? 10_305 : 10_304;
      const servers = await startServers(2, { port });
      const disk = mkdtempSync(join(folder, 'disk-'));
      // A disk of 16 kB that only the tool sees.
      const script = `mount -t tmpfs -o size=16k none "${disk}" && exec "$@"`;
      const child = spawn('unshare', [
        ...['-m', 'sh', '-c', script, 'sh', process.execPath, CLI, '--port', String(port)],
        ...['--output', 'ndjson', '--record', join(disk, name)],
      ]);
      const live = collect(child);
      await waitFor('the probes', () => live.text().includes('"kind":"attached"'), 300_000);
      const stop = keepConnecting(port);
      await waitFor('the full disk', () => live.text().includes('"kind":"unrecorded"'), 60_000);
      await waitFor(
        'its finding',
        () => /"kind":"finding".*what happens now is not in it/.test(live.text()),
        10_000,
      );
      const partial = readFileSync(`/proc/${child.pid}/root${disk}/${name}`);
      await stop();
      await connect({ port, count: 31 });
      const counted = async () =>
        (await Promise.all(servers.map((server) => server.count()))).reduce((a, b) => a + b);
      const accepted = await counted();
      await waitFor('all accepts', () => live.text().split('"kind":"accept"').length - 1 >= accepted, 10_000);
      child.kill('SIGINT');
      expect(await live.exitCode).toBe(0);
      expect(live.stderr()).toMatch(/the recording \S+ ends early: ENOSPC: no space left on device/);
      const summary = JSON.parse(live.text().trim().split('\n').at(-1) ?? '') as {
        picks: number;
        accepted: number;
      };
      expect(summary).toMatchObject({ kind: 'summary', picks: accepted, accepted });
      // What is on that disk is a recording that was cut.
      const path = join(folder, `copy-of-${name}`);
      writeFileSync(path, partial);
      const { stderr, exitCode } = await runTool(['replay', '--once', path]);
      expect(stderr).toMatch(/was read up to line \d+.*: it was cut there, as by a crash or a full disk/);
      expect(exitCode).toBe(0);
    },
  );

  it('are written beside a verdict, a report and a service, too', async () => {
    const port = 10_308;
    await startServers(2, { port });
    const [checked, reported, served] = ['checked', 'reported', 'served.gz'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    const scope = ['--port', String(port), '--netns', String(process.pid)];
    const stop = keepConnecting(port);
    const verdict = await runTool(['check', ...scope, '--duration', '2', '--record', checked]);
    expect(verdict).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await runTool(['check', checked])).toEqual(verdict);
    const report = await runTool(['report', ...scope, '--duration', '2', '--record', reported]);
    await stop();
    expect(report.stdout).toMatch(/^<!doctype html>/i);
    expect((await runTool(['report', reported])).stdout).toBe(report.stdout);
    const service = await startService([...scope, '--record', served], { port: 10_309 });
    await connect({ port, count: 97 });
    await waitFor('the scrape of 97', async () => sumOf(await service.scrape(), PICKS) === 97, 30_000);
    expect(await service.stop()).toBe(0);
    const { stdout } = await runTool(['replay', '--speed', '0', '--output', 'ndjson', served]);
    const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { picks: number; accepted: number };
    expect(summary).toMatchObject({ picks: 97, accepted: 97 });
  });

  it('belong to who ran sudo, and to him alone', async () => {
    const path = join(folder, 'mine.gz');
    const env = { SUDO_UID: '4321', SUDO_GID: '4322', SUDO_USER: 'somebody' };
    const { exitCode } = await runTool(['--port', '10306', '--once', '--record', path], {
      env: { ...process.env, ...env },
    });
    expect(exitCode).toBe(0);
    const { uid, gid, mode } = statSync(path);
    expect([uid, gid, mode & 0o777]).toEqual([4321, 4322, 0o600]);
  });

  it('are never written over, but for --force', async () => {
    const path = join(folder, 'kept');
    writeFileSync(path, 'mine');
    const run = (...more: string[]) => runTool(['--port', '10307', '--once', '--record', path, ...more]);
    const refused = await run();
    expect(refused.stderr).toMatch(/^reuseport-trace: cannot record to \S+: the file exists\n.*--force/);
    expect([refused.exitCode, readFileSync(path, 'utf8')]).toEqual([1, 'mine']);
    expect((await run('--force')).exitCode).toBe(0);
    expect(eventsIn(path)[0]?.kind).toBe('meta');
  });
});

const collect = (child: ChildProcess) => {
  let [text, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { text: () => text, stderr: () => stderr, exitCode };
};
