import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accepted, busyHost, pick } from '../unit/tui/scenes.js';
import { built, type Options, openTerminal, type Terminal } from './terminal.js';

const LIMIT = { timeout: 120_000 };

let folder = '';
let recording = '';
const terminals: Terminal[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reuseport-screen-'));
  recording = join(folder, 'run.ndjson');
  const last = pick(8_888_002, 13.8, { raddr: '10.9.9.9' });
  const events = [
    ...busyHost(),
    last,
    accepted(last, 1, 1203, '\u001b]0;x\u0007{red-fg}\r\u009b31m\u001b[2J'),
  ];
  writeFileSync(recording, `${events.map((event) => JSON.stringify(event)).join('\n')}\n`);
});

afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.kill();
  rmSync(folder, { recursive: true, force: true });
});

const open = (args: readonly string[], options: Options = {}): Terminal => {
  const terminal = openTerminal(args, { cwd: folder, ...options });
  terminals.push(terminal);
  return terminal;
};

const replay = (options: Options = {}, ...args: readonly string[]): Terminal =>
  open([built('src/cli.js'), 'replay', '--speed', '0', ...args, recording], options);

/** What every orderly or disorderly end must leave behind. */
const expectRestored = (terminal: Terminal, settings: string): void => {
  expect(terminal.isAlternate()).toBe(false);
  expect(terminal.isCursorShown()).toBe(true);
  expect(settings).toMatch(/(?<!-)icanon/);
  expect(settings).toMatch(/(?<!-)echo\b/);
  expect(settings).toMatch(/(?<!-)isig/);
};

const READY = /REPLAY[\s\S]*nginx/;

describe('every view in a terminal', LIMIT, () => {
  it.each([
    [80, 24],
    [120, 40],
  ])('at %i x %i', async (columns, rows) => {
    const terminal = replay({ columns, rows });
    await terminal.see('the groups', READY);
    expect(terminal.isAlternate()).toBe(true);
    await terminal.see('a group', /0\.0\.0\.0:8888 [\s\S]*php-fpm/);
    terminal.press('2');
    await terminal.see('its members', /8 listeners[\s\S]*1208 nginx/);
    terminal.press('3');
    await terminal.see('the picks', /SOURCE[\s\S]*10\.9\.9\.9:40012/);
    terminal.press('4');
    await terminal.see('the binds', /EADDRINUSE[\s\S]*why EADDRINUSE/);
    terminal.press('5');
    await terminal.see('an explanation', /1 hash +not known yet/);
    terminal.press('6');
    await terminal.see('the findings', /6 FINDINGS[\s\S]*x▸.* stuck [\s\S]*try: /);
    terminal.press('\r');
    await terminal.see('the member that the worst is about', /2 GROUP[\s\S]*x▸ +7 +1208 nginx/);
    terminal.press('?');
    await terminal.see('the help', /┌ Help[\s\S]*QUEUE +waiting/);
    expect(terminal.rows().every((row) => row.length <= columns)).toBe(true);
  });

  it('at 40 x 10', async () => {
    const terminal = replay({ columns: 40, rows: 10 });
    await terminal.see('the groups', /REPLAY[\s\S]*0\.0\.0\.0:8888/);
    terminal.press('2');
    await terminal.see('its members', /8 lsn[\s\S]*512\/511/);
    terminal.press('3');
    await terminal.see('the picks', /SOURCE[\s\S]*10\.9\.9\.9:40012/);
    terminal.press('4');
    await terminal.see('the binds', /bind +EADDRINUSE/);
    terminal.press('5');
    await terminal.see('an explanation', /2 index/);
    terminal.press('6');
    await terminal.see('the findings', /x▸ ?stuck|x▸.*stuck [\s\S]*try: /);
    terminal.press('?');
    await terminal.see('the help', /Help[\s\S]*Down for more/);
  });

  it('through every change of size', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press('2');
    for (const [columns, rows, seen] of [
      [120, 40, /picks\/s per listener/],
      [40, 10, /8 lsn/],
      [39, 7, /39x7 is too\nsmall|too small/],
      [5, 2, /reuse/],
      [200, 60, /picks\/s per listener/],
      [80, 24, /last picks/],
    ] as const) {
      terminal.resize(columns, rows);
      await terminal.see(`${columns}x${rows}`, seen);
    }
    terminal.press('q');
    expect((await terminal.end()).exitCode).toBe(0);
  });
});

describe('the end', LIMIT, () => {
  it.each([
    ['q', 0],
    ['\u0003', 130],
  ])('by key %j restores the terminal and exits with %i', async (key, exitCode) => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press(key);
    const end = await terminal.end();
    expectRestored(terminal, end.settings);
    expect(end.exitCode).toBe(exitCode);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('by %s restores the terminal and exits with %i', async (signal, exitCode) => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.signal(signal);
    const end = await terminal.end();
    expectRestored(terminal, end.settings);
    expect(end.exitCode).toBe(exitCode);
  });

  it('by a crash restores the terminal before it prints the stack', async () => {
    const terminal = open([built('test/screen/harness.js')]);
    await terminal.see('the groups', /0\.0\.0\.0:8888/);
    terminal.signal('SIGUSR2');
    const end = await terminal.end();
    expectRestored(terminal, end.settings);
    expect(end.exitCode).toBe(1);
    expect(terminal.raw().lastIndexOf('a crash on purpose')).toBeGreaterThan(
      terminal.raw().lastIndexOf('\u001b[?1049l'),
    );
    expect(terminal.text()).toContain('a crash on purpose');
  });

  it('works from the help, a filter and a pause', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press(' ');
    await terminal.see('the pause', /PAUSED/);
    terminal.press('/php');
    await terminal.see('the filter', /filter: php/);
    terminal.press('\u0003');
    const end = await terminal.end();
    expectRestored(terminal, end.settings);
  });
});

describe('a terminal that stops reading', LIMIT, () => {
  const rounds = (path: string): number => {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      return 0;
    }
  };

  it('does not hold up the reading of events, and shows the newest when it goes on', async () => {
    const progress = join(folder, 'progress');
    const terminal = open([built('test/screen/harness.js'), progress], { columns: 200, rows: 60 });
    await terminal.see('the groups', /0\.0\.0\.0:8888/);
    terminal.press('3');
    await terminal.see('the picks', /SOURCE/);
    terminal.pause();
    const before = rounds(progress);
    // Ten frames a second of 12 kB each: the buffers of the pty (some 70 kB) are full long before.
    await terminal.until('300 rounds while nobody reads', () => rounds(progress) >= before + 300);
    const drawn = terminal.raw().length;
    terminal.resume();
    await terminal.until('frames again', () => terminal.raw().length > drawn);
    terminal.press('1');
    await terminal.see('the groups again', /1 GROUPS/);
    terminal.press('q');
    const end = await terminal.end();
    expectRestored(terminal, end.settings);
  });

  it('does not hold up the end by a signal', async () => {
    const progress = join(folder, 'progress');
    const terminal = open([built('test/screen/harness.js'), progress], { columns: 200, rows: 60 });
    await terminal.see('the groups', /0\.0\.0\.0:8888/);
    terminal.press('3');
    await terminal.see('the picks', /SOURCE/);
    terminal.pause();
    const before = rounds(progress);
    await terminal.until('300 rounds while nobody reads', () => rounds(progress) >= before + 300);
    terminal.signal('SIGTERM');
    const stopped = { at: rounds(progress), since: Date.now() };
    await terminal.until('no more rounds', () => {
      const now = rounds(progress);
      if (now !== stopped.at) Object.assign(stopped, { at: now, since: Date.now() });
      return Date.now() - stopped.since > 1000;
    });
    terminal.resume();
    expect((await terminal.end()).exitCode).toBe(143);
  });
});

describe('keys', LIMIT, () => {
  const selected = (terminal: Terminal): number =>
    terminal.rows().findIndex((row) => row.slice(0, 2).includes('▸'));

  it('are understood when an escape sequence arrives in two parts', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    await terminal.until('a selection', () => selected(terminal) === 4);
    terminal.press('\u001b');
    terminal.press('[B');
    await terminal.until('the second row selected', () => selected(terminal) === 5);
    terminal.press('\u001b[A');
    await terminal.until('the first row selected', () => selected(terminal) === 4);
  });

  it('Esc alone goes back', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press('\r');
    await terminal.see('the group', /8 listeners/);
    terminal.press('\u001b');
    await terminal.see('the groups again', /1 GROUPS/);
  });

  it('w writes a snapshot and names it', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press('w');
    await terminal.see('the name', /Saved \S+/);
    const name = readdirSync(folder).find((file) => file !== 'run.ndjson') ?? '';
    const snapshot = readFileSync(join(folder, name), 'utf8');
    expect(snapshot).toContain('0.0.0.0:8888');
    expect(snapshot).not.toContain('\u001b');
  });

  it('w on a full disk says what to try, and leaves no half of a snapshot', async () => {
    const terminal = replay({ mostBlocks: 1 });
    await terminal.see('the groups', READY);
    terminal.press('w');
    await terminal.see('the notice', /cannot save here: file too large; try another folder/);
    expect(readdirSync(folder)).toEqual(['run.ndjson']);
    terminal.press('q');
    expect((await terminal.end()).exitCode).toBe(0);
  });

  it('that mean nothing change nothing', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press('\u001a\u001b[15~zxy\u0001\u001b[200~');
    terminal.press('2');
    await terminal.see('the group', /8 listeners/);
  });
});

describe('what a terminal gets', LIMIT, () => {
  it('a hostile name neither moves the screen nor sets a title or colour', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    terminal.press('3');
    await terminal.see('the pick', /10\.9\.9\.9:40012.*1203 \?\]0;x\?/);
    await terminal.stands();
    expect(terminal.rows()[0]).toMatch(/^reuseport-trace/);
    expect(terminal.rows()[23]).toMatch(/^ q Quit/);
    expect(terminal.raw()).not.toContain('\u001b]0;');
    expect(terminal.raw()).not.toContain('\u009b');
  });

  it('marks problems in red, and only then', async () => {
    const terminal = replay();
    await terminal.see('the groups', READY);
    await terminal.see('the problem', /\nx. tcp4 .*8888|\nx. +0\.0\.0\.0:8888/);
    expect(terminal.cell(0, 4)).toEqual({ bold: false, inverse: true, color: 1 });
    expect(terminal.cell(0, 0)).toMatchObject({ bold: true, color: -1 });
  });

  it.each([
    ['--no-color', {}],
    ['', { NO_COLOR: '1' }],
  ])('without colour by %j %j keeps bold and reverse', async (flag, env) => {
    const terminal = replay({ env }, ...(flag === '' ? [] : [flag]));
    await terminal.see('the groups', READY);
    await terminal.see('the problem', /512\/511/);
    expect(terminal.raw()).not.toMatch(/\u001b\[(?:\d+;)*(?:3[0-7]|38;5;\d+)(?:;\d+)*m/);
    expect(terminal.cell(0, 4).inverse).toBe(true);
    expect(terminal.cell(0, 0).bold).toBe(true);
  });

  it.each([
    ['--ascii', {}],
    ['', { LANG: 'C' }],
    ['', { TERM: 'linux' }],
  ])('is ASCII alone by %j %j', async (flag, env) => {
    const terminal = replay({ env }, ...(flag === '' ? [] : [flag]));
    await terminal.see('the groups', READY);
    terminal.press('2');
    await terminal.see('the bars', /SHARE\|[\s\S]*###/);
    expect(terminal.text()).toMatch(/^[ -~\n]*$/);
  });

  it.each(['xterm', 'screen-256color', 'tmux-256color', 'vt100', 'nonsense'])(
    'with TERM=%s nothing on stderr spoils the screen',
    async (TERM) => {
      const terminal = replay({ env: { TERM } });
      await terminal.see('the groups', READY);
      await terminal.stands();
      expect(terminal.rows()[0]).toMatch(/^reuseport-trace/);
      expect(terminal.rows()[23]).toMatch(/^ q Quit/);
      terminal.press('q');
      expect((await terminal.end()).exitCode).toBe(0);
    },
  );
});
