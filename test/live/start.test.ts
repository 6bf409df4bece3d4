// How a run starts: what counts first, the rest while it counts, and what bpftrace refuses stays out alone.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findCommand } from '../../src/bpftrace/command.js';
import { connect, type Server, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { type Closing, COMMAND, runTool, startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const CONNECTIONS = 997;

afterEach(stopAll);

/** A PATH that begins with a bpftrace which runs `script` on the program in $program, before the real one gets it. */
const withBpftrace = async <T>(script: string, run: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-start-'));
  try {
    const real = findCommand('bpftrace');
    writeFileSync(
      join(folder, 'bpftrace'),
      `#!/bin/sh
folder=${folder}
[ "$1" = --version ] && exec ${real} --version
program=$(cat)
${script}
printf '%s\\n' "$program" > $folder/program.$$
exec ${real} "$@" < $folder/program.$$
`,
    );
    chmodSync(join(folder, 'bpftrace'), 0o755);
    return await run({ PATH: `${folder}:${process.env.PATH}` });
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** Connects, and compares what the tool says of each member with what each server counted. */
const countAll = async (tool: Tool, servers: readonly Server[], port: number): Promise<Closing> => {
  expect((await connect({ port, count: CONNECTIONS })).ok).toBe(CONNECTIONS);
  const counted = await waitFor(
    'the servers to count them all',
    async () => {
      const counts = await Promise.all(
        servers.map(async (server) => [server.ino, await server.count()] as const),
      );
      const sum = counts.reduce((all, [, count]) => all + count, 0);
      if (sum !== CONNECTIONS) throw new Error(`${sum} counted`);
      return new Map(counts);
    },
    60_000,
  );
  const closing = await tool.finish();
  const seen = closing.members.filter(({ lport }) => lport === port);
  expect(new Map(seen.map(({ ino, picks, accepted }) => [ino, [picks, accepted]]))).toEqual(
    new Map([...counted].map(([ino, count]) => [ino, [count, count]])),
  );
  const { picks, shown, sampledAway, lost } = closing.summary;
  expect([picks, shown + sampledAway + lost]).toEqual([CONNECTIONS, CONNECTIONS]);
  return closing;
};

/** Process ids of every bpftrace whose command line has the port. */
const leftBehind = (port: number): string => {
  try {
    return execFileSync('pgrep', ['-f', `bpftrace -B line - ${port} `], { encoding: 'utf8' });
  } catch {
    return '';
  }
};

describe.skipIf(skip !== null)(`a start${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('misses none of the connections that begin the moment it says that it is attached', async () => {
    const port = 45_101;
    const servers = await startServers(4, { port });
    const tool = await startTool(['--port', String(port)], {}, [], COMMAND, true);
    await countAll(tool, servers, port);
  });

  it('goes on without a part that bpftrace refuses, says so, and counts right', () =>
    withBpftrace(
      `case "$program" in *sys_enter_bind*) echo 'ERROR: Error loading program: tracepoint:syscalls:sys_enter_bind' >&2; exit 1;; esac`,
      async (env) => {
        const port = 45_102;
        const servers = await startServers(3, { port });
        const tool = await startTool(['--port', String(port)], env);
        const closing = await countAll(tool, servers, port);
        const parts = new Map(
          tool.events.flatMap((event) => (event.kind === 'part' ? [[event.part, event.status]] : [])),
        );
        expect(parts).toEqual(
          new Map([
            ['listen', 'attached'],
            ['bind', 'out'],
            ['refuse', 'attached'],
            ['udp', 'attached'],
            ['attach', 'attached'],
            ['steer', 'attached'],
          ]),
        );
        expect(closing.stderr.trim().split('\n')).toEqual([
          'reuseport-trace: running without the bind probes: bpftrace ended (exit 1); not known: binds and listens, and which were refused',
        ]);
        expect([closing.exitCode, closing.summary.rung]).toEqual([0, 'tracepoint']);
        expect(leftBehind(port)).toBe('');
      },
    ));

  it('counts on when the bpftrace of the other parts dies', () =>
    withBpftrace(`case "$program" in *sys_enter_bind*) kill -KILL $$;; esac`, async (env) => {
      const port = 45_103;
      const servers = await startServers(2, { port });
      const tool = await startTool(['--port', String(port), '-t'], env);
      const closing = await countAll(tool, servers, port);
      expect(closing.stderr).toMatch(/running without the bind probes: bpftrace ended \(SIGKILL\)/);
      expect(leftBehind(port)).toBe('');
    }));

  it('ends with one sentence, and leaves nothing behind, when the bpftrace that counts dies before the rest has come', () =>
    withBpftrace(
      `case "$program" in *sys_enter_bind*) kill -KILL $(cat $folder/first); exec sleep 1000;; *) echo $$ > $folder/first;; esac`,
      async (env) => {
        const port = 45_104;
        const { stderr, exitCode } = await runTool(['--port', String(port), '--output', 'ndjson'], {
          env: { ...process.env, ...env },
        });
        expect(stderr).toBe('reuseport-trace: bpftrace ended (SIGKILL)\n');
        expect(exitCode).toBe(1);
        expect(leftBehind(port)).toBe('');
      },
    ));
});
