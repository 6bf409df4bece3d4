// Members are told apart as people know them, on a live kernel: real cgroups, titles that processes gave themselves, old recordings.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { MemberFacts } from '../../src/members/facts.js';
import { findCgroups, withCgroups } from '../workloads/cgroup.js';
import { connect, startServers, stopAll } from '../workloads/workload.js';
import { looks } from './found.js';
import { runTool, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive() ?? (findCgroups() === null ? 'no cgroup can be made' : null);
const ID = '9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d';
const POD = '90d81341-92de-11e7-8cf2-507b9d4141fa';
const BASE = 10_284;

afterEach(stopAll);

describe.skipIf(skip !== null)(`names of members${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('are their unit, container and pod by their cgroup, and the title that they gave themselves', () =>
    withCgroups(async (move) => {
      const port = BASE;
      const titles = ['web: worker process 1', 'web: worker process 2', 'worker in a pod', 'nowhere'];
      const servers = await startServers(4, (index) => ({ port, name: titles[index] ?? '' }));
      const places = ['web.slice/web@1.service', `docker/${ID}`, `kubepods/burstable/pod${POD}/${ID}`];
      for (const [index, path] of places.entries()) move(servers[index]?.pid ?? 0, path);
      const tool = await startTool(['--port', String(port)]);
      await connect({ port, count: 40, linger0: true });
      await looks(tool, 2);
      const { members } = await tool.finish();
      expect(
        members.map(({ pid, command, unit, runtime, container, pod }) => [
          pid,
          command,
          unit,
          runtime,
          container,
          pod,
        ]),
      ).toEqual(
        [
          [titles[0], 'web@1.service', null, null, null],
          [titles[1], null, 'docker', ID, null],
          [titles[2], null, null, ID, POD],
          [titles[3], null, null, null, null],
        ].map((names, index) => [servers[index]?.pid, ...names]),
      );
      const table = await runTool(['--port', String(port), '--once']);
      // Nothing was picked, so that no index is known: they come by inode, which each CPU counts by itself (get_next_ino).
      for (const [index, names] of [
        'web@1.service  web: worker process 1',
        'docker 9ec39b91f3d7  web: worker process 2',
        'pod 90d81341 9ec39b91f3d7',
      ].entries())
        expect(table.stdout).toMatch(
          new RegExp(` ${servers[index]?.pid} .*\n *${names.replaceAll('.', '\\.')}\n`),
        );
    }));

  it('are in a recording, and a recording without them is read as before', async () => {
    const port = BASE + 1;
    const folder = mkdtempSync(join(tmpdir(), 'names-'));
    try {
      const [path, older] = [join(folder, 'run.ndjson'), join(folder, 'older.ndjson')];
      const servers = await startServers(2, (index) => ({ port, name: `\u001b[2J{red-fg} worker ${index}` }));
      const tool = await startTool(['--port', String(port), '--record', path]);
      await connect({ port, count: 20, linger0: true });
      await looks(tool, 2);
      const live = await tool.finish();
      expect(live.members.map(({ command }) => command)).toEqual(
        [0, 1].map((index) => `\u001b[2J{red-fg} worker ${index}`),
      );
      expect(await membersOf(path)).toEqual(live.members);
      const [before, since] = [
        tool.events,
        (event: { readonly kind: string }) => ['process', 'finding'].includes(event.kind),
      ];
      expect(before.filter(({ kind }) => kind === 'process').length).toBeGreaterThanOrEqual(servers.length);
      const without = before.filter((event) => !since(event)).map((event) => JSON.stringify(event));
      writeFileSync(older, without.join('\n'));
      expect(
        (await membersOf(older)).map(({ pid, command, unit, picks }) => ({ pid, command, unit, picks })),
      ).toEqual(live.members.map(({ pid, picks }) => ({ pid, command: null, unit: null, picks })));
      const { stdout } = await runTool(['replay', '--speed', '0', '--output', 'lines', path]);
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

const membersOf = async (path: string): Promise<MemberFacts[]> => {
  const { stdout } = await runTool(['replay', '--speed', '0', '--output', 'ndjson', path]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MemberFacts)
    .filter(({ kind }) => kind === 'member');
};
