// The demo where tracing is not possible: it says what it lacks, and its recording is never taken for what happens here.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRecorded } from '../../src/demo/recorded.js';
import { packageRoot } from '../../src/package.js';
import { built, openTerminal, type Terminal } from './terminal.js';

let folder = '';
let terminal: Terminal | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reuseport-demo-'));
  // Neither bpftrace nor sudo: as on a laptop.
  for (const name of ['sh', 'stty']) symlinkSync(`/bin/${name}`, join(folder, name));
});
afterEach(() => {
  terminal?.kill();
  terminal = null;
  rmSync(folder, { recursive: true, force: true });
});

const label = findRecorded()?.label ?? '';
const [, kernel = '', day = ''] = /^Linux (\S+) on (\S+)$/.exec(label) ?? [];

describe('the demo without root or bpftrace', { timeout: 120_000 }, () => {
  it('has a recording that the package ships', () => {
    expect([kernel, day]).toEqual([
      expect.stringMatching(/^\d+\.\d+/),
      expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    ]);
    const shipped = JSON.parse(readFileSync(new URL('package.json', packageRoot()), 'utf8')) as {
      files: string[];
    };
    expect(shipped.files.some((file) => findRecorded()?.path.endsWith(file))).toBe(true);
  });

  it.each([
    [80, 24],
    [40, 10],
  ])('says kernel and day on a screen of %i x %i', async (columns, rows) => {
    terminal = openTerminal([built('src/demo/demo.js')], { columns, rows, env: { PATH: folder } });
    await terminal.see('the label', new RegExp(`REPLAY ${kernel.slice(0, 8)}[^\\n]* ${day}`));
    expect(terminal.raw()).toContain('demo: cannot trace here:');
    expect(terminal.raw()).toContain(`captured with ${label}`);
    terminal.press('q');
    expect((await terminal.end()).exitCode).toBe(0);
  });

  it('begins where something happens: the probes took 45 s to attach where it was captured', async () => {
    terminal = openTerminal([built('src/demo/demo.js')], { columns: 80, rows: 24, env: { PATH: folder } });
    await terminal.see('connections', /\b[1-9]\d*\/s /);
    expect(terminal.text()).toMatch(/00:00:4\d|00:00:5\d/);
    terminal.press('q');
    expect((await terminal.end()).exitCode).toBe(0);
  });

  it('says so beside lines', async () => {
    const { stdout, stderr } = await execa(process.execPath, [built('src/demo/demo.js')], {
      env: { PATH: folder },
      extendEnv: false,
    });
    expect(stderr).toMatch(/cannot trace here: .*(?:root|bpftrace)/);
    expect(stderr).toContain(`captured with ${label}; nothing of it is of this host`);
    expect(stdout).toContain(`Linux ${kernel}`);
    expect(stdout).toContain('no accept()');
  });
});
