// Knows what the report says of fake hosts, and its exit code.
import { PassThrough, Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { functionsOf, joinProgram } from '../../../src/bpftrace/program.js';
import { UserError } from '../../../src/errors.js';
import { doctor, printProgram } from '../../../src/host/doctor.js';
import type { Host } from '../../../src/host/facts.js';
import { makeBtf } from './btf-image.js';
import { fakeHost, removeHosts, status } from './fake-host.js';

afterEach(removeHosts);

const PROBES = 'tracepoint:sock:sk_data_ready { }';
const onlyTracepoints: Partial<Host> = { program: (rung) => (rung === 'tracepoint' ? PROBES : null) };
const noBpftrace: Partial<Host> = {
  version: async () => {
    throw new UserError('cannot trace: bpftrace was not found in PATH', {
      hint: 'sudo apt install bpftrace',
    });
  },
};

const CORE = ['reuseport_select_sock', 'inet_csk_complete_hashdance', 'security_sock_graft'];
/** A kernel with the core functions, and one that the compiler changed. */
const withFunctions = {
  'proc/kallsyms': [...CORE, 'register_kprobe', 'inet_bind_conflict.isra.0']
    .map((name) => `0 T ${name}\n`)
    .join(''),
  'sys/kernel/btf/vmlinux': makeBtf({ functions: CORE.map((name) => [name, 4] as const) }),
};

const functionProbes = CORE.map((name) => `kretfunc:${name}\n{\n}\n`).join('');

const report = async (output: 'lines' | 'ndjson', host: Host, isTTY = false) => {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const exitCode = await doctor(output, stdout, { host, stderr });
  return { exitCode, text: String(stdout.read() ?? ''), said: String(stderr.read() ?? '') };
};
type Line = {
  kind: string;
  check?: string;
  name?: string;
  answer?: string;
  rung?: string;
  [key: string]: unknown;
};
const parse = (text: string): Line[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('doctor in lines', () => {
  it('says which rung this host gets and what it will not know', async () => {
    const { exitCode, text } = await report('lines', fakeHost({}, onlyTracepoints));
    expect(exitCode).toBe(0);
    expect(text).toContain(
      [
        'ok  tracepoint    its probes were loaded and ran',
        '',
        'This host gets the tracepoint rung. It will not know:',
        '  - the hash, until enough picks gave it away (Explain, predict, --learn-hash)',
        '  - why the kernel chose a member that the hash does not',
        '  - SYNs that are refused (full queue, BPF program) or never finish',
        '  - connections reset at a close (it sees how many waited or moved)',
        "  - the kernel's own verdict on a refused bind",
        '  - UDP datagrams and their clients (it sees wake-ups and reads)',
        '  - accepts by io_uring or by a 32-bit process',
        '',
      ].join('\n'),
    );
    expect(text).toContain('no  kprobe        this version has no probe files for it yet;');
  });

  it('keeps to 80 columns', async () => {
    const { text } = await report('lines', fakeHost());
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('lists the function probes that are left out of a function rung, and what they would have known', async () => {
    const { text } = await report('lines', fakeHost(withFunctions, { program: () => functionProbes }));
    expect(text).toMatch(
      /no {2}function {6}inet_bind_conflict: is only there as\n\s+inet_bind_conflict\.isra\.0; unknown: /,
    );
    expect(text).toMatch(/ok {2}function {6}reuseport_select_sock\n/);
  });

  it('says to somebody who is not root everything it can, and fails', async () => {
    const host = fakeHost({ 'proc/self/status': status(1000, '0000000000000000') }, onlyTracepoints);
    const { exitCode, text } = await report('lines', host);
    expect(exitCode).toBe(1);
    expect(text).toContain('no  root          uid 1000: loading BPF programs needs root\n');
    expect(text).toContain('ok  BTF           /sys/kernel/btf/vmlinux\n');
    expect(text).toContain('-   tracepoint    sock:sk_data_ready: not asked\n');
    expect(text).toMatch(
      /No rung works here: loading BPF programs needs root \(this is uid 1000\)\.\nTry: sudo/,
    );
  });

  it('says clearly that there is no bpftrace, and fails', async () => {
    const { exitCode, text } = await report('lines', fakeHost({}, noBpftrace));
    expect(exitCode).toBe(1);
    expect(text).toContain('no  bpftrace      bpftrace was not found in PATH: sudo apt install bpftrace\n');
    expect(text).toContain('No rung works here: bpftrace was not found in PATH.\n');
  });

  it.each([
    [true, /^\r\x1b\[2Kasking bpftrace [\s\S]*loading the probes of the tracepoint rung \.\.\.\r\x1b\[2K$/],
    [false, /^$/],
  ])('says what it is doing if stderr is a terminal: %s', async (isTerminal, expected) => {
    const { said } = await report('lines', fakeHost({}, onlyTracepoints), isTerminal);
    expect(said).toMatch(expected);
  });
});

describe('doctor in NDJSON', () => {
  it('prints one object per check and closes with the rung', async () => {
    const { exitCode, text } = await report('ndjson', fakeHost({}, onlyTracepoints));
    const lines = parse(text);
    expect(exitCode).toBe(0);
    expect(lines.slice(0, -1).every(({ kind }) => kind === 'check')).toBe(true);
    expect(new Set(lines.slice(0, -1).map(({ check }) => check))).toEqual(
      new Set([
        ...[
          'root',
          'capabilities',
          'kernel',
          'BTF',
          'tracefs',
          'debugfs',
          'lockdown',
          'pids',
          'bpftrace',
          'kprobes',
          'fentry',
        ],
        ...['tracepoint', 'function', 'rung'],
      ]),
    );
    expect(lines.at(-1)).toMatchObject({
      kind: 'doctor',
      rung: 'tracepoint',
      kernel: '6.12.0-test',
      bpftrace: '0.23.2',
      why: [],
    });
  });

  it('closes without a rung and with the reasons when none works', async () => {
    const { exitCode, text } = await report('ndjson', fakeHost({ 'sys/kernel/btf/vmlinux': null }));
    expect(exitCode).toBe(1);
    expect(parse(text).at(-1)).toMatchObject({
      kind: 'doctor',
      rung: null,
      unknown: [],
      why: ['this kernel has no BTF, which the probes read structures by'],
    });
  });

  it('tries the next rung when the program of a better one does not load', async () => {
    const good = fakeHost();
    const run: Host['run'] = async (args, program) =>
      args[0] === '-B' && program.includes('kretfunc')
        ? { exitCode: 1, stdout: '', stderr: 'ERROR: No BTF found for f\n' }
        : good.run(args, program);
    const host = {
      ...fakeHost(withFunctions),
      run,
      program: (rung: string) =>
        rung === 'fentry' ? functionProbes : functionProbes.replaceAll('kretfunc', 'kprobe'),
    };
    const { exitCode, text } = await report('ndjson', host);
    const rungs = parse(text).filter(({ check }) => check === 'rung');
    expect(rungs.map(({ name, answer, detail }) => [name, answer, detail])).toEqual([
      ['fentry', 'no', 'its program does not load: bpftrace says "No BTF found for f"'],
      ['kprobe', 'ok', 'its probes were loaded and ran'],
      ['tracepoint', 'unknown', 'nothing speaks against it; not tried'],
    ]);
    expect(exitCode).toBe(0);
  });
});

describe('the program of a rung', () => {
  it('is all that is printed, less what this kernel lacks', async () => {
    const stdout = new PassThrough({ highWaterMark: 2 ** 20 });
    expect(await printProgram('kprobe', stdout, fakeHost(withFunctions, { program: joinProgram }))).toBe(0);
    const text = String(stdout.read());
    expect(functionsOf(text).sort()).toEqual([...CORE].sort());
    expect(text).not.toContain('// needs reuseport_select_sock_by_hash');
    expect(text).toMatch(/^BEGIN\n\{\n/);
  });

  it('needs no root and no bpftrace', async () => {
    const host = fakeHost({ 'proc/self/status': status(1000, '0000000000000000') }, noBpftrace);
    const stdout = new PassThrough();
    expect(await printProgram('tracepoint', stdout, { ...host, program: () => PROBES })).toBe(0);
    expect(String(stdout.read())).toBe(PROBES);
  });
});

describe('a stdout that fails', () => {
  const saying = (code: string) => {
    const error = Object.assign(new Error(`${code}: it is gone`), { code });
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(error) });
    return doctor('lines', stdout, { host: fakeHost({}, onlyTracepoints), stderr: new PassThrough() });
  };

  it('because its reader went away is outlived', async () => {
    expect(await saying('EPIPE')).toBe(0);
  });

  it('because its disk is full is said', async () => {
    await expect(saying('ENOSPC')).rejects.toThrow('cannot write to stdout: ENOSPC: it is gone');
  });
});
