// The verdict for scripts on this machine's kernel: a healthy group, a sick one, and nobody to judge.

import { afterEach, describe, expect, it } from 'vitest';
import type { CheckFacts } from '../../src/members/verdict.js';
import { connect, type Server, startServer, stopAll } from '../workloads/workload.js';
import { runTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

/** Checks a port while clients come all the time: how long attaching takes is not known. */
const check = async (
  port: number,
  seconds: number,
): Promise<{ exitCode: number | null; facts: CheckFacts }> => {
  const checking = runTool(['check', '-P', String(port), '--duration', String(seconds), '--output', 'json']);
  let isOver = false;
  const clients = (async () => {
    while (!isOver) await connect({ port, count: 50, rate: 100 });
  })();
  const { exitCode, stdout, stderr } = await checking;
  isOver = true;
  await clients;
  expect(stderr).toBe('');
  return { exitCode, facts: JSON.parse(stdout) as CheckFacts };
};

const servers = async (port: number, count: number): Promise<Server[]> => {
  const all: Server[] = [];
  for (let i = 0; i < count; i++) all.push(await startServer({ port }));
  return all;
};

describe.skipIf(skip !== null)(`check${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('calls a healthy group healthy', async () => {
    await servers(10_131, 3);
    const { exitCode, facts } = await check(10_131, 6);
    // On a busy host the kernel may skip probe runs: that is said, and is no fault of the server's.
    const found = facts.summary.findings.filter(({ rule }) => rule !== 'lossy');
    expect(found).toEqual([]);
    expect(exitCode).toBe(facts.exitCode);
    expect(facts.groups).toMatchObject([{ lport: 10_131, listeners: 3, left: 0, shares: { workers: 3 } }]);
    expect(facts.groups[0]?.picks).toBeGreaterThan(100);
    if (facts.summary.findings.length === 0) expect([exitCode, facts.verdict]).toEqual([0, 'healthy']);
  });

  it('exits 3 and names the worker that does not accept', async () => {
    await servers(10_132, 2);
    const sick = await startServer({ port: 10_132, mode: 'stuck' });
    const { exitCode, facts } = await check(10_132, 6);
    expect(exitCode).toBe(3);
    expect(facts).toMatchObject({ verdict: 'findings', exitCode: 3 });
    const problems = facts.summary.findings.filter(({ severity }) => severity === 'problem');
    expect(problems.map(({ rule, ino, evidence }) => [rule, ino, evidence.pid])).toEqual([
      ['stuck', sick.ino, sick.pid],
    ]);
  });

  it('fails where nobody listens', async () => {
    const { exitCode, stdout, stderr } = await runTool(['check', '-P', '10133', '--duration', '1']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(/^reuseport-trace: cannot check: nothing listens on port 10133\n/);
  });
});
