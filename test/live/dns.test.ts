// A real DNS server under a real load: what the tool says of each of its sockets against NSD's own counts and the kernel's.
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { findServer, signal, stopDaemons } from '../workloads/daemon.js';
import { load, startNsd } from '../workloads/nsd.js';
import { findingsIn, looks, seeFinding, troublesOn } from './found.js';
import { startTool, whyNotLive } from './tool.js';

/** In CI nothing is skipped: its script installs both. */
const skip =
  whyNotLive() ??
  (process.env.CI === undefined && findServer('nsd') === null ? 'nsd is not installed' : null);

/** Sockets of the load, each of which keeps to one worker: so many that no worker has half as much again as its share. */
const CLIENTS = 400;

/** What the kernel dropped, by inode (the last column of /proc/net/udp). */
const dropsByIno = (): ReadonlyMap<number, number> =>
  new Map(
    readFileSync('/proc/net/udp', 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .map((words) => [Number(words[9]), Number(words[12])]),
  );

afterEach(stopDaemons);

describe.skipIf(skip !== null)(`NSD${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('has the datagrams of each worker counted as NSD and the kernel count them', async () => {
    const port = 10_520;
    const nsd = await startNsd({ port, workers: 4 });
    const tool = await startTool(['--port', String(port), '--udp', '--probe', 'tracepoint']);
    const { sent, completed } = await load({ port, queries: 60_000, clients: CLIENTS });
    expect(sent).toBe(60_000);
    const drops = dropsByIno();
    await looks(tool, 2);
    const trouble = troublesOn(tool, port);
    const { members, summary } = await tool.finish();
    const queries = nsd.queries();
    // Every worker serves one socket, which the main process and xfrd hold too.
    const byWorker = nsd.workers.map((pid) => members.find((member) => member.pid === pid));
    expect(byWorker.map((member) => member?.received)).toEqual(queries);
    expect(members.map(({ ino, dropped }) => [ino, dropped])).toEqual(
      members.map(({ ino }) => [ino, drops.get(ino)]),
    );
    expect(byWorker.map((member) => member?.comm)).toEqual(
      [1, 2, 3, 4].map((number) => `nsd: server ${number}`),
    );
    const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
    expect(sum(queries) + sum(members.map(({ dropped }) => dropped ?? Number.NaN))).toBe(sent);
    expect(completed).toBeLessThanOrEqual(sum(queries));
    expect(summary).toMatchObject({ malformed: 0, lost: 0 });
    expect(trouble).toEqual([]);
  });

  it('has a worker that was stopped: it is named, and nobody else', async () => {
    const port = 10_521;
    const nsd = await startNsd({ port, workers: 3 });
    const [, stopped = 0] = nsd.workers;
    const tool = await startTool(['--port', String(port), '--udp']);
    await load({ port, queries: 600, clients: 37 });
    await looks(tool, 1);
    signal(stopped, 'SIGSTOP');
    const loading = load({ port, queries: 6000, clients: 61, rate: 300 });
    const { evidence, text } = await seeFinding(tool, port, 'stuck');
    expect(evidence.pid, text).toBe(stopped);
    signal(stopped, 'SIGCONT');
    await loading;
    await tool.see('its end', () =>
      findingsIn(tool).some(({ rule, status }) => rule === 'stuck' && status === 'cleared'),
    );
    const { members } = await tool.finish();
    const found = findingsIn(tool).filter(({ rule, status }) => rule === 'stuck' && status === 'raised');
    expect(found.map(({ ino }) => ino)).toEqual([members.find(({ pid }) => pid === stopped)?.ino]);
  });
});
