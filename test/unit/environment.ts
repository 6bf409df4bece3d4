// A process as a run is given it, whose streams are kept and whose signals a test sends.
import { PassThrough } from 'node:stream';
import { type Environment, SIGNALS, type Signal } from '../../src/environment.js';
import { createSink, type Sink } from './outputs/sink.js';

export type Fake = {
  readonly environment: Environment;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** The exit codes that were asked for at once. */
  readonly exits: readonly number[];
  readonly signal: (signal: Signal) => void;
  readonly crash: (error: unknown) => void;
};

/** `terminals`: which of its streams say that they are one. */
export const fakeEnvironment = (
  options: {
    readonly argv?: readonly string[];
    readonly terminals?: readonly ('stdout' | 'stderr')[];
    readonly variables?: Environment['variables'];
    readonly isSlow?: boolean;
  } = {},
): Fake => {
  const { argv = [], terminals = [], variables = {}, isSlow = false } = options;
  const [stdout, stderr] = [createSink({ isSlow }), createSink()];
  const exits: number[] = [];
  let [signalled, crashed] = [(_: Signal): void => undefined, (_: unknown): void => undefined];
  return {
    environment: {
      argv,
      stdin: new PassThrough(),
      stdout: Object.assign(stdout.stream, { isTTY: terminals.includes('stdout') }),
      stderr: Object.assign(stderr.stream, { isTTY: terminals.includes('stderr') }),
      variables,
      nowMs: () => performance.now(),
      onSignal: (told) => {
        signalled = told;
      },
      onCrash: (told) => {
        crashed = told;
      },
      exit: (code) => exits.push(code),
    },
    stdout,
    stderr,
    exits,
    signal: (signal) => {
      if (!(signal in SIGNALS)) throw new Error(`nobody waits for ${signal}`);
      signalled(signal);
    },
    crash: (error) => crashed(error),
  };
};
