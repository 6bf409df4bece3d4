// One run: events of a source go into State, into the recording and to what shows them, until one of them has enough.
import type { Recording, RunRequest } from './args/request.js';
import { apply } from './core/apply.js';
import type { Event } from './core/event.js';
import { withoutPart } from './core/rung.js';
import { createState } from './core/state/state.js';
import { type Environment, SIGNALS, type Signal } from './environment.js';
import { explainFailure, messageOf, UserError } from './errors.js';
import { openMode } from './modes/choose.js';
import type { Mode } from './modes/mode.js';
import { createProgress, progressText } from './outputs/progress.js';
import { openRecorder, type Recorder } from './recording/recorder.js';
import { openSource, type Source } from './source.js';

/** Returns the exit code. Throws a UserError when there is nothing to trace, to read or to tell. */
export const run = async (
  request: RunRequest,
  environment: Environment,
  open: (request: RunRequest) => Promise<Source> = openSource,
): Promise<number> => {
  const { stderr } = environment;
  const source = await open(request);
  const state = createState(source.scope);
  let recorder: Recorder | null = null;
  let mode: Mode | null = null;
  let exitCode = 0;
  let isEnding = false;
  let hasEnded = false;
  let signals = 0;
  const notes: string[] = [];
  const failed = (why: string): void => {
    exitCode = 1;
    notes.push(why);
  };
  const end = (): void => {
    isEnding = true;
    source.stop();
  };
  /** The only way into State: whatever it learns is recorded, so that a replay learns the same. */
  const take = (event: Event): void => {
    apply(state, event);
    recorder?.take(state, event);
    if (source.replay?.isCatchingUp() === true && mode?.isScreen !== true && event.kind !== 'meta') return;
    mode?.take(state, event);
  };
  environment.onSignal((signal: Signal) => {
    // Asked twice: what still waits, such as a reader that does not read, is given up.
    if (++signals > 1) environment.exit(SIGNALS[signal]);
    // Ctrl-C is how one ends a run in lines mode, any signal a service.
    const isNormal = signal === 'SIGINT' ? mode?.isScreen !== true : mode?.isService === true;
    exitCode = isNormal ? 0 : SIGNALS[signal];
    mode?.close();
    end();
  });
  environment.onCrash((error) => {
    mode?.close();
    stderr.write(explainFailure(error).text);
    source.stop();
    environment.exit(1);
  });
  /** bpftrace has ended. */
  const ended = (why: string): void => {
    if (isEnding) {
      // Asked to end, it did not print its last counts: what was shown is short of them.
      if (why !== '') failed(why);
      return;
    }
    if (state.attachedNs === null) throw notAttached(why);
    // The screen stays, and R starts bpftrace again; a service does so by itself; any other run is over.
    if (mode?.isScreen === true || mode?.isService === true) return;
    failed(why);
    end();
  };
  const isWaitedFor = !source.isLive && stderr.isTTY === true;
  const progress = createProgress(isWaitedFor ? stderr : null, environment.nowMs);

  try {
    if (request.command === 'trace' && request.record !== null) {
      recorder = openRecording(request.record, request.view.show.kind === 'serve', source, (why) => {
        notes.push(why);
        if (!hasEnded) take({ kind: 'unrecorded', tsNs: state.nowNs, why });
      });
    }
    mode = await openMode({
      view: request.view,
      environment,
      state,
      source,
      onClosed: end,
      take,
      onNote: (note) => notes.push(note),
      onFailed: failed,
    });
    for await (const events of source.events) {
      if (mode.isSilent) progress.show(() => progressText(state, source.replay?.progress() ?? null));
      for (const event of events) {
        take(event);
        if (event.kind === 'part' && event.status === 'out' && source.isLive) notes.push(withoutPart(event));
        if (event.kind === 'ended' && source.isLive) ended(event.why);
      }
      // What was recorded does not run away: a slow reader gets every line of it.
      if (!source.isLive) await mode.flush?.();
    }
    progress.clear();
    const stopped = source.replay?.stopped() ?? null;
    if (stopped !== null) {
      mode.tell?.(stopped.notice);
      notes.push(stopped.text);
      if (stopped.isDamaged) exitCode = 1;
    }
    hasEnded = true;
    await mode.end(state);
    if (exitCode === 0) exitCode = mode.exitCode?.(state) ?? 0;
  } finally {
    progress.clear();
    mode?.close();
    source.stop();
    await recorder?.end();
    const dropped = mode?.dropped() ?? 0;
    if (dropped > 0)
      notes.push(
        `${dropped} line${dropped === 1 ? ' was' : 's were'} dropped, because the reader of stdout was too slow`,
      );
    for (const note of new Set(notes)) stderr.write(`reuseport-trace: ${note}\n`);
  }
  return exitCode;
};

/** `onFailure` is told in a sentence when recording ends early. */
const openRecording = (
  recording: Recording,
  isService: boolean,
  { scope }: Source,
  onFailure: (why: string) => void,
): Recorder => {
  const { path } = recording;
  try {
    return openRecorder({
      path,
      maxBytes: recording.maxBytes,
      existing: recording.force ? 'overwrite' : isService ? 'keep' : 'refuse',
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
