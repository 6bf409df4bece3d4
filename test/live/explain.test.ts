// --explain on this machine's kernel, by the tracepoint rung, which every kernel from 6.3 on has: the next pick of one client, and none.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, holdOpen, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { CLI, runTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const reason = skip === null ? '' : ` (skipped: ${skip})`;

/** Attaching takes 2 s here and 15 s in an emulated guest on a busy host. */
const ATTACH_MS = 90_000;

afterEach(stopAll);

type Explained = Awaited<ReturnType<typeof runTool>>;

/** Runs `--explain` and lets the connections be made until it has ended: before it is attached it sees none. */
const explainWhile = async (
  args: readonly string[],
  makeConnection: () => Promise<unknown>,
): Promise<Explained> => {
  let result: Explained | null = null;
  const running = runTool([...args, '--probe', 'tracepoint']).then((ended) => {
    result = ended;
  });
  await waitFor(
    'the explanation',
    async () => {
      if (result === null) await makeConnection();
      return result !== null;
    },
    ATTACH_MS,
  );
  await running;
  return result ?? expect.unreachable();
};

describe.skipIf(skip !== null)(`on a live kernel${reason}`, { timeout: 2 * ATTACH_MS }, () => {
  it('explains the next pick from a client, and not that of another', async () => {
    const port = 21_301;
    const servers = await startServers(3, { port });
    const { stdout, stderr, exitCode } = await explainWhile(
      ['--port', String(port), '--explain', '127.0.0.2'],
      async () => {
        await connect({ port, count: 1 });
        await connect({ port, count: 1, src: '127.0.0.2' });
      },
    );
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toMatch(/^\S+ 127\.0\.0\.2:\d+ -> 127\.0\.0\.1:21301\n/);
    expect(stdout).toMatch(/\n1 hash {3}not known yet: \d+ more picks are needed/);
    const [, index = '', pid = '', ino = ''] =
      /\n2 index {2}#(\d) of 3, read from [\s\S]*\n3 socket pid (\d+) perl, fd \d+, ino (\d+), listening\n/.exec(
        stdout,
      ) ?? [];
    expect(servers[Number(index)], stdout).toMatchObject({ pid: Number(pid), ino: Number(ino) });
    expect(stdout).toMatch(new RegExp(`\\n5 accept pid ${pid} perl, [\\d.]+ms after the handshake`));
  });

  it('does not wait for ever for an accept', async () => {
    const port = 21_302;
    await startServers(1, { port, mode: 'stuck', addr: '::1' });
    const held: Awaited<ReturnType<typeof holdOpen>>[] = [];
    const { stdout, exitCode } = await explainWhile(
      ['--port', String(port), '--explain', '::1'],
      async () => {
        held.push(await holdOpen({ port, count: 1, addr: '::1' }));
      },
    );
    expect(stdout).toMatch(/\n5 accept waiting for [34]\.\ds\n$/);
    expect(exitCode).toBe(0);
  });

  it('says that there was none when the time is over', async () => {
    const args = ['--port', '21303', '--explain', '127.0.0.1:9', '--duration', '1'];
    const { stdout, stderr, exitCode } = await runTool([...args, '--probe', 'tracepoint']);
    expect(stderr).toMatch(
      /^reuseport-trace: cannot explain a pick from 127\.0\.0\.1:9: none was seen in \d+\.\d s\n$/,
    );
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
  });

  it('says so on Ctrl-C too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-explain-'));
    const record = join(folder, 'run.ndjson');
    const args = ['--port', '21304', '--explain', '::1', '--probe', 'tracepoint', '--record', record];
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    const isAttached = (): boolean => readFileSync(record, 'utf8').includes('{"kind":"attached"');
    await waitFor('the probes attached', isAttached, ATTACH_MS).finally(() => child.kill('SIGINT'));
    expect(await closed).toBe(1);
    rmSync(folder, { recursive: true });
    expect(stderr).toMatch(/^reuseport-trace: cannot explain a pick from ::1: none was seen in \d+\.\d s\n$/);
  });
});

describe('a replay', () => {
  const recording = 'test/fixtures/linux-6.18-tracepoint.ndjson.gz';

  it('says that the client made no connection in it', async () => {
    const { stdout, stderr, exitCode } = await runTool([
      'replay',
      recording,
      '--speed',
      '0',
      '--explain',
      '192.0.2.1',
    ]);
    expect(stderr).toMatch(
      /^reuseport-trace: cannot explain a pick from 192\.0\.2\.1: none was (?:seen|shown) in /,
    );
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 });
  });

  it('explains the first pick of the client in it', async () => {
    const { stdout, exitCode } = await runTool([
      'replay',
      recording,
      '--speed',
      '0',
      '--explain',
      '127.0.0.1',
    ]);
    expect(stdout).toMatch(/ 127\.0\.0\.1:\d+ -> [\s\S]*\n5 accept pid \d+ /);
    expect(exitCode).toBe(0);
  });
});
