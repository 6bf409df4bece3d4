import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/main.js';
import { versionText } from '../../src/package.js';
import { fakeEnvironment } from './environment.js';

const RECORDING = fileURLToPath(new URL('../fixtures/linux-6.1-fentry.ndjson.gz', import.meta.url));

const mainOf = async (...argv: string[]) => {
  const { environment, stdout, stderr } = fakeEnvironment({ argv });
  const exitCode = await main(environment);
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
};

describe('main', () => {
  it('prints what was asked for to stdout, and what is wrong to stderr', async () => {
    expect(await mainOf('--version')).toEqual({ exitCode: 0, stdout: `${versionText()}\n`, stderr: '' });
    expect(await mainOf('--prot')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        "reuseport-trace: unknown option '--prot'\n(Did you mean --port?)\n  try: reuseport-trace --help\n",
    });
  });

  it('says what it cannot do and what to try, and fails', async () => {
    const { exitCode, stdout, stderr } = await mainOf('replay', '/nowhere/a.ndjson');
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^reuseport-trace: cannot [^\n]+\/nowhere\/a\.ndjson[^\n]*\n/);
  });

  it('has other exit codes for wrong usage, and for findings', async () => {
    expect(await mainOf('replay', RECORDING, '--output', 'tui')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('stdout is not a terminal'),
    });
    expect(await mainOf('check', RECORDING)).toMatchObject({ exitCode: 3, stderr: '' });
  });

  it('shows a recording', async () => {
    const { exitCode, stdout, stderr } = await mainOf('replay', RECORDING, '--once');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('tcp4 127.0.0.1:8888');
  });
});
