// Asks this host what it allows, changing nothing: files of /proc and /sys, and small programs that bpftrace tries to load.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findCommand } from '../bpftrace/command.js';
import {
  type Absent,
  functionsOf,
  joinProgram,
  NOTHING_ABSENT,
  PROBE_FILES,
  programParams,
} from '../bpftrace/program.js';
import {
  bpftraceVersion,
  dropNoise,
  isFunctionsListDenied,
  type Outcome,
  runBpftrace,
} from '../bpftrace/tracer.js';
import type { Rung } from '../core/event.js';
import { RUNGS } from '../core/rung.js';
import { messageOf, UserError } from '../errors.js';
import { hasOwnPids } from '../proc/listeners.js';
import { readBtf } from './btf.js';
import { MEMBERS, NEEDS } from './functions.js';
import type { FunctionFact, HostFacts, TracepointFact, Trial } from './ladder.js';

/** Where the host is asked; tests put folders and functions of their own here. */
export type Host = {
  /** A /proc. */
  readonly proc: string;
  /** A /sys. */
  readonly sys: string;
  /** The folders of PATH, separated by colons. */
  readonly path: string;
  readonly run: (args: readonly string[], program: string, timeoutMs?: number) => Promise<Outcome>;
  /** Throws a UserError when bpftrace is absent or too old. */
  readonly version: () => Promise<string>;
  /** The list of functions that may be traced cannot be read, without which bpftrace sets no fentry probe. */
  readonly isFunctionsListDenied: () => Promise<boolean>;
  /** The program of a rung, less what this kernel lacks; null while the rung has no probe files. */
  readonly program: (rung: Rung, absent?: Absent) => string | null;
};

/** The host we run on. */
export const THIS_HOST: Host = {
  proc: '/proc',
  sys: '/sys',
  path: process.env.PATH ?? '',
  run: runBpftrace,
  version: bpftraceVersion,
  isFunctionsListDenied,
  program: (rung, absent) => (PROBE_FILES[rung].length === 0 ? null : joinProgram(rung, absent)),
};

/**
 * Everything that a choice of rung needs. `doing` is told what is asked next. bpftrace is only started where it could
 * succeed: as root, and when it is there; without `tryLoading` it is asked for nothing but its version.
 */
export const askHost = async (
  host: Host = THIS_HOST,
  doing: (what: string) => void = () => {},
  options: { readonly tryLoading: boolean } = { tryLoading: true },
): Promise<HostFacts> => {
  const status = readText(`${host.proc}/self/status`);
  const euid = numberIn(status, /^Uid:\s+\d+\s+(\d+)/m, 10);
  doing('asking bpftrace for its version, the kernel for its symbols and types');
  const [bpftrace, isDenied, symbols, btf] = await Promise.all([
    askBpftrace(host),
    euid === 0 && host.isFunctionsListDenied(),
    readFile(`${host.proc}/kallsyms`, 'latin1').catch(() => ''),
    readFile(`${host.sys}/kernel/btf/vmlinux`).catch(() => new Uint8Array()),
  ]);
  const mounts = readText(`${host.proc}/self/mounts`);
  const functions = NEEDS.map((need) => need.function);
  const types = readBtf(btf, functions, MEMBERS);
  const found = findSymbols(symbols, [...functions, 'register_kprobe']);
  const canLoad = options.tryLoading && euid === 0 && bpftrace.problem === null;
  if (canLoad) doing('loading an fentry and a kprobe probe, listing tracepoints');
  const pick = NEEDS[0]?.function ?? '';
  const [fentry, kprobe, listed] = canLoad
    ? await Promise.all([
        tryProbe(host, `kretfunc:${pick}`),
        tryProbe(host, `kprobe:${pick}`),
        host.run(['-l', 'tracepoint:*'], ''),
      ])
    : [isDenied ? DENIED : null, null, null];
  return {
    euid,
    capabilities: capabilitiesIn(status),
    kernel: readText(`${host.proc}/sys/kernel/osrelease`)?.trim() || null,
    hasBtf: types !== null,
    isTracefsMounted: mounts === null ? null : /^\S+ \S+ tracefs /m.test(mounts),
    isDebugfsMounted: mounts === null ? null : /^\S+ \S+ debugfs /m.test(mounts),
    lockdown: /\[(\w+)\]/.exec(readText(`${host.sys}/kernel/security/lockdown`) ?? '')?.[1] ?? null,
    hasOwnPids: hasOwnPids(host.proc),
    hasKprobes: found === null ? null : (found.get('register_kprobe')?.isExact ?? false),
    bpftrace,
    types: btf,
    fentry,
    kprobe,
    tracepoints: tracepointsOf(host, listed),
    probed: Object.fromEntries(
      RUNGS.flatMap((rung) => {
        const program = host.program(rung);
        return program === null ? [] : [[rung, new Set(functionsOf(program))]];
      }),
    ),
    functions: new Map(
      functions.map((name): [string, FunctionFact] => [
        name,
        {
          isSymbol: found === null ? null : (found.get(name)?.isExact ?? false),
          variant: found?.get(name)?.variant ?? null,
          args: types?.args.get(name) ?? null,
        },
      ]),
    ),
    members: types?.members ?? new Map(),
    loads: {},
  };
};

const DENIED: Trial = {
  works: false,
  why: 'the kernel lets nobody read which functions may be traced (available_filter_functions)',
};

/** A rung loads in 4 s here, and in about 30 s in an emulated guest (bpftrace 0.23 and 0.27). */
const LOAD_MS = 120_000;

/** Loads the rung's real program and waits for its first tick: the proof that the rung works here. Never throws. */
export const tryRung = async (
  rung: Rung,
  host: Host = THIS_HOST,
  absent: Absent = NOTHING_ABSENT,
): Promise<Trial> => {
  const program = host.program(rung, absent);
  if (program === null) return { works: false, why: 'this version has no probe files for it yet' };
  // Port 1: nobody's, so that the trial prints nothing but its ticks (every 100 ms at first).
  const outcome = await host.run(
    ['-B', 'line', '-', ...programParams([1], 1)],
    `${program}\ninterval:ms:200 { exit(); }\n`,
    LOAD_MS,
  );
  return judge(outcome, /^tick \d+$/m);
};

/** What keeps a run from starting, found without starting anything; null = nothing that shows so early. */
export const findObstacle = (host: Host = THIS_HOST): UserError | null => {
  const euid = numberIn(readText(`${host.proc}/self/status`), /^Uid:\s+\d+\s+(\d+)/m, 10);
  if (euid !== null && euid !== 0) {
    return new UserError(`cannot trace: loading BPF programs needs root (this is uid ${euid})`, {
      hint: 'try it with sudo',
    });
  }
  if (!existsSync(`${host.sys}/kernel/btf/vmlinux`)) {
    return new UserError('cannot trace: this kernel has no BTF (/sys/kernel/btf/vmlinux)', {
      hint: 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y (the distributions have it since about 2020)',
    });
  }
  if (findCommand('bpftrace', host.path) === null) {
    return new UserError('cannot trace: bpftrace was not found in PATH', {
      hint: "sudo apt install bpftrace   (or your distribution's package manager)",
    });
  }
  return null;
};

const askBpftrace = async (host: Host): Promise<HostFacts['bpftrace']> => {
  const path = findCommand('bpftrace', host.path);
  try {
    return { path, version: await host.version(), problem: null, hint: null };
  } catch (error) {
    const problem = messageOf(error).replace(/^cannot trace: /, '');
    return { path, version: null, problem, hint: error instanceof UserError ? error.hint : null };
  }
};

const tryProbe = async (host: Host, probe: string): Promise<Trial> =>
  judge(
    await host.run(['-'], `${probe} { @ = count(); } interval:ms:10 { printf("loaded\\n"); exit(); }\n`),
    /^loaded$/m,
  );

/** Some versions only warn about a probe that they could not attach, and run on without it. */
const NOT_ATTACHED = /(?:could not|couldn't|cannot|unable to|failed to|error) attach/i;

const judge = ({ exitCode, stdout, stderr }: Outcome, sign: RegExp): Trial => {
  if (exitCode === 0 && sign.test(stdout) && !NOT_ATTACHED.test(stderr)) return { works: true, why: '' };
  const words = dropNoise(stderr.split('\n')).filter((line) => line.trim() !== '');
  const line = words.find((word) => /ERROR|FATAL/.test(word)) ?? words[0];
  const said = line
    ?.replace(/^.*?(?:ERROR|FATAL)[^:]*: */, '')
    .replace(/[\x00-\x1f\x7f]/g, ' ')
    .replace(/\.?\s*$/, '');
  return {
    works: false,
    why: said === undefined ? `bpftrace said nothing (exit ${exitCode ?? '-'})` : `bpftrace says "${said}"`,
  };
};

/** The tracepoints that the probe files name; their comments name others too. */
const tracepointsOf = (host: Host, listed: Outcome | null): HostFacts['tracepoints'] => {
  const there = new Set(listed?.stdout.split('\n').map((line) => line.trim()));
  const isListed = listed?.exitCode === 0 && there.size > 1;
  const facts: Partial<Record<Rung, readonly TracepointFact[]>> = {};
  for (const rung of RUNGS) {
    const code = host.program(rung)?.replace(/\/\*[\s\S]*?\*\//g, '');
    if (code === undefined) continue;
    const names = new Set([...code.matchAll(/\btracepoint:(\w+:\w+)/g)].map((match) => match[1] ?? ''));
    facts[rung] = [...names].map((name) => ({
      name,
      isThere: isListed ? there.has(`tracepoint:${name}`) : null,
    }));
  }
  return facts;
};

type Found = { isExact: boolean; variant: string | null };

/**
 * Looks names up in the text of /proc/kallsyms, which hides addresses (kptr_restrict) but not names; null when it is
 * empty. `f.cold` is a part of f that stands beside it, not another f.
 */
const findSymbols = (text: string, names: readonly string[]): ReadonlyMap<string, Found> | null => {
  if (text === '') return null;
  const found = new Map<string, Found>();
  // A search for each name: a regular expression over the 150,000 lines takes five times as long.
  for (const name of new Set(names)) {
    for (let at = text.indexOf(` ${name}`); at >= 0; at = text.indexOf(` ${name}`, at + 1)) {
      const [, suffix = ''] = /^(\.\S+)?(?=\s|$)/.exec(
        text.slice(at + 1 + name.length, at + 81 + name.length),
      ) ?? [null, null];
      if (suffix === null || !/[tTwW]/.test(text[at - 1] ?? '') || suffix.startsWith('.cold')) continue;
      const symbol = found.get(name) ?? { isExact: false, variant: null };
      found.set(name, symbol);
      if (suffix === '') symbol.isExact = true;
      else symbol.variant = `${name}${suffix}`;
    }
  }
  return found;
};

/** Bits of CapEff (include/uapi/linux/capability.h). */
const CAPABILITY_BITS = { sysAdmin: 21n, perfmon: 38n, bpf: 39n } as const;

const capabilitiesIn = (status: string | null): HostFacts['capabilities'] => {
  const hex = /^CapEff:\s+([0-9a-f]{1,16})$/m.exec(status ?? '')?.[1];
  if (hex === undefined) return null;
  const has = (bit: bigint): boolean => ((BigInt(`0x${hex}`) >> bit) & 1n) === 1n;
  return {
    bpf: has(CAPABILITY_BITS.bpf),
    perfmon: has(CAPABILITY_BITS.perfmon),
    sysAdmin: has(CAPABILITY_BITS.sysAdmin),
  };
};

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Absent, or not for us: the caller reports it as unknown.
    return null;
  }
};

const numberIn = (text: string | null, pattern: RegExp, base: number): number | null => {
  const found = pattern.exec(text ?? '')?.[1];
  return found === undefined ? null : Number.parseInt(found, base);
};
