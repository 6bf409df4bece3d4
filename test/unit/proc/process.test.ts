import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOWHERE } from '../../../src/core/text/place.js';
import { createDescriber } from '../../../src/proc/process.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'process-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** As Linux 6.18 prints it, with any comm; field 22 is the start time. */
const statOf = (pid: number, comm: string, startTime: number): string =>
  `${pid} (${comm}) S 1 1 1 0 -1 4194560 220 0 0 0 0 0 0 0 20 0 1 0 ${startTime} 9023488 860 18446744073709551615 1 1 0 0 0 0\n`;

type Process = { comm?: string; startTime?: number; command?: string | Uint8Array; cgroup?: string };

const put = (pid: number, { comm = 'nginx', startTime = 100, command, cgroup }: Process = {}): void => {
  const at = join(root, String(pid));
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'stat'), statOf(pid, comm, startTime));
  if (command !== undefined) writeFileSync(join(at, 'cmdline'), command);
  if (cgroup !== undefined) writeFileSync(join(at, 'cgroup'), cgroup);
};

const SECOND = 1e9;
const event = (pid: number, change: object = {}) => ({
  kind: 'process',
  tsNs: 0,
  pid,
  command: null,
  ...NOWHERE,
  ...change,
});

describe('a process in words', () => {
  it.each<[string, Process, object]>([
    ['nothing but its start', {}, {}],
    [
      'arguments, and the unit it runs in',
      { command: '/usr/sbin/haproxy\0-f\0/etc/h.cfg\0', cgroup: '0::/system.slice/haproxy.service\n' },
      { command: '/usr/sbin/haproxy -f /etc/h.cfg', unit: 'haproxy.service' },
    ],
    [
      'a title written over the arguments, and what is left of them',
      { command: `nginx: worker process${'\0'.repeat(30)}` },
      { command: 'nginx: worker process' },
    ],
    ['no arguments, as a kernel thread or a zombie', { command: '' }, {}],
    ['nothing but ends of arguments', { command: '\0\0' }, {}],
    ['a long command line, cut', { command: 'x'.repeat(100_000) }, { command: 'x'.repeat(256) }],
    [
      'bytes that are no UTF-8, and control characters as they are',
      { command: new Uint8Array([0x61, 0xff, 0x1b, 0x5b, 0x0a]) },
      { command: 'a\ufffd\u001b[' },
    ],
    ['a comm that looks like the fields after it', { comm: ') S 1 1 (', command: 'x' }, { command: 'x' }],
  ])('%s', async (_, process, known) => {
    put(7, process);
    const { comm = 'nginx' } = process;
    expect(await createDescriber(root)({ pid: 7, comm, tsNs: 0 })).toEqual(event(7, known));
  });

  it('is nothing for a process that has gone', async () => {
    expect(await createDescriber(root)({ pid: 7, comm: 'nginx', tsNs: 0 })).toBeNull();
  });

  it('is read once, and again after five seconds, for workers name themselves after the fork', async () => {
    const describeIt = createDescriber(root);
    const at = (seconds: number) => describeIt({ pid: 7, comm: 'nginx', tsNs: seconds * SECOND });
    put(7, { command: 'nginx: master' });
    expect(await at(0)).toMatchObject({ command: 'nginx: master' });
    put(7, { command: 'nginx: worker' });
    expect(await at(4)).toBeNull();
    expect(await at(5)).toMatchObject({ command: 'nginx: worker', tsNs: 5 * SECOND });
    expect(await at(10)).toBeNull();
  });

  it.each<[string, Process, string]>([
    ['its pid belongs to another process', { startTime: 200, command: 'b' }, 'nginx'],
    ['it has become another program', { comm: 'php', command: 'b' }, 'php'],
  ])('is read at once when %s', async (_, process, comm) => {
    const describeIt = createDescriber(root);
    put(7, { command: 'a' });
    await describeIt({ pid: 7, comm: 'nginx', tsNs: 0 });
    put(7, process);
    expect(await describeIt({ pid: 7, comm, tsNs: 1 })).toMatchObject({ command: 'b' });
  });

  it('goes without the command line of a process that does not answer, and asks it no more', async () => {
    put(7, { cgroup: '0::/a.service' });
    const pipe = join(root, '7', 'cmdline');
    // Nobody writes to it: opening it waits, as reading does while the memory of a process is locked.
    execFileSync('mkfifo', [pipe]);
    const describeIt = createDescriber(root);
    const ask = (seconds: number) => describeIt({ pid: 7, comm: 'nginx', tsNs: seconds * SECOND });
    expect(await ask(0)).toEqual(event(7, { unit: 'a.service' }));
    const started = performance.now();
    expect(await ask(6)).toBeNull();
    expect(performance.now() - started).toBeLessThan(150);
    openSync(pipe, 'r+');
  });

  it('asks nobody more while two do not answer, so that files can still be read', async () => {
    const pipes = [1, 2, 3, 4].map((pid) => {
      put(pid);
      const pipe = join(root, String(pid), 'cmdline');
      execFileSync('mkfifo', [pipe]);
      return pipe;
    });
    put(7, { command: 'nginx: worker' });
    const describeIt = createDescriber(root);
    const ask = (pid: number, seconds: number) => describeIt({ pid, comm: 'nginx', tsNs: seconds * SECOND });
    expect(await ask(7, 0)).toMatchObject({ command: 'nginx: worker' });
    expect(await Promise.all([1, 2, 3, 4].map((pid) => ask(pid, 0)))).toHaveLength(4);
    const late = new Promise((resolve) => setTimeout(resolve, 3000, 'nothing was read'));
    const text = await Promise.race([readFile(join(root, '7', 'cmdline'), 'utf8'), late]);
    put(7, { command: 'nginx: worker process is shutting down' });
    const whileOpen = await ask(7, 6);
    // A writer that comes and goes: they answer.
    for (const pipe of pipes) closeSync(openSync(pipe, 'r+'));
    expect(text).toBe('nginx: worker');
    expect(whileOpen).toBeNull();
    let seconds = 6;
    await expect
      .poll(() => {
        seconds += 6;
        return ask(7, seconds);
      })
      .toMatchObject({ command: 'nginx: worker process is shutting down' });
  });
});
