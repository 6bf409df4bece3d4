// Reads from /proc what people call a process, its cgroup and its command line, and remembers it for a while; it knows no socket.
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ProcessEvent } from '../core/event.js';
import { parseCgroup } from '../core/text/place.js';

/**
 * Says what is new of a process since it was asked last: null = nothing, or the process has gone. tsNs is that of the
 * scan which found it. Never rejects.
 */
export type Describe = (process: {
  readonly pid: number;
  readonly comm: string;
  readonly tsNs: number;
}) => Promise<ProcessEvent | null>;

/** What is remembered of a process; `startTime` and comm tell it from another one with its pid, and from what it was before exec(). */
type Known = {
  readonly startTime: string;
  readonly comm: string;
  readonly readNs: number;
  readonly event: ProcessEvent;
};

/** A title or cgroup that changes is seen this much later at most: workers name themselves just after the fork. */
const FRESH_NS = 5e9;
const KNOWN_KEPT = 16_384;
/** A title of many arguments, such as Java's, says who it is at its beginning. */
const COMMAND_BYTES = 1024;
const COMMAND_LENGTH = 256;
const CGROUP_BYTES = 16_384;
const STAT_BYTES = 1024;
/** /proc/PID/cmdline waits for the lock of the process's memory (access_remote_vm, mm/memory.c): a sick one may hold it for ever. */
const COMMAND_WAIT_MS = 200;
/** Reads that may stay open: each holds one of the four threads on which Node does all that has to do with files (libuv). */
const UNANSWERED_MOST = 2;

/** A describer with a memory of its own. `root` is usually `/proc`. */
export const createDescriber = (root: string): Describe => {
  const known = new Map<number, Known>();
  /** Processes that did not answer, by pid and start: each is asked once, for the question stays open. */
  const silent = new Set<string>();
  const readCommand = createCommandReader();
  return async ({ pid, comm, tsNs }) => {
    const folder = `${root}/${pid}`;
    const startTime = startTimeOf(readText(`${folder}/stat`, STAT_BYTES) ?? '');
    if (startTime === null) return null;
    const before = known.get(pid);
    const isSame = before?.startTime === startTime && before.comm === comm;
    if (isSame && tsNs - before.readNs < FRESH_NS) return null;
    const id = `${pid} ${startTime}`;
    const lastCommand = isSame ? before.event.command : null;
    const command = silent.has(id) ? lastCommand : await readCommand(`${folder}/cmdline`, lastCommand);
    if (command === undefined) silent.add(id);
    const place = parseCgroup(readText(`${folder}/cgroup`, CGROUP_BYTES) ?? '');
    const exe = exeOf(`${folder}/exe`);
    const event: ProcessEvent = {
      kind: 'process',
      tsNs,
      pid,
      command: command ?? null,
      ...(exe === null ? {} : { exe }),
      ...place,
    };
    if (known.size >= KNOWN_KEPT) known.clear();
    if (silent.size >= KNOWN_KEPT) silent.clear();
    known.set(pid, { startTime, comm, readNs: tsNs, event });
    return isSame && isEqual(event, before.event) ? null : event;
  };
};

const isEqual = (a: ProcessEvent, b: ProcessEvent): boolean =>
  JSON.stringify({ ...a, tsNs: 0 }) === JSON.stringify({ ...b, tsNs: 0 });

/** Field 22 of /proc/PID/stat, clock ticks since boot; comm before it may hold blanks and brackets. */
const startTimeOf = (stat: string): string | null =>
  stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ')[19] ?? null;

/** The file that it runs; null when that may not be read. */
const exeOf = (path: string): string | null => {
  try {
    return readlinkSync(path).slice(0, COMMAND_LENGTH);
  } catch {
    return null;
  }
};

const readText = (path: string, bytes: number): string | null => {
  try {
    const file = openSync(path, 'r');
    try {
      const piece = Buffer.alloc(bytes);
      return piece.toString('utf8', 0, readSync(file, piece));
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
};

/**
 * Reads command lines one after the other: null = it has none or may not be read, undefined = it did not answer in time.
 * `last` comes back unasked while too many reads stay open.
 */
const createCommandReader = () => {
  let unanswered = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const ask = async (path: string): Promise<string | null | undefined> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), COMMAND_WAIT_MS);
    });
    unanswered++;
    const answer = readArguments(path)
      .catch(() => null)
      .finally(() => unanswered--);
    const command = await Promise.race([answer, late]);
    clearTimeout(timer);
    return command;
  };
  return (path: string, last: string | null): Promise<string | null | undefined> => {
    const command = turn.then(() => (unanswered < UNANSWERED_MOST ? ask(path) : last));
    turn = command;
    return command;
  };
};

/** Arguments end in NUL; a title written over them (setproctitle) leaves many at its end. */
const readArguments = async (path: string): Promise<string | null> => {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(COMMAND_BYTES), 0, COMMAND_BYTES);
    const text = buffer.toString('utf8', 0, bytesRead).replaceAll('\0', ' ').trim();
    return text === '' ? null : text.slice(0, COMMAND_LENGTH);
  } finally {
    await file.close();
  }
};
