// Knows what is made of a fake /proc, /sys and bpftrace; asks nothing of the machine it runs on.
import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/bpftrace/tracer.js';
import { UserError } from '../../../src/errors.js';
import { askHost, findObstacle, tryRung } from '../../../src/host/facts.js';
import { ALL_CAPS, FILES, type Files, fakeHost, KALLSYMS, removeHosts, status } from './fake-host.js';

afterEach(removeHosts);

describe('askHost', () => {
  it('finds out everything about a host that allows it', async () => {
    const host = fakeHost();
    const { functions, members, types, ...facts } = await askHost(host);
    expect(facts).toEqual({
      euid: 0,
      capabilities: { bpf: true, perfmon: true, sysAdmin: true },
      kernel: '6.12.0-test',
      hasBtf: true,
      isTracefsMounted: true,
      isDebugfsMounted: false,
      lockdown: 'integrity',
      hasOwnPids: false,
      hasKprobes: true,
      bpftrace: {
        path: host.path.replace('/nowhere:', '').concat('/bpftrace'),
        version: '0.23.2',
        problem: null,
        hint: null,
      },
      fentry: { works: true, why: '' },
      kprobe: { works: true, why: '' },
      tracepoints: {
        tracepoint: [
          { name: 'sock:sk_data_ready', isThere: true },
          { name: 'tcp:gone', isThere: false },
        ],
      },
      probed: { tracepoint: new Set() },
      loads: {},
    });
    expect(Buffer.from(types).equals(FILES['sys/kernel/btf/vmlinux'] as Buffer)).toBe(true);
    expect(Object.fromEntries(members)).toEqual({
      'sock_reuseport.incoming_cpu': false,
    });
    expect(host.asked).toEqual([
      'kretfunc:reuseport_select_sock',
      'kprobe:reuseport_select_sock',
      '-l tracepoint:*',
    ]);
  });

  it.each([
    ['reuseport_select_sock', { isSymbol: true, variant: null, args: 4 }],
    ['inet_bind_conflict', { isSymbol: false, variant: 'inet_bind_conflict.isra.0', args: 6 }],
    ['tcp_conn_request', { isSymbol: false, variant: null, args: null }],
    ['inet_csk_accept', { isSymbol: true, variant: null, args: null }],
    ['inet_csk_get_port', { isSymbol: false, variant: null, args: null }],
    ['tcp_v4_syn_recv_sock', { isSymbol: false, variant: null, args: 7 }],
  ])('looks %s up in symbols and types', async (name, fact) => {
    expect((await askHost(fakeHost())).functions.get(name)).toEqual(fact);
  });

  it('starts no bpftrace without root', async () => {
    const host = fakeHost({ 'proc/self/status': status(1000, '0000000000000000') });
    const { euid, capabilities, fentry, kprobe, tracepoints } = await askHost(host);
    expect({ euid, capabilities, fentry, kprobe, asked: host.asked }).toEqual({
      euid: 1000,
      capabilities: { bpf: false, perfmon: false, sysAdmin: false },
      fentry: null,
      kprobe: null,
      asked: [],
    });
    expect(tracepoints.tracepoint?.map(({ isThere }) => isThere)).toEqual([null, null]);
  });

  it('starts no bpftrace that is not there, and keeps the advice', async () => {
    const version = async (): Promise<string> => {
      throw new UserError('cannot trace: bpftrace was not found in PATH', { hint: 'apt install' });
    };
    const host = fakeHost({ 'bin/bpftrace': null }, { version });
    const { bpftrace } = await askHost(host);
    expect({ bpftrace, asked: host.asked }).toEqual({
      bpftrace: { path: null, version: null, problem: 'bpftrace was not found in PATH', hint: 'apt install' },
      asked: [],
    });
  });

  it.each<[string, Files]>([
    ['no BTF', { 'sys/kernel/btf/vmlinux': null }],
    ['garbage for BTF', { 'sys/kernel/btf/vmlinux': Buffer.alloc(5000, 0x9f) }],
  ])('goes on with %s', async (_, files) => {
    const { hasBtf, functions, members } = await askHost(fakeHost(files));
    expect([hasBtf, functions.get('reuseport_select_sock')?.args, members.size]).toEqual([false, null, 0]);
  });

  it('knows nothing of a host that shows nothing', async () => {
    const nothing = Object.fromEntries(Object.keys(FILES).map((path) => [path, null]));
    const facts = await askHost(fakeHost(nothing));
    expect({
      ...facts,
      functions: [...facts.functions.values()].filter(({ isSymbol }) => isSymbol !== null),
    }).toMatchObject({
      euid: null,
      capabilities: null,
      kernel: null,
      isTracefsMounted: null,
      lockdown: null,
      hasOwnPids: false,
      hasKprobes: null,
      functions: [],
    });
  });

  it('sees a kernel without kprobes by its symbols', async () => {
    const files = { 'proc/kallsyms': KALLSYMS.replace('register_kprobe', 'register_other') };
    expect((await askHost(fakeHost(files))).hasKprobes).toBe(false);
  });

  it('does not know the tracepoints when bpftrace cannot list them', async () => {
    const run = async (): Promise<Outcome> => ({ exitCode: 1, stdout: '', stderr: 'unshare: failed' });
    const { tracepoints } = await askHost(fakeHost({}, { run }));
    expect(tracepoints.tracepoint?.map(({ isThere }) => isThere)).toEqual([null, null]);
  });

  // Words of bpftrace 0.17 on 6.18 without kprobes, and in the form that 0.23 gives to its warnings.
  it.each<[string, Outcome, string]>([
    [
      'refused',
      {
        exitCode: 1,
        stdout: '',
        stderr:
          'ERROR: Unknown error -1: couldn\'t set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, you can try "ulimit -l 8192" to fix the problem\n' +
          'stdin:1:1-31: ERROR: kfunc/kretfunc not available for your kernel version.\nkretfunc:f { }\n~~~~\n',
      },
      'bpftrace says "kfunc/kretfunc not available for your kernel version"',
    ],
    [
      'run on without the probe',
      { exitCode: 0, stdout: 'loaded\n', stderr: 'ERROR: Could not attach probe: f\n' },
      'bpftrace says "Could not attach probe: f"',
    ],
    ['ended without a word', { exitCode: null, stdout: '', stderr: '' }, 'bpftrace said nothing (exit -)'],
  ])('says why a probe was %s', async (_, outcome, why) => {
    const { fentry } = await askHost(fakeHost({}, { run: async () => outcome }));
    expect(fentry).toEqual({ works: false, why });
  });
});

describe('tryRung', () => {
  it('takes the first tick as the proof', async () => {
    const run = async (): Promise<Outcome> => ({ exitCode: 0, stdout: 'tick 25142536\n\n', stderr: '' });
    expect(await tryRung('tracepoint', fakeHost({}, { run }))).toEqual({ works: true, why: '' });
  });

  it('takes no other line for it', async () => {
    const run = async (): Promise<Outcome> => ({
      exitCode: 0,
      stdout: 'Attaching 17 probes...\n',
      stderr: '',
    });
    expect((await tryRung('tracepoint', fakeHost({}, { run }))).works).toBe(false);
  });

  it('does not load a rung without probe files', async () => {
    const host = fakeHost();
    expect(await tryRung('kprobe', host)).toEqual({
      works: false,
      why: 'this version has no probe files for it yet',
    });
    expect(host.asked).toEqual([]);
  });
});

describe('findObstacle', () => {
  it.each<[string, Files, string | undefined]>([
    ['nothing on a good host', {}, undefined],
    [
      'another user than root',
      { 'proc/self/status': status(1000, ALL_CAPS) },
      'cannot trace: loading BPF programs needs root (this is uid 1000)',
    ],
    [
      'a kernel without BTF',
      { 'sys/kernel/btf/vmlinux': null },
      'cannot trace: this kernel has no BTF (/sys/kernel/btf/vmlinux)',
    ],
    ['a host without bpftrace', { 'bin/bpftrace': null }, 'cannot trace: bpftrace was not found in PATH'],
  ])('finds %s', (_, files, message) => {
    const host = fakeHost(files);
    expect(findObstacle(host)?.message).toBe(message);
    expect(host.asked).toEqual([]);
  });
});
