// Findings over a whole run: one sick member among many, told in time; the same in a replay; and when the tool itself is sick.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { FindingEvent } from '../../src/core/state/finding.js';
import { signal } from '../workloads/daemon.js';
import { startScript } from '../workloads/script.js';
import {
  connect,
  holdOpen,
  startRefused,
  startServer,
  startServers,
  stopAll,
} from '../workloads/workload.js';
import { findingsIn, looks, seeFinding } from './found.js';
import { runTool, startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();
const BASE = 10_280;

afterEach(stopAll);

describe.skipIf(skip !== null)(`findings of a run${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('name the stuck one of 256 members within 5 seconds of its first connection', async () => {
    const port = BASE;
    const servers = await startServers(256, (index) => ({
      port,
      backlog: 64,
      ...(index === 177 ? { mode: 'stuck' as const } : {}),
    }));
    const sick = servers[177];
    const tool = await startTool(['--port', String(port)]);
    const clients = connect({ port, count: 4000, rate: 800, linger0: true, src: '127.0.0.1-127.0.0.9' });
    const stuck = await seeFinding(tool, port, 'stuck');
    await clients;
    await looks(tool, 3);
    const first = tool.events.find((event) => event.kind === 'pick' && event.ino === sick?.ino);
    const afterMs = (stuck.tsNs - (first?.tsNs ?? 0)) / 1e6;
    console.info(`one of 256 stuck: found ${Math.round(afterMs)} ms after its first connection`);
    expect(stuck).toMatchObject({ ino: sick?.ino, evidence: { pid: sick?.pid, index: 177 } });
    expect(afterMs).toBeLessThan(5000);
    const others = findingsIn(tool).filter(({ ino, severity }) => severity !== 'note' && ino !== sick?.ino);
    expect(others.map(({ rule, text }) => `${rule}: ${text}`)).toEqual([]);
    await tool.finish();
  });

  it('are the same in a replay at full speed, in order and in time', async () => {
    const port = BASE + 1;
    const folder = mkdtempSync(join(tmpdir(), 'findings-'));
    try {
      const path = join(folder, 'run.ndjson');
      const tool = await startTool(['--port', String(port), '--record', path]);
      const servers = await startServers(4, { port, backlog: 32 });
      await connect({ port, count: 400, rate: 200, linger0: true });
      await servers[3]?.stick();
      await holdOpen({ port, count: 80 });
      await seeFinding(tool, port, 'stuck');
      await startRefused({ port, reuseport: false });
      await servers[3]?.close();
      await connect({ port, count: 600, rate: 300, linger0: true, sports: '23010-23011' });
      for (const rule of ['lost-at-close', 'bind-refused', 'renumbered', 'skew'] as const)
        await seeFinding(tool, port, rule);
      await tool.see('stuck cleared', () =>
        findingsIn(tool).some(({ rule, status }) => rule === 'stuck' && status === 'cleared'),
      );
      const live = findingsIn(tool);
      await tool.finish();
      const all = findingsIn(tool);
      expect(all.length).toBeGreaterThanOrEqual(live.length);
      const { stdout, exitCode } = await runTool(['replay', path, '--speed', '0', '--output', 'ndjson']);
      expect(exitCode).toBe(0);
      expect(findingsOf(stdout)).toEqual(all);
      console.info(
        `${all.length} findings live, the same in the replay: ${all.map(({ status, rule }) => `${status} ${rule}`).join(', ')}`,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('say which lines were left out when nobody reads them, and nothing when no more are printed than can be read', async () => {
    const port = BASE + 2;
    await startServers(2, { port });
    const flood = { port, count: 40_000, parallel: 2, linger0: true, src: '127.0.0.1-127.0.0.4' } as const;
    const healthy = await startTool(['--port', String(port)]);
    await connect(flood);
    await looks(healthy, 3);
    expect(lossy(healthy)).toEqual([]);
    expect((await healthy.finish()).summary).toMatchObject({ picks: 40_000, lost: 0 });

    const tool = await startTool(['--port', String(port)]);
    const [bpftrace] = childrenOf(tool.child.pid ?? 0);
    signal(bpftrace ?? 0, 'SIGSTOP');
    // Details and the lines of sockets that come and go dry up while nobody reads.
    const passing = startScript('many.pl', { port, proto: 'tcp', sockets: 8000 }, undefined);
    await passing.read();
    await passing.stop();
    await connect(flood);
    signal(bpftrace ?? 0, 'SIGCONT');
    // What was left out is counted in the kernel, and told with the next tick.
    await connect({ ...flood, count: 1000, rate: 150 });
    await tool.see('that lines were left out', () => lossy(tool).length > 0);
    const text = expect.stringMatching(
      /^[\d,]+ lines of sockets that came and went left out: the logs have gaps, the counters are exact$/,
    );
    expect(lossy(tool)[0]).toMatchObject({ status: 'raised', group: null, text });
    const { summary, members } = await tool.finish();
    // What was lost are lines; the counters in the kernel went on.
    expect(summary.picks).toBe(41_000);
    expect(members.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(41_000);
    expect(summary.shown + summary.sampledAway + summary.lost).toBe(41_000);
  });

  it('say that bpftrace ended, and keep what was found before', async () => {
    const port = BASE + 3;
    const sick = await startServer({ port, mode: 'stuck' });
    const tool = await startTool(['--port', String(port)]);
    await holdOpen({ port, count: 5 });
    await seeFinding(tool, port, 'stuck');
    for (const pid of childrenOf(tool.child.pid ?? 0)) signal(pid, 'SIGKILL');
    const { exitCode } = await tool.ended();
    expect(exitCode).toBe(1);
    const ended = findingsIn(tool).find(({ rule }) => rule === 'ended');
    expect(ended).toMatchObject({
      severity: 'problem',
      text: expect.stringMatching(/bpftrace ended \(SIGKILL\).*numbers are frozen/),
    });
    expect(findingsIn(tool).filter(({ ino, status }) => ino === sick.ino && status === 'cleared')).toEqual(
      [],
    );
  });
});

const lossy = (tool: Tool): FindingEvent[] => findingsIn(tool).filter(({ rule }) => rule === 'lossy');

const findingsOf = (ndjson: string): FindingEvent[] =>
  ndjson
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FindingEvent)
    .filter(({ kind }) => kind === 'finding');

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
