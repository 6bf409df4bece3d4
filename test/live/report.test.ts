// A report of this machine's kernel, and the file it goes to: new, its owner's alone, and none when there is no report.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { connect, startServer, stopAll } from '../workloads/workload.js';
import { runTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const folder = mkdtempSync(join(tmpdir(), 'reuseport-report-'));
const FIXTURE = 'test/fixtures/linux-6.12-fentry.ndjson.gz';

afterEach(stopAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(skip !== null)(`a live report${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('names the worker that does not accept', async () => {
    const healthy = await startServer({ port: 10_141 });
    const sick = await startServer({ port: 10_141, mode: 'stuck' });
    const path = join(folder, 'live.md');
    const running = runTool(['report', '-P', '10141', '--duration', '6', '-o', path]);
    let isOver = false;
    const clients = (async () => {
      while (!isOver) await connect({ port: 10_141, count: 20, rate: 50 });
    })();
    const { exitCode, stdout, stderr } = await running;
    isOver = true;
    await clients;
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^# 1 problem/);
    expect(text).toMatch(/^x stuck \(problem, since \d\d:\d\d:\d\d\)$/m);
    expect(text).toMatch(new RegExp(`^\\| x \\| \\d \\| ${sick.pid} \\|`, 'm'));
    expect(text).toMatch(new RegExp(`^\\|  \\| \\d \\| ${healthy.pid} \\|`, 'm'));
  });
});

describe('the file of a report', () => {
  it('is new, and its owner alone may read it', async () => {
    const path = join(folder, 'new.html');
    expect(await runTool(['report', FIXTURE, '-o', path])).toMatchObject({
      exitCode: 0,
      stdout: '',
      stderr: '',
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
  });

  it('is written over with --force alone', async () => {
    const path = join(folder, 'old.md');
    writeFileSync(path, 'mine');
    const refused = await runTool(['report', FIXTURE, '-o', path]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/cannot write the report to .*old\.md: EEXIST[\s\S]*--force/);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect((await runTool(['report', FIXTURE, '-o', path, '--force'])).exitCode).toBe(0);
    expect(readFileSync(path, 'utf8')).toMatch(/^# 2 problems/);
  });

  it('is not there when there is no report', async () => {
    const path = join(folder, 'none.html');
    const { exitCode } = await runTool(['report', FIXTURE, '--from', '9h', '-o', path]);
    expect([exitCode, existsSync(path)]).toEqual([1, false]);
  });

  it('tells of the part that was asked for, and where a recording was cut', async () => {
    const cut = join(folder, 'cut.ndjson.gz');
    writeFileSync(cut, readFileSync(FIXTURE).subarray(0, 9000));
    const { stdout, exitCode } = await runTool(['report', cut, '--format', 'markdown']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^- `! .*cut\.ndjson\.gz was read up to line \d+/m);
    const part = await runTool(['report', FIXTURE, '--from', '55', '--until', '60', '--format', 'markdown']);
    expect(part.stdout).toMatch(
      /^- When: `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d to \d\d:\d\d:\d\d \S+ \(counts are from /m,
    );
  });
});
