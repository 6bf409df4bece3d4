// Every view of a live run, once it stands still, against the same view of its recording: the same text, cell by cell.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VIEWS } from '../../src/tui/views.js';
import { whyNotLive } from '../live/tool.js';
import { connect, startRefused, startServer, startServers, stopAll } from '../workloads/workload.js';
import { built, openTerminal, type Terminal } from './terminal.js';

const skip = whyNotLive();
const PORT = 10_310;
const ATTACH_MS = 90_000;
const SIZE = { columns: 120, rows: 40 };

let folder = '';
const terminals: Terminal[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replayed-'));
});
afterEach(async () => {
  for (const terminal of terminals.splice(0)) terminal.kill();
  await stopAll();
  rmSync(folder, { recursive: true });
});

const open = (args: readonly string[]): Terminal => {
  const terminal = openTerminal([built('src/cli.js'), ...args], SIZE);
  terminals.push(terminal);
  return terminal;
};

/**
 * The text of every view, but for the first row, which says whether it is live, and the last, of which keys do what.
 * A selection is the user's, not the run's, and sticks to the socket that was first when the screen opened: here it is
 * the first row.
 */
const viewsOf = async (terminal: Terminal): Promise<Record<string, string>> => {
  const texts: Record<string, string> = {};
  for (const [i, { name, title }] of VIEWS.entries()) {
    terminal.press(String(i + 1));
    await terminal.see(title, new RegExp(` ${i + 1} ${title.toUpperCase()} `));
    if (name === 'group') {
      terminal.press('g');
      await terminal.see('the first row chosen', /\n[^\n]* IDX▲[^\n]*\n[^\n]*▸/);
    }
    await terminal.stands();
    const rows = terminal.rows().slice(1, -1);
    texts[title] = rows.map((row) => row.trimEnd()).join('\n');
  }
  return texts;
};

/** bpftrace, of the tool that has these words in its command line. */
const tracerOf = (words: string): number => {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  };
  const tool = pids.find(
    (pid) => read(`/proc/${pid}/cmdline`).includes(words) && read(`/proc/${pid}/comm`).startsWith('node'),
  );
  const children = read(`/proc/${tool}/task/${tool}/children`).trim().split(' ');
  const tracer = children.find((pid) => read(`/proc/${pid}/comm`).trim() === 'bpftrace');
  if (tracer === undefined) throw new Error(`no bpftrace below ${tool}: ${children}`);
  return Number(tracer);
};

describe.skipIf(skip !== null)(`a recorded screen${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('shows in a replay what it showed live, the key r and all', { timeout: 240_000 }, async () => {
    const path = join(folder, 'screen.ndjson.gz');
    const [first] = await startServers(4, { port: PORT, backlog: 16, name: 'screened' });
    const live = open(['--port', String(PORT), '--record', path]);
    await live.see('the attached probes', /LIVE 1s/, ATTACH_MS);
    await connect({ port: PORT, count: 61 });
    await live.see('61 picks', /picks 61\b/);
    live.press('r');
    await live.see('no picks', /picks 0\b/);
    await startRefused({ port: PORT, reuseport: false, name: 'intruder' });
    const late = await startServer({ port: PORT, backlog: 16, name: 'late' });
    await first?.stick();
    await connect({ port: PORT, count: 97, timeoutMs: 200 });
    await late.stop();
    await live.see('the one that is stuck', /no accept\(\)/);
    process.kill(tracerOf(path), 'SIGKILL');
    await live.see('the end of bpftrace', /ENDED/);
    // Paused, its time is that of the newest event, as a replay's is.
    live.press(' ');
    await live.see('the pause', /PAUSED/);
    const seen = await viewsOf(live);
    live.press('q');
    expect((await live.end()).exitCode).toBe(0);

    const replay = open(['replay', '--speed', '0', path]);
    await replay.see('its end', /REPLAY[\s\S]*numbers are frozen/);
    replay.press(' ');
    await replay.see('the pause', /PAUSED/);
    expect(await viewsOf(replay)).toEqual(seen);
    expect(seen).toMatchObject({ Binds: expect.stringMatching(/intruder[\s\S]*EADDRINUSE/) });
    replay.press('q');
  });

  it('stops where a recording was cut, and says so', { timeout: 60_000 }, async () => {
    const path = join(folder, 'cut.ndjson.gz');
    const fixture = readFileSync(new URL('../fixtures/linux-6.12-fentry.ndjson.gz', import.meta.url));
    writeFileSync(path, fixture.subarray(0, fixture.length - 3000));
    const replay = open(['replay', '--speed', '0', path]);
    await replay.see('where it was cut', /The recording was cut here, at line \d+\./);
    replay.press('q');
    await replay.until('the reason', () => /it was cut there, as by a crash/.test(replay.raw()));
  });
});
