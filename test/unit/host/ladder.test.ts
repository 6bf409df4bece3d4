// Knows which rung each kind of host gets, and which probes drop out on it.
import { describe, expect, it } from 'vitest';
import type { Rung } from '../../../src/core/event.js';
import { NEEDS } from '../../../src/host/functions.js';
import {
  absentOf,
  chooseRung,
  type FunctionFact,
  type HostFacts,
  hostObstacles,
  type RungVerdict,
} from '../../../src/host/ladder.js';

const FINE = { works: true, why: '' };
const THERE: FunctionFact = { isSymbol: true, variant: null, args: 4 };

const functionsWith = (changed: Record<string, Partial<FunctionFact>> = {}): Map<string, FunctionFact> =>
  new Map(NEEDS.map((need) => [need.function, { ...THERE, ...changed[need.function] }]));

/** A host that has everything, and a version that has the files of every rung. */
const host = (changed: Partial<HostFacts> = {}): HostFacts => ({
  euid: 0,
  capabilities: { bpf: true, perfmon: true, sysAdmin: true },
  kernel: '6.12.0',
  hasBtf: true,
  isTracefsMounted: true,
  isDebugfsMounted: true,
  lockdown: 'none',
  hasOwnPids: false,
  hasKprobes: true,
  types: new Uint8Array(),
  bpftrace: { path: '/usr/bin/bpftrace', version: '0.23.2', problem: null, hint: null },
  fentry: FINE,
  kprobe: FINE,
  tracepoints: { fentry: [], kprobe: [], tracepoint: [{ name: 'sock:sk_data_ready', isThere: true }] },
  probed: {},
  functions: functionsWith(),
  members: new Map([
    ['sock_reuseport.num_closed_socks', true],
    ['sock_reuseport.incoming_cpu', true],
  ]),
  loads: {},
  ...changed,
});

const no = (why: string) => ({ works: false, why });
const verdict = (facts: HostFacts, rung: Rung): RungVerdict => {
  const [first] = chooseRung(facts, rung).verdicts;
  if (first === undefined) throw new Error('no verdict');
  return first;
};
const leftOut = (facts: HostFacts, rung: Rung): [string, string][] =>
  verdict(facts, rung)
    .probes.filter(({ isIn }) => !isIn)
    .map(({ need, why }) => [need.function, why]);

describe('chooseRung', () => {
  it.each<[string, Partial<HostFacts>, Rung | null]>([
    ['a host that allows everything', {}, 'fentry'],
    ['a host where fentry does not load', { fentry: no('denied') }, 'kprobe'],
    ['a host without fentry and kprobes', { fentry: no('denied'), hasKprobes: false }, 'tracepoint'],
    ['a host where neither loads', { fentry: no('denied'), kprobe: no('denied') }, 'tracepoint'],
    ['a version with tracepoint files only', { tracepoints: { tracepoint: [] } }, 'tracepoint'],
    ['a host that was asked nothing about loading', { fentry: null, kprobe: null }, 'fentry'],
    ['a host where the fentry program does not load', { loads: { fentry: no('E2BIG') } }, 'kprobe'],
    [
      'a host where no program loads',
      { loads: { fentry: no('x'), kprobe: no('y'), tracepoint: no('z') } },
      null,
    ],
    ['a host without BTF', { hasBtf: false }, null],
    ['a locked down host', { lockdown: 'confidentiality' }, null],
    ['a host whose lockdown allows reading', { lockdown: 'integrity' }, 'fentry'],
    ['somebody who is not root', { euid: 1000 }, null],
    ['root of a container', { capabilities: { bpf: false, perfmon: false, sysAdmin: false } }, null],
    [
      'root with the new capabilities',
      { capabilities: { bpf: true, perfmon: true, sysAdmin: false } },
      'fentry',
    ],
  ])('gives %s its rung', (_, changed, rung) => {
    expect(chooseRung(host(changed), null).rung).toBe(rung);
  });

  it('takes a forced rung although a better one works', () => {
    expect(chooseRung(host(), 'tracepoint').rung).toBe('tracepoint');
  });

  it('takes no other rung when the forced one does not work', () => {
    const choice = chooseRung(host({ hasKprobes: false }), 'kprobe');
    expect([choice.rung, choice.verdicts.map(({ why }) => why)]).toEqual([
      null,
      [['this kernel is built without kprobes (CONFIG_KPROBES)']],
    ]);
  });

  it('says why each higher rung was not taken', () => {
    const facts = host({
      fentry: no('bpftrace says "no"'),
      hasKprobes: false,
      tracepoints: { fentry: [], tracepoint: [] },
    });
    expect(chooseRung(facts, null).verdicts.map(({ rung, why }) => [rung, why])).toEqual([
      ['fentry', ['an fentry probe does not load: bpftrace says "no"']],
      [
        'kprobe',
        [
          'this kernel is built without kprobes (CONFIG_KPROBES)',
          'this version has no probe files for it yet',
        ],
      ],
      ['tracepoint', []],
    ]);
  });

  it('names the tracepoint that an old kernel lacks', () => {
    const facts = host({ tracepoints: { tracepoint: [{ name: 'sock:sk_data_ready', isThere: false }] } });
    expect(verdict(facts, 'tracepoint').why).toEqual(['this kernel lacks sock:sk_data_ready (new in 6.3)']);
  });

  it('calls a rung proven only when its program ran', () => {
    expect([
      verdict(host(), 'tracepoint').isProven,
      verdict(host({ loads: { tracepoint: FINE } }), 'tracepoint').isProven,
    ]).toEqual([false, true]);
  });
});

describe('function probes', () => {
  const ISRA = { isSymbol: false, variant: 'f.isra.0', args: 2 };

  it.each<[string, Partial<FunctionFact>, string]>([
    ['a function that is not there', { isSymbol: false, args: null }, 'is not in this kernel'],
    ['a function that the compiler changed', ISRA, 'is only there as f.isra.0'],
    ['a function with seven arguments', { args: 7 }, 'has 7 arguments, fentry takes 6'],
    ['a function without types', { args: null }, 'is not in BTF'],
    ['a function whose symbol cannot be read', { isSymbol: null }, 'cannot be looked up in /proc/kallsyms'],
  ])('leave out %s, and nothing else', (_, fact, why) => {
    const facts = host({ functions: functionsWith({ inet_bind_conflict: fact }) });
    expect([chooseRung(facts, null).rung, leftOut(facts, 'fentry')]).toEqual([
      'fentry',
      [['inet_bind_conflict', why]],
    ]);
    expect(verdict(facts, 'fentry').unknown).toEqual(['which socket a refused bind ran into']);
  });

  it('need no types and take any number of arguments as kprobes', () => {
    const facts = host({
      functions: functionsWith({ inet_bind_conflict: { args: null }, reuseport_alloc: { args: 7 } }),
    });
    expect(leftOut(facts, 'kprobe')).toEqual([]);
  });

  it('read the first arguments of seven by a kprobe on the fentry rung', () => {
    const functions = functionsWith({ tcp_v4_syn_recv_sock: { args: 7 } });
    const why = 'needs a kprobe, which this kernel does not load';
    expect(leftOut(host({ functions }), 'fentry')).toEqual([]);
    expect(leftOut(host({ functions, hasKprobes: false }), 'fentry')).toEqual([
      ['tcp_v4_syn_recv_sock', why],
      ['tcp_v6_syn_recv_sock', why],
    ]);
  });

  it('are out while this version has no probe on the function', () => {
    const written = new Set(
      NEEDS.map((need) => need.function).filter((name) => name !== 'inet_bind_conflict'),
    );
    expect(leftOut(host({ probed: { fentry: written } }), 'fentry')).toEqual([
      ['inet_bind_conflict', 'has no probe in this version yet'],
    ]);
  });

  it('are named, so that the program can leave them out', () => {
    const facts = host({
      functions: functionsWith({ inet_bind_conflict: ISRA }),
      members: new Map([
        ['sock_reuseport.num_closed_socks', true],
        ['sock_reuseport.incoming_cpu', false],
      ]),
    });
    expect(absentOf(facts, verdict(facts, 'fentry').probes)).toEqual({
      functions: new Set(['inet_bind_conflict']),
      members: new Set(['sock_reuseport.incoming_cpu']),
    });
  });

  it('give up the rung without a core function', () => {
    const facts = host({ functions: functionsWith({ reuseport_select_sock: ISRA }) });
    expect([chooseRung(facts, null).rung, verdict(facts, 'fentry').why]).toEqual([
      'tracepoint',
      ['reuseport_select_sock is only there as f.isra.0'],
    ]);
  });
});

describe('hostObstacles', () => {
  it('finds none on a host that allows everything', () => {
    expect(hostObstacles(host())).toEqual([]);
  });

  it('lists all of them', () => {
    const bpftrace = { path: null, version: null, problem: 'bpftrace was not found in PATH', hint: null };
    expect(hostObstacles(host({ euid: 7, hasBtf: false, lockdown: 'confidentiality', bpftrace }))).toEqual([
      'loading BPF programs needs root (this is uid 7)',
      'bpftrace was not found in PATH',
      'this kernel has no BTF, which the probes read structures by',
      'lockdown=confidentiality lets nobody read kernel memory',
    ]);
  });
});
