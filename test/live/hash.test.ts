// What the hash tells on this machine's kernel, by the tracepoint rung: predictions beside what servers got, connections to one member,
// groups in which the hash does not decide, and a seed that nobody is told.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { predictGroups, recordGroups, seedsOf } from '../workloads/groups.js';
import { connect, startPorts, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { runTool, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const reason = skip === null ? '' : ` (skipped: ${skip})`;

/** A search gives way to everything else: 13 s on an idle core, minutes on a busy machine. */
const SEARCH_MS = 600_000;

afterEach(stopAll);

/** Runs a command while clients come from ever new ports; they stop at 400, because each is a pick to look through. */
const askWhile = async (args: readonly string[], port: number, cpu?: number) => {
  let result = null as Awaited<ReturnType<typeof runTool>> | null;
  void runTool([...args, '--probe', 'tracepoint', '--duration', '60']).then((ended) => {
    result = ended;
  });
  let made = 0;
  await waitFor(
    'the answer',
    async () => {
      if (made < 400) {
        const sports = `${20_000 + made}-${20_009 + made}`;
        const at = cpu === undefined ? {} : { cpu };
        await connect({ port, count: 10, sports, src: '127.0.0.1', linger0: true, ...at });
        made += 10;
      }
      return result !== null;
    },
    SEARCH_MS,
  );
  return result ?? expect.unreachable();
};

describe.skipIf(skip !== null)(`the hash on a live kernel${reason}`, { timeout: 2 * SEARCH_MS }, () => {
  it('tells who gets 1,000 fresh ports, in two network namespaces, and never its seed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-hash-'));
    try {
      await recordGroups(folder, {
        ...{ port: 21_310, picks: 80, hasUdp: false },
        start: (record) =>
          startTool(['-P', '21310', '--probe', 'tracepoint', '--details', '2000', '--record', record]),
      });
      const held = await predictGroups(folder);
      expect(held).toHaveLength(10);
      expect(held).toEqual(held.map(({ what }) => ({ what, right: 1000, of: 1000 })));
      const recording = join(folder, 'groups.ndjson');
      const asked = ['127.0.0.1:40000-40999', '--to', '127.0.0.15', '--output', 'ndjson'];
      const netns = /"hostNetns":(\d+)/.exec(readFileSync(recording, 'utf8'))?.[1] ?? '';
      const told = await runTool(['predict', '--replay', recording, '--netns', netns, ...asked]);
      expect({ exitCode: told.exitCode, stderr: told.stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(told.stdout.trim().split('\n')).toHaveLength(1000);
      const explained = await runTool([
        'replay',
        recording,
        '--speed',
        '0',
        '--explain',
        '127.0.0.1',
        '--learn-hash',
      ]);
      expect(explained.stdout).toMatch(
        /\n1 hash {3}0x[0-9a-f]{8} = [\d,]+: computed here[\s\S]*it agrees; the hash\s+decided/,
      );
      const all =
        [told, explained].map(({ stdout, stderr }) => stdout + stderr).join() +
        readFileSync(recording, 'utf8');
      const seeds = await seedsOf(folder);
      expect(seeds.length).toBeGreaterThan(0);
      for (const seed of seeds)
        for (const text of [
          String(seed),
          String(seed | 0),
          seed.toString(16).padStart(8, '0'),
          seed.toLocaleString('en-US'),
        ])
          expect(all.includes(text)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([0, 3])('reaches member #%i fifty times of fifty', async (index) => {
    const port = 21_320 + index;
    const { log, inos } = await startPorts({ port, sockets: 4 });
    const told = await askWhile(
      ['reach', '-P', String(port), '--index', String(index), '--connect', '50', '--output', 'ndjson'],
      port,
    );
    const lines = told.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.slice(1).map(({ landed, ino }) => [landed, ino])).toEqual(
      Array(50).fill([true, inos[index]]),
    );
    const seen = await log();
    expect(lines.slice(1).map(({ rport }) => seen.get(rport))).toEqual(Array(50).fill(index));
    expect(told.exitCode).toBe(0);
  });

  it('predicts nothing in a group that a program steers', async () => {
    const port = 21_330;
    await startServers(3, (index) => ({ port, ...(index === 0 ? { cbpf: 1 } : {}) }));
    const { stderr, stdout, exitCode } = await askWhile(['predict', '-P', String(port), '127.0.0.1'], port);
    expect({ stderr, stdout, exitCode }).toEqual({
      stderr: "reuseport-trace: cannot predict: not the hash decides, but the group's classic BPF program\n",
      stdout: '',
      exitCode: 1,
    });
  });

  it('says what is wrong with a question, in a sentence', async () => {
    const port = 21_331;
    await startServers(2, { port });
    const ask = async (...args: readonly string[]): Promise<string> => {
      const { stderr, exitCode } = await runTool([...args, '--probe', 'tracepoint', '--duration', '3']);
      expect(exitCode).toBe(1);
      return stderr;
    };
    expect(await ask('predict', '-P', String(port), '127.0.0.1')).toMatch(
      /^reuseport-trace: cannot predict: (?:no pick of it was seen yet|\d+ more picks are needed)/,
    );
    expect(await ask('predict', '-P', String(port), '::1')).toMatch(
      /cannot predict: ::1 is IPv6, and tcp4 .* is not\n$/,
    );
    expect(await ask('predict', '-P', '21332', '127.0.0.1')).toMatch(
      /cannot predict: nothing listens on port 21332\n$/,
    );
  });
});
