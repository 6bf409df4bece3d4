// Knows how to talk with one perl script by lines, and how it ends; refuses to know what the lines mean.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** A line as its key=value words, with its first word as `kind`. */
export type Line = ReadonlyMap<string, string>;

/** The key=value arguments of a script; undefined leaves the script's default, booleans become 0 and 1. */
export type Words = Readonly<Record<string, string | number | boolean | undefined>>;

/** A running script. read and ask reject when it has ended. */
export type Script = {
  readonly pid: number;
  read(): Promise<Line>;
  /** Writes the command and reads the one line that answers it. */
  ask(command: string): Promise<Line>;
  /** Ends the script and its children (by SIGKILL after 2 s); resolves when all are gone. */
  stop(): Promise<void>;
  /** Resolves when the script and all who share its stdout are gone. */
  readonly ended: Promise<void>;
};

const KILL_AFTER_MS = 2000;
/** many.pl has a descriptor for each socket, which is more than the 1,024 of most shells. */
const MOST_FILES = 16_384;

const started = new Set<Script>();

/**
 * Starts test/workloads/NAME with the words as arguments, inside the network namespace if one is named: by its `ip netns` name, or
 * by the pid of a process in it.
 */
export function startScript(
  name:
    | 'server.pl'
    | 'client.pl'
    | 'many.pl'
    | 'flap.pl'
    | 'churn.pl'
    | 'segments.pl'
    | 'ports.pl'
    | 'odd.pl'
    | 'sockets.pl',
  words: Words,
  netns: string | number | undefined,
): Script {
  const command = ['perl', join(scriptFolder(), name)];
  if (name === 'many.pl') command.unshift('prlimit', `--nofile=${MOST_FILES}`);
  for (const [key, value] of Object.entries(words)) {
    if (value !== undefined) command.push(`${key}=${typeof value === 'boolean' ? Number(value) : value}`);
  }
  if (typeof netns === 'string') command.unshift('ip', 'netns', 'exec', netns);
  if (typeof netns === 'number') command.unshift('nsenter', `--net=/proc/${netns}/ns/net`);
  const [program = 'perl', ...args] = command;
  return converse(name, spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
}

/** Ends every script: for afterEach. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((script) => script.stop()));
}

/** The number under key. Throws when there is none. */
export function numberOf(line: Line, key: string): number {
  const value = Number(line.get(key) ?? Number.NaN);
  if (Number.isNaN(value)) throw new Error(`the answer has no ${key}: ${JSON.stringify([...line])}`);
  return value;
}

/** The comma list under key; empty when there is none. */
export function numbersOf(line: Line, key: string): readonly number[] {
  return (line.get(key) ?? '').split(',').filter(Boolean).map(Number);
}

function converse(name: string, child: ChildProcessByStdio<Writable, Readable, null>): Script {
  const lines: string[] = [];
  const readers: { resolve(line: string): void; reject(error: Error): void }[] = [];
  let isOver = false;
  const over = () => new Error(`${name} has ended`);

  createInterface({ input: child.stdout }).on('line', (line) => {
    const reader = readers.shift();
    if (reader) reader.resolve(line);
    else lines.push(line);
  });
  child.stdin.on('error', () => {}); // EPIPE: the end is told by 'close'
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true;
      started.delete(script);
      for (const reader of readers.splice(0)) reader.reject(over());
      resolve();
    };
    child.once('close', end);
    child.once('error', end);
  });

  const read = async () => {
    const line =
      lines.shift() ??
      (await new Promise<string>((resolve, reject) => {
        if (isOver) reject(over());
        else readers.push({ resolve, reject });
      }));
    return parse(line);
  };
  const script: Script = {
    pid: child.pid ?? 0,
    read,
    ask: (command) => {
      child.stdin.write(`${command}\n`);
      return read();
    },
    stop: async () => {
      child.stdin.end();
      if (name === 'client.pl') child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await ended;
      clearTimeout(killer);
    },
    ended,
  };
  started.add(script);
  return script;
}

function parse(line: string): Line {
  const [kind = '', ...words] = line.split(' ');
  const record = new Map([['kind', kind]]);
  for (const word of words) {
    const at = word.indexOf('=');
    record.set(word.slice(0, at), word.slice(at + 1));
  }
  return record;
}

/** test/workloads of the package, also when this file runs from dist/test/workloads. */
function scriptFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'test', 'workloads');
}
