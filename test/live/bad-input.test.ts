// What goes wrong on real servers: each ends in one clear sentence, the right exit code, and nothing left behind.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/package.js';
import { connect, startRefused, startServer, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { CLI, runTool, startTool, whyNotLive } from './tool.js';

const RECORDING = fileURLToPath(new URL('test/fixtures/linux-6.18-tracepoint.ndjson.gz', packageRoot()));

const skip = whyNotLive();
const reason = skip === null ? '' : ` (skipped: ${skip})`;

afterEach(stopAll);

/** A PATH in which bpftrace is absent, or another one. */
const withPath = async <T>(bpftrace: string | null, run: (path: string) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-path-'));
  try {
    for (const name of ['setpriv', 'unshare', 'sh', 'mount'])
      symlinkSync(`/usr/bin/${name}`, join(folder, name));
    if (bpftrace !== null) {
      writeFileSync(join(folder, 'bpftrace'), bpftrace);
      chmodSync(join(folder, 'bpftrace'), 0o755);
    }
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

describe('arguments that make no sense', () => {
  it.each([
    ['--port', '0'],
    ['--port', '70000'],
    ['--port', '80,foo'],
    ['--duration', 'soon'],
    ['--output', 'xml'],
    ['--output', 'tui'],
    ['--netns', 'no-such-namespace'],
    // Above every process id, below every inode of the kernel's namespaces.
    ['--netns', '4194305'],
    ['replay', '/no/such/file'],
  ])('%s %s ends with one sentence and a hint', async (...args) => {
    const { stdout, stderr, exitCode } = await runTool(args);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^reuseport-trace: .+/);
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
    expect(exitCode).toBe(args[0] === '--netns' || args[0] === 'replay' ? 1 : 2);
  });
});

describe('a stdout that takes nothing', () => {
  it.each([['--help'], ['--version'], ['doctor']])(
    'of %s is a reader that has read enough',
    async (...args) => {
      const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.destroy();
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        stderr += chunk;
      });
      const exitCode = await new Promise((resolve) => child.once('close', resolve));
      expect(stderr).toBe('');
      // What doctor finds here is not what is asked.
      if (args[0] !== 'doctor') expect(exitCode).toBe(0);
    },
  );

  it.each([['doctor'], ['replay', '--speed', '0', '--output', 'ndjson'], ['check'], ['report']])(
    'because its disk is full makes %s fail, in one sentence',
    async (command, ...args) => {
      const full = openSync('/dev/full', 'w');
      try {
        const recording = command === 'doctor' ? [] : [RECORDING];
        const child = spawn(process.execPath, [CLI, command ?? '', ...args, ...recording], {
          stdio: ['ignore', full, 'pipe'],
        });
        let stderr = '';
        child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
          stderr += chunk;
        });
        const exitCode = await new Promise((resolve) => child.once('close', resolve));
        expect(stderr).toMatch(/^reuseport-trace: cannot write to stdout: ENOSPC.*\n$/);
        expect(exitCode).toBe(1);
      } finally {
        closeSync(full);
      }
    },
  );
});

describe('a replay', () => {
  it('waits for a reader that is slow, and keeps every line for it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-slow-'));
    try {
      const path = join(folder, 'long.ndjson');
      const event = { kind: 'netns', tsNs: 1, netns: 7, name: 'x'.repeat(100) };
      const meta = {
        kind: 'meta',
        tsNs: 0,
        wallMs: 0,
        version: '0',
        host: '',
        kernel: '',
        bpftrace: null,
        rung: null,
        rejected: [],
      };
      const head = JSON.stringify({ ...meta, ports: [], hostNetns: 0, budgetPerSecond: 1 });
      // Twice as much as the writer would hold back for a reader.
      const events = 60_000;
      writeFileSync(path, `${head}\n${`${JSON.stringify(event)}\n`.repeat(events)}`);
      const child = spawn(process.execPath, [CLI, 'replay', '--speed', '0', '--output', 'ndjson', path], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [stdout, stderr] = ['', ''];
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        stderr += chunk;
      });
      const seen: string[] = [];
      await waitFor(
        'the replay to have nothing to do but wait',
        () => {
          // utime and stime of /proc/PID/stat, one look every 20 ms.
          const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
          seen.push(`${stat[11]} ${stat[12]}`);
          return Number(stat[11]) > 0 && seen.length > 50 && new Set(seen.slice(-50)).size === 1;
        },
        60_000,
      );
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        stdout += chunk;
      });
      await new Promise((resolve) => child.once('close', resolve));
      expect(stderr).toBe('');
      // The head, the events, and the summary.
      expect(stdout.trim().split('\n').length).toBe(events + 2);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a host that cannot trace', () => {
  it.skipIf(process.geteuid?.() !== 0)('says that it needs root', async () => {
    const { stderr, exitCode } = await runTool(['--port', '8888', '--once'], { uid: 65_534, cwd: '/' });
    expect(stderr).toMatch(
      /^reuseport-trace: cannot trace: loading BPF programs needs root \(this is uid 65534\)\n.*sudo/,
    );
    expect(exitCode).toBe(1);
  });

  it.skipIf(process.geteuid?.() !== 0)('says that bpftrace is missing, and how to get it', () =>
    withPath(null, async (PATH) => {
      const { stderr, exitCode } = await runTool(['--once'], { env: { ...process.env, PATH } });
      expect(stderr).toMatch(
        /^reuseport-trace: cannot trace: bpftrace was not found in PATH\n.*apt install bpftrace/,
      );
      expect(exitCode).toBe(1);
    }),
  );

  it.skipIf(process.geteuid?.() !== 0)('says that bpftrace is too old', () =>
    withPath('#!/bin/sh\necho bpftrace v0.14.0\n', async (PATH) => {
      const { stderr, exitCode } = await runTool(['--once'], { env: { ...process.env, PATH } });
      expect(stderr).toMatch(/^reuseport-trace: cannot trace: bpftrace v?0\.14\.0 is too old/);
      expect(exitCode).toBe(1);
    }),
  );

  it.skipIf(process.geteuid?.() !== 0)("shows bpftrace's last words when it does not start", () =>
    withPath(
      '#!/bin/sh\n[ "$1" = --version ] && echo bpftrace v0.23.0 && exit\necho "ERROR: it broke" >&2; exit 3\n',
      async (PATH) => {
        const { stderr, exitCode } = await runTool(['--once'], { env: { ...process.env, PATH } });
        expect(stderr).toMatch(/^reuseport-trace: cannot trace: bpftrace ended \(exit 3\)/);
        expect(stderr).toContain('ERROR: it broke');
        expect(exitCode).toBe(1);
      },
    ),
  );
});

describe.skipIf(skip !== null)(`on a live kernel${reason}`, () => {
  it('shows a port that nobody listens on, and fills when somebody does', async () => {
    const port = 21_201;
    const tool = await startTool(['--port', String(port)]);
    const server = await startServer({ port });
    await tool.see('the listener', (events) =>
      events.some((event) => event.kind === 'listen' && event.ino === server.ino),
    );
    await connect({ port, count: 3 });
    await waitFor('three accepts', async () => (await server.count()) === 3, 10_000);
    const { members } = await tool.finish();
    expect(members).toMatchObject([{ ino: server.ino, pid: server.pid, picks: 3, accepted: 3, index: 0 }]);
  });

  it('takes no accept() on another port for one of its own, not even of a connection that was reset', async () => {
    const port = 21_209;
    const server = await startServer({ port });
    const other = await startServer({ port: port + 1, mode: 'stuck', backlog: 64 });
    const tool = await startTool(['--port', String(port)]);
    // Reset while they wait: the kernel has taken their local port away by the time of accept().
    await connect({ port: port + 1, count: 41, linger0: true });
    await other.resume();
    await waitFor('all accepts there', async () => (await other.count()) === 41, 10_000);
    await connect({ port, count: 3 });
    await tool.see('an accept here', (events) =>
      events.some((event) => event.kind === 'accept' && event.ino === server.ino),
    );
    await tool.finish();
    expect(tool.events.filter((event) => event.kind === 'accept' && event.pid === other.pid)).toEqual([]);
  });

  it('says that a listener lacks SO_REUSEPORT', async () => {
    const port = 21_202;
    const server = await startServer({ port, reuseport: false });
    const tool = await startTool(['--port', String(port)]);
    await connect({ port, count: 5 });
    await waitFor('five accepts', async () => (await server.count()) === 5, 10_000);
    const { members } = await tool.finish();
    expect(members).toMatchObject([
      { ino: server.ino, reuseport: false, index: null, picks: 5, accepted: 5 },
    ]);
  });

  it('tells a refused bind with the address that was asked for', async () => {
    const port = 21_203;
    await startServer({ port });
    const tool = await startTool(['--port', String(port)]);
    const { pid } = await startRefused({ port, reuseport: false });
    await tool.see('the refused bind', (events) =>
      events.some((event) => event.kind === 'bind' && event.pid === pid && event.ret === -98),
    );
    await startRefused({ port, addr: '::', reuseport: false });
    await tool.see('the refused IPv6 bind', (events) =>
      events.some((event) => event.kind === 'bind' && event.laddr === '::' && event.ret === -98),
    );
    await tool.finish();
  });

  it.each([
    ['escape sequences', '\u001b]0;x\u0007\u001b[2J'],
    ['a newline and a line of the wire', 'x\npick 1 2 3'],
    ['a map line', '@picks[1]: 99999'],
    ['braces of a screen library', '{red-fg}{/}'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x9b, 0x33, 0x31]).toString('latin1')],
  ])('is not fooled by a process name with %s', async (_, name) => {
    const port = 21_204;
    const server = await startServer({ port, name });
    const tool = await startTool(['--port', String(port)]);
    await connect({ port, count: 7 });
    await waitFor('seven accepts', async () => (await server.count()) === 7, 10_000);
    const { members, summary } = await tool.finish();
    expect(members.map(({ ino, picks, accepted }) => ({ ino, picks, accepted }))).toEqual([
      { ino: server.ino, picks: 7, accepted: 7 },
    ]);
    expect(summary).toMatchObject({ picks: 7, malformed: 0 });
    const text = await tableOf(port);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('leaves no bpftrace behind when it is killed', async () => {
    const tool = await startTool(['--port', '21205']);
    const children = (): number[] => bpftraceChildrenOf(tool.child.pid ?? -1);
    const pids = children();
    // What counts, and the other parts.
    expect(pids.length).toBe(2);
    tool.child.kill('SIGKILL');
    await waitFor('bpftrace to end', () => pids.every((pid) => !isAlive(pid)), 20_000);
  });

  it('ends when its reader closes the pipe, with a word about it', async () => {
    const port = 21_206;
    const servers = await startServers(2, { port });
    const child = spawn(process.execPath, [CLI, '--port', String(port), '--output', 'ndjson'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.stdout.destroy();
    // It notices at the next write: every second there is a tick.
    expect(await closed).toBe(0);
    expect(stderr).toMatch(/^reuseport-trace: stopped, because the reader of stdout closed it.*\n$/);
    expect(servers.length).toBe(2);
  });

  it('does not record to what is there already, such as a device', async () => {
    const { stderr, exitCode, stdout } = await runTool([
      '--port',
      '21207',
      '--once',
      '--record',
      '/dev/full',
    ]);
    // /dev/full exists, and an existing file is never written over.
    expect(stderr).toMatch(/^reuseport-trace: cannot record to \/dev\/full: the file exists/);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  });

  it('says that bpftrace ended in the middle, and keeps what was measured', async () => {
    const port = 21_208;
    const server = await startServer({ port });
    const tool = await startTool(['--port', String(port)]);
    await connect({ port, count: 11 });
    await tool.see('the counters', (events) =>
      events.some((event) => event.kind === 'count' && event.counter === 'picks' && event.total === 11),
    );
    for (const pid of bpftraceChildrenOf(tool.child.pid ?? -1)) process.kill(pid, 'SIGKILL');
    await tool.see('the end of bpftrace', (events) =>
      events.some((event) => event.kind === 'ended' && event.why.startsWith('bpftrace ended (SIGKILL)')),
    );
    const { members, exitCode, stderr } = await tool.ended();
    expect(members).toMatchObject([{ ino: server.ino, picks: 11 }]);
    expect(stderr).toMatch(/^reuseport-trace: bpftrace ended \(SIGKILL\)/);
    expect(exitCode).toBe(1);
  });
});

const tableOf = async (port: number): Promise<string> => {
  const { stdout, exitCode } = await runTool(['--port', String(port), '--once']);
  expect(exitCode).toBe(0);
  return stdout;
};

const bpftraceChildrenOf = (parent: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [, comm, rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
        return comm === 'bpftrace' && Number(rest.split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });

/** A zombie is dead: pid 1 of a container may never reap it. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
