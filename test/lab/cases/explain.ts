// --explain by a function rung: the arithmetic of one pick, as text.
import assert from 'node:assert/strict';
import { runTool } from '../../live/tool.js';
import { connect, startServers, stopAll, waitFor } from '../../workloads/workload.js';
import type { Case } from '../case.js';

const ATTACH_MS = 300_000;

const explain: Case = {
  name: 'fentry explains the next pick of a client: hash x n >> 32 is the index of the process that accepted',
  run: async () => {
    try {
      const port = 8601;
      const servers = await startServers(3, { port });
      let stdout: string | null = null;
      const running = runTool(['--port', String(port), '--explain', '127.0.0.2', '--probe', 'fentry']).then(
        (ended) => {
          stdout = `${ended.stdout}${ended.stderr}`;
        },
      );
      await waitFor(
        'the explanation',
        async () => {
          // Before it is attached it sees none; the other client is none of its business.
          await connect({ port, count: 1 });
          if (stdout === null) await connect({ port, count: 1, src: '127.0.0.2' });
          return stdout !== null;
        },
        ATTACH_MS,
      );
      await running;
      const text = stdout ?? '';
      console.log(text.replaceAll(/^/gm, '  '));
      assert.match(text, /^\S+ 127\.0\.0\.2:\d+ -> 127\.0\.0\.1:8601\n/);
      const hash = /hash\s+0x([0-9a-f]{8})/.exec(text)?.[1];
      assert.ok(hash !== undefined, 'no hash');
      const index = Number((BigInt(`0x${hash}`) * 3n) >> 32n);
      const [, read, pid] = /#(\d) of 3[\s\S]*?\bpid (\d+) perl/.exec(text) ?? [];
      assert.deepEqual([Number(read), Number(pid)], [index, servers[index]?.pid]);
    } finally {
      await stopAll();
    }
  },
};

export const cases: readonly Case[] = [explain];
