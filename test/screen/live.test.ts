import { afterEach, describe, expect, it } from 'vitest';
import { whyNotLive } from '../live/tool.js';
import { connect, type Server, startServers, stopAll } from '../workloads/workload.js';
import { built, openTerminal, type Terminal } from './terminal.js';

const skip = whyNotLive();

/** Attaching takes 2 s here and 15 s on a busy emulated machine. */
const ATTACH_MS = 90_000;

let terminal: Terminal | null = null;
afterEach(async () => {
  terminal?.kill();
  await stopAll();
});

describe.skipIf(skip !== null)(
  `the screen on live events${skip === null ? '' : ` (skipped: ${skip})`}`,
  () => {
    it('shows listeners at once, counts every pick, and names the one that is stuck', {
      timeout: 240_000,
    }, async () => {
      const servers = await startServers(3, (index) => ({
        addr: '127.0.0.1',
        backlog: 16,
        name: `live-${index}`,
        ...(index === 2 ? { mode: 'stuck' as const } : {}),
      }));
      const port = servers[0]?.port ?? 0;
      terminal = openTerminal([built('src/cli.js'), '--port', String(port)], { columns: 120, rows: 40 });
      await terminal.see('the listeners while attaching', /3 listeners[\s\S]*live-0[\s\S]*live-1/);
      await terminal.see('the attached probes', /LIVE 1s/, ATTACH_MS);
      await connect({ port, count: 97, timeoutMs: 200, linger0: true });
      const counted = await Promise.all(servers.slice(0, 2).map((server: Server) => server.count()));
      for (const [index, accepted] of counted.entries()) {
        const row = new RegExp(`live-${index} .* ${accepted} +${accepted} `);
        await terminal.see(`${accepted} picks and accepts of live-${index}`, row);
      }
      await terminal.see('the stuck one in words', /x #\d pid \d+ live-2: \d+\/16 queued, no accept\(\)/);
      terminal.press('q');
      expect((await terminal.end()).exitCode).toBe(0);
    });
  },
);
