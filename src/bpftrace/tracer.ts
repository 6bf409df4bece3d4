// Starts bpftrace, the only file that does, and yields what it prints as events; it does not know what they mean.
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import type { Event } from '../core/event.js';
import { COUNTERS_KEPT } from '../core/state/state.js';
import { createLineReader } from '../core/wire/lines.js';
import { UserError } from '../errors.js';
import { findCommand } from './command.js';

/** Oldest bpftrace that compiles the probes (Debian 12 has it). */
export const OLDEST_BPFTRACE: readonly [number, number] = [0, 17];

const MOUNTS = { tracing: '/sys/kernel/tracing', debug: '/sys/kernel/debug' };

/**
 * Mounts tracefs and debugfs where they are not, in a mount namespace of bpftrace's own (unshare --mount makes every
 * mount private), so that nothing on the host changes. A constant: no outside string ever becomes part of a shell text.
 */
const MOUNT_AND_EXEC = [
  `[ -d ${MOUNTS.tracing}/events ] || mount -t tracefs tracefs ${MOUNTS.tracing}`,
  `[ -d ${MOUNTS.debug}/tracing ] || mount -t debugfs debugfs ${MOUNTS.debug}`,
  'exec "$@"',
].join('; ');

/**
 * Both spellings of the names that changed between versions. On the stack: from 0.22 on larger things are kept in one
 * buffer a CPU, which a program that interrupts or preempts another overwrites: lines were garbled, and 0.27.1 aborted.
 */
export const BPFTRACE_ENVIRONMENT = {
  BPFTRACE_MAP_KEYS_MAX: String(COUNTERS_KEPT),
  BPFTRACE_MAX_MAP_KEYS: String(COUNTERS_KEPT),
  BPFTRACE_ON_STACK_LIMIT: '256',
  LC_ALL: 'C',
};

/** The command line around bpftrace, program and arguments; setpriv makes the kernel end bpftrace when we are killed by SIGKILL. */
export const commandLine = (
  args: readonly string[],
  program: readonly string[] = ['bpftrace'],
): [string, string[]] => {
  const isMounted = existsSync(`${MOUNTS.tracing}/events`) && existsSync(`${MOUNTS.debug}/tracing`);
  const inner = isMounted
    ? [...program, ...args]
    : ['unshare', '--mount', 'sh', '-c', MOUNT_AND_EXEC, 'sh', ...program, ...args];
  const [command = 'bpftrace', ...rest] =
    findCommand('setpriv') !== null ? ['setpriv', '--pdeathsig', 'TERM', '--', ...inner] : inner;
  return [command, rest];
};

/** Version of the installed bpftrace, such as `0.17.0`. Throws a UserError when there is none or it is too old. */
export const bpftraceVersion = async (): Promise<string> => {
  if (findCommand('bpftrace') === null) {
    throw new UserError('cannot trace: bpftrace was not found in PATH', {
      hint: "sudo apt install bpftrace   (or your distribution's package manager)",
    });
  }
  const { stdout } = await runToEnd('bpftrace', ['--version'], { timeoutMs: 20_000 });
  const version = /v?(\d+)\.(\d+)(\.\d+)?/.exec(stdout);
  if (version === null) {
    throw new UserError('cannot trace: `bpftrace --version` printed no version', {
      hint: 'run it by hand: the bpftrace in PATH does not work, or is another program',
    });
  }
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < OLDEST_BPFTRACE[0] || (major === OLDEST_BPFTRACE[0] && minor < OLDEST_BPFTRACE[1])) {
    throw new UserError(
      `cannot trace: bpftrace ${version[0]} is too old, the probes need ${OLDEST_BPFTRACE.join('.')} or newer`,
      { hint: 'install a newer bpftrace (Debian 12, Ubuntu 24.04 and later have one)' },
    );
  }
  return version[0].replace(/^v/, '');
};

/** Result of a bpftrace that was run to its end. */
export type Outcome = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a small program to its end, at most `timeoutMs`: for questions to the host (doctor). Never throws. */
export const runBpftrace = (
  args: readonly string[],
  program: string,
  timeoutMs = 30_000,
): Promise<Outcome> => {
  const [command, rest] = commandLine(args);
  return runToEnd(command, rest, { input: program, timeoutMs });
};

/** The functions that may be traced; bpftrace sets no fentry probe when it cannot read it. */
const FUNCTIONS_FILE = `${MOUNTS.tracing}/available_filter_functions`;

/** Whether this kernel forbids to read which functions may be traced (some do although all else is allowed). */
export const isFunctionsListDenied = async (): Promise<boolean> => {
  const [command, rest] = commandLine([], ['head', '-c', '1', FUNCTIONS_FILE]);
  const { stderr } = await runToEnd(command, rest, { timeoutMs: 5000 });
  return /not permitted|denied/i.test(stderr);
};

const END_MS = 5000;

const runToEnd = async (
  command: string,
  args: readonly string[],
  { input = '', timeoutMs }: { input?: string; timeoutMs: number },
): Promise<Outcome> => {
  const { exitCode, stdout, stderr, failed, shortMessage } = await execa(command, args, {
    input,
    env: BPFTRACE_ENVIRONMENT,
    reject: false,
    timeout: timeoutMs,
    killSignal: 'SIGINT',
    forceKillAfterDelay: END_MS,
  });
  return {
    exitCode: exitCode ?? null,
    stdout,
    stderr: stderr === '' && failed ? (shortMessage ?? '') : stderr,
  };
};

/** Asks a child to end, and kills it when it has not after a while. */
const endBy = (child: Pick<ResultPromise, 'kill' | 'once'>, signal: 'SIGINT', killMs: number): void => {
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), killMs);
  child.once('close', () => clearTimeout(timer));
  timer.unref();
};

/** Detaching 40 probes takes 10 s in an emulated guest; only then are the last counts printed. */
const STOP_MS = 60_000;
/** In an emulated guest on a busy host 108 s were seen; one that takes longer hangs. */
const ATTACH_MS = 180_000;
const NOT_PRINTED = 'the counts since the last tick are missing';

/** A running bpftrace. */
export type Tracer = {
  /**
   * attaching, then what the probes print in batches as they come, attached at the first tick, at last ended. It ends
   * with bpftrace and never throws.
   */
  readonly events: AsyncGenerator<readonly Event[]>;
  /** Asks it to end (SIGINT: bpftrace then prints its maps once more); killed after a minute. */
  readonly stop: () => void;
  /** Process id, null when it could not be started. */
  readonly pid: number | null;
};

/** Starts bpftrace with a program and its positional parameters. */
export const startTracer = (options: {
  readonly program: string;
  readonly params: readonly string[];
  /** The types that the program names (BTF), instead of the kernel's own file; null = that. */
  readonly types?: Uint8Array | null;
  /** Pages of its buffer for each CPU. */
  readonly pages: number;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly nowNs: () => number;
  /** After which it is ended when no tick has come; tests shorten it. */
  readonly attachMs?: number;
}): Tracer => {
  const [command, rest] = commandLine(['-B', 'line', '-', ...options.params]);
  const types = openTypes(options.types ?? null);
  const child = execa(command, rest, {
    input: options.program,
    // A descriptor is passed on as it is, which execa's types know of the first three alone.
    stdio: ['pipe', 'pipe', 'pipe', (types ?? 'ignore') as 'ignore'],
    env: {
      ...BPFTRACE_ENVIRONMENT,
      BPFTRACE_PERF_RB_PAGES: String(options.pages),
      ...(types === null ? {} : { BPFTRACE_BTF: '/proc/self/fd/3' }),
    },
    buffer: false,
    encoding: 'buffer',
    reject: false,
    // Ctrl-C in the terminal goes to the whole foreground group: only stop() may end bpftrace, so that its last counts are read.
    detached: true,
    // endBy() knows when.
    forceKillAfterDelay: false,
  });
  if (types !== null) closeSync(types);
  let isStopping = false;
  let isLate = false;
  let isAttached = false;
  const stop = (): void => {
    isStopping = true;
    // Before that there are no last counts to wait for.
    endBy(child, 'SIGINT', isAttached ? STOP_MS : END_MS);
  };
  const deadline = setTimeout(() => {
    isLate = true;
    endBy(child, 'SIGINT', END_MS);
  }, options.attachMs ?? ATTACH_MS);
  const end = child.then(({ exitCode, signal }): End => {
    clearTimeout(deadline);
    return { exitCode: exitCode ?? null, signal: signal ?? null, isLate };
  });
  const { stdout, stderr } = child;
  return {
    events: readEvents(
      { stdout, stderr, end },
      options.nowNs,
      () => isStopping,
      () => {
        isAttached = true;
        clearTimeout(deadline);
      },
    ),
    stop,
    pid: child.pid ?? null,
  };
};

/** A file that has no name any more, for bpftrace to read; null where there is no folder for such. */
const openTypes = (types: Uint8Array | null): number | null => {
  if (types === null) return null;
  try {
    const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-'));
    try {
      const file = openSync(join(folder, 'types.btf'), 'wx+', 0o600);
      writeSync(file, types);
      return file;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  } catch {
    return null;
  }
};

/** The parts of a child process that are read here. */
type Child = {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  readonly end: Promise<End>;
};
type End = {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Ended because it had not attached its probes after ATTACH_MS. */
  readonly isLate: boolean;
};

async function* readEvents(
  child: Child,
  nowNs: () => number,
  isStopping: () => boolean,
  onAttached: () => void,
): AsyncGenerator<readonly Event[]> {
  yield [{ kind: 'attaching', tsNs: nowNs() }];
  const reader = createLineReader();
  const changed = onlyChanges();
  const words = collectWords(child.stderr);
  let isAttached = false;
  try {
    for await (const chunk of child.stdout) {
      const events = reader.read(chunk).filter(changed);
      if (!isAttached) {
        const first = events.findIndex((event) => event.kind === 'tick');
        if (first >= 0) {
          isAttached = true;
          onAttached();
          events.splice(first, 0, { kind: 'attached', tsNs: events[first]?.tsNs ?? nowNs() });
        }
      }
      if (events.length > 0) yield events;
    }
  } catch {
    // The pipe broke: how it ended is said below.
  }
  const result = await child.end;
  const why = isStopping() ? explainStop(result, await words) : explainEnd(result, await words);
  yield [{ kind: 'ended', tsNs: nowNs(), exitCode: result.exitCode, why }];
}

/** Why the last counts are missing after we asked it to end; empty when they are not. 0.27.1 was seen to abort there. */
const explainStop = ({ exitCode, signal }: End, words: readonly string[]): string => {
  if (signal === 'SIGKILL') return `bpftrace did not end when asked to and was killed: ${NOT_PRINTED}`;
  if (exitCode === 0 || signal === 'SIGINT') return '';
  return [`bpftrace failed as it ended (${signal ?? `exit ${exitCode}`}): ${NOT_PRINTED}`, ...words].join(
    '\n',
  );
};

/** Counters are printed every second; those that did not move are not worth an event. */
const onlyChanges = (): ((event: Event) => boolean) => {
  const last = new Map<string, number>();
  return (event) => {
    if (event.kind !== 'count') return true;
    const key = `${event.counter} ${event.ino}`;
    if (last.get(key) === event.total) return false;
    // Sockets come and go: forget all rather than grow; the next print repeats what lives.
    if (last.size > 8 * COUNTERS_KEPT) last.clear();
    last.set(key, event.total);
    return true;
  };
};

const KEPT_WORDS = 6;

/** The last lines of stderr that say something: warnings about the program's text and RLIMIT_MEMLOCK are noise. */
const collectWords = async (stderr: AsyncIterable<Uint8Array>): Promise<readonly string[]> => {
  const decoder = new TextDecoder();
  let rest = '';
  const words: string[] = [];
  const take = (line: string): void => {
    if (line.trim() === '') return;
    words.push(line);
    if (words.length > 200) words.splice(0, 100);
  };
  try {
    for await (const chunk of stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = (lines.pop() ?? '').slice(-4096);
      for (const line of lines) take(line);
    }
  } catch {
    // A broken pipe ends the words; the exit code is what counts.
  }
  take(rest);
  // One fault is said once for each place in the program.
  const place = /^stdin:[\d-]+(?::[\d-]+)?: /;
  return [...new Set(dropNoise(words).map((line) => line.replace(place, '')))].slice(-KEPT_WORDS);
};

/** Leaves out harmless lines: each WARNING with the source lines quoted under it, RLIMIT_MEMLOCK, hints (0.27), Attached N probes. */
export const dropNoise = (lines: readonly string[]): string[] => {
  let isQuote = false;
  return lines.filter((line) => {
    if (/WARNING/.test(line)) {
      isQuote = true;
      return false;
    }
    if (/RLIMIT_MEMLOCK|^HINT: |^Attach(?:ing|ed) \d+ probes?/.test(line)) return false;
    if (/ERROR|FATAL|^[A-Z]/.test(line)) isQuote = false;
    return !isQuote;
  });
};

const explainEnd = (result: End, words: readonly string[]): string => {
  if (result.isLate)
    return [`bpftrace had not attached its probes after ${ATTACH_MS / 1000} s and was ended`, ...words].join(
      '\n',
    );
  const how = result.signal === null ? `exit ${result.exitCode ?? '-'}` : result.signal;
  const said = words.join('\n');
  const reasons: [RegExp, string][] = [
    [
      /only supports running as the root user|Operation not permitted|EPERM/i,
      'loading BPF programs needs root',
    ],
    [
      /available_filter_functions|kfunc\/kretfunc not available/,
      'this kernel does not let fentry probes be set',
    ],
    [/lockdown/i, 'the kernel is locked down (lockdown=confidentiality): it lets nobody read kernel memory'],
    [
      /tracepoint not found|No tracepoints? match|No such tracepoint|attach.*tracepoint.*not exist|tracing\/events.*No such file/i,
      'this kernel lacks a tracepoint that the probes need (sock:sk_data_ready came with 6.3)',
    ],
    [
      /BTF|Unknown struct|no member named|does not exist/i,
      'this kernel has no usable BTF (/sys/kernel/btf/vmlinux)',
    ],
  ];
  const reason = reasons.find(([pattern]) => pattern.test(said))?.[1];
  return [`bpftrace ended (${how})${reason === undefined ? '' : `: ${reason}`}`, ...words].join('\n');
};

/**
 * Probe runs that the kernel left out because another BPF program was running on that CPU: recursion_misses in
 * /proc/PID/fdinfo (bpf_prog_show_fdinfo, kernel/bpf/syscall.c, 5.12). 0 where the kernel does not tell.
 */
export const missedRuns = (pid: number, root = '/proc'): number => {
  let missed = 0;
  try {
    for (const fd of readdirSync(`${root}/${pid}/fdinfo`)) {
      const found = /^recursion_misses:\s*(\d+)$/m.exec(readFileSync(`${root}/${pid}/fdinfo/${fd}`, 'utf8'));
      missed += Number(found?.[1] ?? 0);
    }
  } catch {
    // It has just ended.
  }
  return missed;
};
