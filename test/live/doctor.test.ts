// What the built command line's doctor says of this machine's kernel, as root and as nobody.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { describe, expect, it } from 'vitest';
import { CLI, whyNotLive } from './tool.js';

const skip = whyNotLive();

/** As nobody, who may read this checkout wherever it is. */
const NOBODY = [
  ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
  ...['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search', '--'],
];
/** Loading takes 4 s here on a busy machine and half a minute in an emulated guest. */
const TIMEOUT_MS = 180_000;

const doctor = (
  as: readonly string[],
  ...args: string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> => {
  const [command = '', ...rest] = [...as, process.execPath, CLI, 'doctor', ...args];
  return new Promise((resolve) => {
    execFile(command, rest, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
};

type Line = {
  kind: string;
  check?: string;
  name?: string;
  answer?: string;
  detail?: string;
  rung?: string | null;
};
const parse = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe.skipIf(skip !== null)(`doctor${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('proves a rung and names it', { timeout: TIMEOUT_MS }, async () => {
    const { exitCode, stdout, stderr } = await doctor([], '--output', 'ndjson');
    const lines = parse(stdout);
    const closing = lines.at(-1);
    expect({ exitCode, stderr, kind: closing?.kind }).toEqual({ exitCode: 0, stderr: '', kind: 'doctor' });
    expect(closing).toMatchObject({ kernel: release(), why: [] });
    const rung = lines.find(({ check, name }) => check === 'rung' && name === closing?.rung);
    expect(rung).toMatchObject({ answer: 'ok', detail: 'its probes were loaded and ran' });
    const tracepoints = lines.filter(({ check }) => check === 'tracepoint');
    expect(tracepoints.find(({ name }) => name === 'sock:sk_data_ready')).toMatchObject({ answer: 'ok' });
    expect(tracepoints.filter(({ answer }) => answer !== 'ok')).toEqual([]);
  });

  it('says it in words of 80 columns', { timeout: TIMEOUT_MS }, async () => {
    const { exitCode, stdout, stderr } = await doctor([]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^This host gets the (?:fentry|kprobe|tracepoint) rung\./m);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('changes no mount of the host', { timeout: TIMEOUT_MS }, async () => {
    const isMounted = (): boolean[] =>
      ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing'].map((path) => existsSync(path));
    const before = isMounted();
    await doctor([]);
    expect(isMounted()).toEqual(before);
  });

  it('says to nobody what it can, and why no rung works', { timeout: TIMEOUT_MS }, async () => {
    const { exitCode, stdout, stderr } = await doctor(NOBODY);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(stdout).toContain('no  root          uid 65534: loading BPF programs needs root\n');
    expect(stdout).toContain(`ok  kernel        ${release()}\n`);
    expect(stdout).toMatch(/^No rung works here: loading BPF programs needs root/m);
    const ndjson = await doctor(NOBODY, '--output', 'ndjson');
    expect({ exitCode: ndjson.exitCode, rung: parse(ndjson.stdout).at(-1)?.rung }).toEqual({
      exitCode: 1,
      rung: null,
    });
  });

  it('fails with one clear sentence without bpftrace', { timeout: TIMEOUT_MS }, async () => {
    const { exitCode, stdout } = await doctor(['/usr/bin/env', 'PATH=/nonexistent']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('No rung works here: bpftrace was not found in PATH.\n');
  });
});
