// Who serves what after a reload: no row names a process that has ended.
import { afterEach, describe, expect, it } from 'vitest';
import { findServer, stopDaemons } from '../workloads/daemon.js';
import { startNginx } from '../workloads/nginx.js';
import { connect, stopAll, waitFor } from '../workloads/workload.js';
import { looks, troublesOn } from './found.js';
import { startTool, whyNotLive } from './tool.js';

const skip =
  whyNotLive() ??
  (process.env.CI === undefined && findServer('nginx') === null ? 'nginx is not installed' : null);
const PORT = 10_930;

afterEach(async () => {
  await stopAll();
  await stopDaemons();
});

describe.skipIf(skip !== null)(`a reload${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('of nginx leaves no dead worker as the owner of a socket, without one connection more', async () => {
    const nginx = await startNginx({ port: PORT, workers: 4 });
    const tool = await startTool(['--port', String(PORT)]);
    await connect({ port: PORT, count: 200, rate: 200, linger0: true });
    await looks(tool, 2);
    const old = nginx.children();
    await nginx.reload(4);
    await waitFor(
      'the old workers to end',
      () => nginx.children().every((pid) => !old.includes(pid)),
      30_000,
    );
    const ended = tool.events.length;
    await tool.see('a look at /proc after that', (events) =>
      events.slice(ended).some(({ kind }) => kind === 'scanned'),
    );
    await looks(tool, 1);
    expect(troublesOn(tool, PORT)).toEqual([]);
    const { members } = await tool.finish();
    expect(members).toHaveLength(4);
    for (const { pid, holders } of members) {
      // Several hold it and none has accepted yet: nobody is its owner.
      expect(pid).toBe(null);
      expect(holders.map((holder) => holder.pid).filter((each) => old.includes(each))).toEqual([]);
    }
  });
});
