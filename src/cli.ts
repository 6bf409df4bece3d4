#!/usr/bin/env node
// The table of contents: arguments -> source -> state -> output -> exit code. It alone prints errors and sets the exit code.
import { parseArgs } from './args/args.js';
import type { Recording, RunRequest } from './args/request.js';
import { apply } from './core/apply.js';
import type { Event } from './core/event.js';
import { createState } from './core/state/state.js';
import { messageOf, UserError } from './errors.js';
import { createProgress, progressText } from './outputs/progress.js';
import { packageVersion } from './package.js';
import { openRecorder, type Recorder } from './recording/recorder.js';
import { openSource, type Source } from './source.js';
import { openSurface, type Surface } from './surface.js';

const main = async (): Promise<number> => {
  const request = parseArgs(process.argv.slice(2), packageVersion());
  switch (request.command) {
    case 'print':
      // A reader that has read enough (--help | head) closes it.
      process.stdout.on('error', () => undefined);
      (request.exitCode === 0 ? process.stdout : process.stderr).write(request.text);
      return request.exitCode;
    case 'doctor': {
      const { doctor } = await import('./host/doctor.js');
      return doctor(request.output, process.stdout);
    }
    case 'program': {
      const { printProgram } = await import('./host/doctor.js');
      return printProgram(request.rung, process.stdout);
    }
    default:
      return run(request);
  }
};

/** Exit codes of a run that a signal ended (128 + its number); Ctrl-C is how one ends a run in lines mode, any a service. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const run = async (request: RunRequest): Promise<number> => {
  const source = await openSource(request);
  const state = createState(source.scope);
  let recorder: Recorder | null = null;
  let surface: Surface | null = null;
  let exitCode = 0;
  let isEnding = false;
  let hasEnded = false;
  let signals = 0;
  const notes: string[] = [];
  const progress = createProgress(isWaitedFor(request) ? process.stderr : null, () => performance.now());
  const end = (): void => {
    isEnding = true;
    source.stop();
  };
  /** The only way into State: whatever it learns is recorded, so that a replay learns the same. */
  const take = (event: Event): void => {
    apply(state, event);
    recorder?.take(state, event);
    if (source.replay?.isCatchingUp() === true && surface?.isScreen !== true && event.kind !== 'meta') return;
    surface?.take(state, event);
  };
  const signalled = (signal: keyof typeof SIGNALS): void => {
    // Asked twice: what still waits, such as a reader that does not read, is given up.
    if (++signals > 1) process.exit(SIGNALS[signal]);
    const isNormal = signal === 'SIGINT' ? surface?.isScreen !== true : surface?.isService === true;
    exitCode = isNormal ? 0 : SIGNALS[signal];
    surface?.close();
    end();
  };
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[])
    process.on(signal, () => signalled(signal));
  const crashed = (error: unknown): void => {
    surface?.close();
    fail(error);
    source.stop();
    process.exit(1);
  };
  process.on('uncaughtException', crashed);
  process.on('unhandledRejection', crashed);

  try {
    if (request.command !== 'replay' && request.record !== null) {
      recorder = openRecording(request.record, source, (why) => {
        notes.push(why);
        if (!hasEnded) take({ kind: 'unrecorded', tsNs: state.nowNs, why });
      });
    }
    surface = await openSurface({
      request,
      state,
      source,
      onClosed: end,
      take,
      onNote: (note) => notes.push(note),
      onFailed: (why) => {
        exitCode = 1;
        notes.push(why);
      },
    });
    for await (const events of source.events) {
      progress.show(() => progressText(state, source.replay?.progress() ?? null));
      for (const event of events) {
        take(event);
        if (event.kind !== 'ended' || !source.isLive) continue;
        if (isEnding) {
          // Asked to end, it did not print its last counts: what was shown is short of them.
          if (event.why !== '') {
            exitCode = 1;
            notes.push(event.why);
          }
          continue;
        }
        if (state.attachedNs === null) throw notAttached(event.why);
        // The screen stays, and R starts bpftrace again; a service does so by itself; any other run is over.
        if (surface.isScreen || surface.isService === true) continue;
        exitCode = 1;
        notes.push(event.why);
        end();
      }
      // What was recorded does not run away: a slow reader gets every line of it.
      if (!source.isLive) await surface.flush?.();
    }
    progress.clear();
    const stopped = source.replay?.stopped() ?? null;
    if (stopped !== null) {
      surface.tell?.(stopped.notice);
      notes.push(stopped.text);
      if (stopped.isDamaged) exitCode = 1;
    }
    hasEnded = true;
    await surface.end(state);
    if (exitCode === 0) exitCode = surface.exitCode?.(state) ?? 0;
  } finally {
    progress.clear();
    surface?.close();
    source.stop();
    await recorder?.end();
    const dropped = surface?.dropped() ?? 0;
    if (dropped > 0)
      notes.push(
        `${dropped} line${dropped === 1 ? ' was' : 's were'} dropped, because the reader of stdout was too slow`,
      );
    for (const note of new Set(notes)) process.stderr.write(`reuseport-trace: ${note}\n`);
  }
  return exitCode;
};

/** Somebody looks at a terminal on which a replay prints nothing until its end. */
const isWaitedFor = ({ command, view }: RunRequest): boolean => {
  const isSilent =
    process.stdout.isTTY !== true || view.once || (view.check ?? view.report ?? view.explain) !== null;
  return command === 'replay' && isSilent && view.output !== 'tui' && process.stderr.isTTY === true;
};

/** `onFailure` is told in a sentence when recording ends early. */
const openRecording = (
  recording: Recording,
  { scope }: Source,
  onFailure: (why: string) => void,
): Recorder => {
  const { path } = recording;
  try {
    return openRecorder({
      ...recording,
      scope,
      onFailure: (why) => onFailure(`the recording ${path} ends early: ${why}`),
    });
  } catch (error) {
    throw new UserError(`cannot record to ${path}: ${messageOf(error)}`, {
      hint: 'name a new file in a folder that you may write to, or say --force to write over a file',
      cause: error,
    });
  }
};

const notAttached = (why: string): UserError => {
  const [first = 'bpftrace ended', ...words] = why === '' ? [] : why.split('\n');
  return new UserError(`cannot trace: ${first}`, {
    hint: [...words.map((word) => `  bpftrace: ${word}`), 'try: reuseport-trace doctor'].join('\n'),
  });
};

/** Says what went wrong on stderr and returns the exit code. */
const fail = (error: unknown): number => {
  if (error instanceof UserError) {
    process.stderr.write(
      `reuseport-trace: ${error.message}\n${error.hint === null ? '' : `${error.hint}\n`}`,
    );
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`reuseport-trace: this is a bug, please report it:\n${text}\n`);
  return 1;
};

process.exitCode = await main().catch(fail);
