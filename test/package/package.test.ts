// The packages as a user meets them: the same bytes twice, installed in a fresh Debian, run, completed, removed.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { spawn } from '@lydell/node-pty';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/package.js';
import { startTool, whyNotLive } from '../live/tool.js';
import { connect, startServers, stopAll, waitFor } from '../workloads/workload.js';
import { openSuite } from './suite.js';

const ROOT = fileURLToPath(packageRoot());
const PACKAGES = join(ROOT, 'dist/packages');
/** Debian 12 has Node 18: it gets the package that carries its own. */
const SUITES = (process.env.PACKAGE_SUITES ?? 'trixie').split(',');
const skip = whyNotLive();

const build = (): Promise<unknown> => execa(process.execPath, [join(ROOT, 'dist/deploy/package/all.js')]);
const made = (pattern: RegExp): string =>
  join(PACKAGES, readdirSync(PACKAGES).find((name) => pattern.test(name)) ?? 'nothing');
const single = (): string => made(/-linux-/);

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'package-test-'));
  await build();
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(stopAll);

describe.skipIf(skip !== null)(`the packages${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('are the same bytes when built again', async () => {
    const before = readFileSync(join(PACKAGES, 'SHA256SUMS'), 'utf8');
    expect(before.trim().split('\n').length).toBeGreaterThanOrEqual(4);
    await build();
    expect(readFileSync(join(PACKAGES, 'SHA256SUMS'), 'utf8')).toBe(before);
  }, 600_000);

  it.each(['all', 'amd64'])('have no error that lintian knows: %s', async (architecture) => {
    const { stdout } = await execa('lintian', [
      '--allow-root',
      '--fail-on',
      'none',
      made(new RegExp(`_${architecture}\\.deb$`)),
    ]);
    expect(stdout.split('\n').filter((line) => line.startsWith('E:'))).toEqual([]);
  });

  it('have a manual page that mandoc finds nothing wrong with', async () => {
    await execa('dpkg-deb', ['-x', made(/_all\.deb$/), join(folder, 'deb')]);
    const page = join(folder, 'reuseport-trace.1');
    writeFileSync(
      page,
      gunzipSync(readFileSync(join(folder, 'deb/usr/share/man/man1/reuseport-trace.1.gz'))),
    );
    const { stdout } = await execa('mandoc', ['-T', 'lint', page], { reject: false });
    // Whether the pages that it names are installed here says nothing of this one.
    expect(
      stdout
        .split('\n')
        .filter((line) => line !== '' && !/referenced manual not found|mandoc\.db/.test(line)),
    ).toEqual([]);
    const { stdout: text } = await execa('mandoc', ['-T', 'utf8', page]);
    for (const option of ['--port', '--details', '--record', '--explain'])
      expect(text.replace(/.\x08/g, '')).toContain(option);
  });

  it.each([
    [
      'bash',
      ['--norc', '--noprofile', '-i'],
      (file: string) => `source ${file}`,
      'usr/share/bash-completion/completions/reuseport-trace',
    ],
    [
      'zsh',
      ['-f', '-i'],
      (file: string) =>
        `autoload -U compinit; compinit -D; source ${file}; compdef _reuseport_trace reuseport-trace`,
      'usr/share/zsh/vendor-completions/_reuseport-trace',
    ],
    [
      'fish',
      ['--no-config', '-i'],
      (file: string) => `source ${file}`,
      'usr/share/fish/vendor_completions.d/reuseport-trace.fish',
    ],
  ] as const)(
    'complete words in %s',
    async (shell, args, load, path) => {
      await execa('dpkg-deb', ['-x', made(/_all\.deb$/), join(folder, 'deb')]);
      const terminal = spawn(shell, [...args], {
        cols: 120,
        rows: 30,
        env: { ...process.env, TERM: 'xterm', PS1: '% ', HOME: folder } as Record<string, string>,
      });
      let output = '';
      terminal.onData((data) => {
        output += data;
      });
      try {
        const complete = async (typed: string, wanted: RegExp): Promise<void> => {
          output = '';
          terminal.write(`${typed}\t`);
          await waitFor(
            `${shell} to complete ${typed}: ${wanted}`,
            () => wanted.test(output.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '')),
            30_000,
          );
          terminal.write('\x15');
        };
        terminal.write(`${load(join(folder, 'deb', path))}; echo rea''dy\r`);
        await waitFor(`${shell} to start`, () => output.includes('ready'), 30_000);
        await complete('reuseport-trace doc', /reuseport-trace doctor/);
        await complete('reuseport-trace --probe kp', /--probe kprobe/);
        await complete('reuseport-trace report --form', /report --format/);
      } finally {
        terminal.kill();
      }
    },
    120_000,
  );

  it.each(SUITES)(
    'install, run, and leave nothing in a fresh %s',
    async (suite) => {
      const debian = await openSuite(suite);
      try {
        await debian.run('apt-get', '-qq', 'update');
        const deb = made(suite === 'bookworm' ? /_amd64\.deb$/ : /_all\.deb$/);
        copyFileSync(deb, join(debian.root, 'tmp', basename(deb)));
        const before = await debian.run('sh', '-c', 'find / -xdev | sort');
        const installed = await debian.run(
          'apt-get',
          '-qq',
          'install',
          '-y',
          '--no-install-recommends',
          `/tmp/${basename(deb)}`,
        );
        expect(installed).toMatchObject({ exitCode: 0 });

        const doctor = await debian.run('reuseport-trace', 'doctor');
        expect(doctor.output).toMatch(/This host gets the \w+ rung/);
        expect((await debian.run('reuseport-trace', '--version')).output).toMatch(
          /^\d+\.\d+\.\d+ \(commit [0-9a-f]{12}/,
        );

        const servers = await startServers(4, { port: 21_901 });
        const tool = await startTool(
          ['--port', '21901'],
          {},
          ['chroot', debian.root],
          ['/usr/bin/reuseport-trace'],
        );
        expect((await connect({ port: 21_901, count: 997 })).ok).toBe(997);
        await waitFor(
          'the servers to count all',
          async () => {
            const all = await Promise.all(servers.map((server) => server.count()));
            return all.reduce((sum, count) => sum + count, 0) === 997;
          },
          60_000,
        );
        const { members, summary } = await tool.finish();
        const counts = new Map(
          await Promise.all(servers.map(async (server) => [server.ino, await server.count()] as const)),
        );
        expect(new Map(members.map((member) => [member.ino, member.accepted]))).toEqual(counts);
        expect(summary).toMatchObject({ picks: 997, accepted: 997 });

        expect(await debian.run('apt-get', '-qq', 'purge', '-y', 'reuseport-trace')).toMatchObject({
          exitCode: 0,
        });
        const left = await debian.run('sh', '-c', 'find / -xdev | sort');
        const known = new Set(before.output.split('\n'));
        expect(
          left.output.split('\n').filter((path) => !known.has(path) && path.includes('reuseport-trace')),
        ).toEqual([]);
      } finally {
        await debian.close();
      }
    },
    900_000,
  );

  it('are one file that runs without Node', async () => {
    const run = await execa(single(), ['--version'], { env: { PATH: '/nowhere' }, extendEnv: false });
    expect(run.stdout).toMatch(/^\d+\.\d+\.\d+ \(commit [0-9a-f]{12}, single file\)$/);
  });

  it.each([
    ['HOME, locale and TERM unset', {}],
    ['TERM=dumb', { TERM: 'dumb' }],
  ])('start with %s', async (_, env) => {
    const fixture = join(ROOT, 'test/fixtures/linux-6.18-tracepoint.ndjson.gz');
    const run = await execa(single(), ['replay', '--once', fixture], { env, extendEnv: false });
    expect(run.stdout).toMatch(/listeners {2}picks [\d,]+/);
  });

  it('say when the single file is not whole', async () => {
    const copy = join(folder, 'copy');
    copyFileSync(single(), copy);
    truncateSync(copy, statSync(copy).size - 10);
    const cut = await execa(copy, ['doctor'], { reject: false });
    expect(cut).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('its end is missing') });

    const bytes = readFileSync(single());
    // A letter of the help text: what runs is another program, and still runs.
    const at = bytes.lastIndexOf('which probes it gets');
    expect(at).toBeGreaterThan(0);
    bytes[at] = 'W'.charCodeAt(0);
    writeFileSync(copy, bytes, { mode: 0o755 });
    const changed = await execa(copy, ['doctor'], { reject: false });
    expect(changed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('SHA-256') });
  });

  it('are an npm package that npx runs, with the versions that were tested', async () => {
    const home = mkdtempSync(join(folder, 'npm-'));
    await execa('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', home, made(/\.tgz$/)]);
    const { stdout } = await execa(join(home, 'node_modules/.bin/reuseport-trace'), ['--version']);
    expect(stdout).toMatch(/commit [0-9a-f]{12}\)$/);
    expect(existsSync(join(home, 'node_modules/reuseport-trace/npm-shrinkwrap.json'))).toBe(true);
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    const installed = JSON.parse(readFileSync(join(home, 'node_modules/.package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string }>;
    };
    for (const name of ['blessed', 'commander', 'execa', 'prom-client']) {
      const found = Object.entries(installed.packages).find(([path]) =>
        path.endsWith(`node_modules/${name}`),
      );
      expect(found?.[1].version).toBe(lock.packages[`node_modules/${name}`]?.version);
    }
  }, 300_000);
});
