// Runs the built command line as a user would and keeps what it printed; it judges nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Event } from '../../src/core/event.js';
import type { MemberFacts, SummaryFacts } from '../../src/members/facts.js';
import { packageRoot } from '../../src/package.js';
import { waitFor } from '../workloads/workload.js';

/** The built command line. */
export const CLI = fileURLToPath(new URL('dist/src/cli.js', packageRoot()));
/** The command that is tested: TOOL=dist/packages/reuseport-trace-... tests the single file. */
export const COMMAND: readonly string[] =
  process.env.TOOL === undefined ? [process.execPath, CLI] : [process.env.TOOL];

/** Attaching takes 2 s on a quiet machine, and up to 108 s was seen in an emulated guest of 6.1 on a busy host. */
const ATTACH_MS = 300_000;
const END_MS = 90_000;

export type Tool = {
  readonly child: ChildProcess;
  /** Events printed so far. */
  readonly events: readonly Event[];
  readonly stderr: () => string;
  /** Gives the events so far, and keeps them no longer: for runs of many minutes. */
  readonly forget: () => readonly Event[];
  /** Waits for something in what was printed; the deadline's message shows the last lines. */
  readonly see: (
    what: string,
    test: (events: readonly Event[]) => boolean,
    timeoutMs?: number,
  ) => Promise<void>;
  /** Ends the run by SIGINT and returns what it closed with. */
  readonly finish: () => Promise<Closing>;
  /** Waits until the run ends by itself. */
  readonly ended: () => Promise<Closing>;
};

export type Closing = {
  readonly members: readonly MemberFacts[];
  readonly summary: SummaryFacts;
  readonly exitCode: number | null;
  readonly stderr: string;
};

/** The rule of a finding, which is printed among the events and is none of them: State finds it by itself. null = it is an event. */
export const ruleOf = (event: object): string | null => ('rule' in event ? String(event.rule) : null);

/** Starts `reuseport-trace ARGS --output ndjson` and waits until its probes are attached. */
export const startTool = async (
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  /** A command that runs it, such as unshare. */
  by: readonly string[] = [],
  /** Another one than the built command line. */
  command: readonly string[] = COMMAND,
  /** Returns as soon as picks and accepts are counted, when other parts may still be attaching. */
  isSoon = false,
): Promise<Tool> => {
  const [program = process.execPath, ...words] = [...by, ...command, ...args, '--output', 'ndjson'];
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const events: Event[] = [];
  const members: MemberFacts[] = [];
  let summary: SummaryFacts | null = null;
  let stderr = '';
  let rest = '';
  let hasEnded = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const value = JSON.parse(line) as Event | MemberFacts | SummaryFacts;
      if (value.kind === 'member') members.push(value);
      else if (value.kind === 'summary') summary = value;
      else events.push(value);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true;
      resolve(code);
    });
  });
  const see: Tool['see'] = async (what, test, timeoutMs = END_MS) => {
    await waitFor(
      what,
      () => {
        if (test(events)) return true;
        if (hasEnded) throw new Error(`the tool ended: ${stderr}`);
        return false;
      },
      timeoutMs,
    ).catch((error: unknown) => {
      const last = events.slice(-12).map((event) => JSON.stringify(event));
      throw new Error(`${error instanceof Error ? error.message : error}\n${last.join('\n')}\n${stderr}`);
    });
  };
  const isCounting = (seen: readonly Event[]): boolean => seen.some(({ kind }) => kind === 'attached');
  await see('the probes attached', isSoon ? isCounting : isAllAttached, ATTACH_MS);
  const ended = async (): Promise<Closing> => {
    const exitCode = await waitForEnd(closed);
    if (summary === null) throw new Error(`no summary; stderr: ${stderr}`);
    return { members, summary, exitCode, stderr };
  };
  return {
    child,
    events,
    stderr: () => stderr,
    forget: () => events.splice(0),
    see,
    finish: () => {
      child.kill('SIGINT');
      return ended();
    },
    ended,
  };
};

/** What counts is attached, and of the other parts each, or it is out. */
const isAllAttached = (seen: readonly Event[]): boolean => {
  const parts = new Map(seen.flatMap((event) => (event.kind === 'part' ? [[event.part, event.status]] : [])));
  return (
    seen.some((event) => event.kind === 'attached') &&
    [...parts.values()].every((status) => status !== 'attaching')
  );
};

const waitForEnd = (closed: Promise<number | null>): Promise<number | null> =>
  Promise.race([
    closed,
    new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('the tool did not end')), END_MS).unref();
    }),
  ]);

/** What a command of the tool printed and how it ended. */
export const runTool = (
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; uid?: number; cwd?: string } = {},
): Promise<{ stdout: string; stderr: string; exitCode: number | null }> =>
  new Promise((resolve) => {
    const [program = process.execPath, ...words] = [...COMMAND, ...args];
    const child = spawn(program, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? process.env,
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('close', (exitCode) => resolve({ stdout, stderr, exitCode }));
  });

/** Why live tests cannot run here, in words; null when they can. In CI nothing may be skipped. */
export const whyNotLive = (): string | null => {
  if (process.env.CI !== undefined) return null;
  if (process.geteuid?.() !== 0) return 'tracing needs root';
  const folders = (process.env.PATH ?? '').split(':');
  return folders.some((folder) => existsSync(`${folder}/bpftrace`)) ? null : 'bpftrace is not installed';
};
