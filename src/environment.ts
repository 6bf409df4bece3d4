// What the tool is given of its process: arguments, streams, variables, signals, the way out. A test gives it others.
import type { Readable, Writable } from 'node:stream';

/** Exit codes of a run that a signal ended: 128 + its number. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type Signal = keyof typeof SIGNALS;

/** A stream that may be a terminal. */
export type Terminal = { readonly isTTY?: boolean };

export type Environment = {
  /** What stands behind the program's name. */
  readonly argv: readonly string[];
  readonly stdin: Readable & Terminal;
  readonly stdout: Writable & Terminal;
  readonly stderr: Writable & Terminal;
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
  /** Has each of SIGNALS told, and none end the process any more. */
  readonly onSignal: (told: (signal: Signal) => void) => void;
  /** Has an error told that nobody caught. */
  readonly onCrash: (told: (error: unknown) => void) => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
};

/** That of this process. */
export const thisEnvironment = (): Environment => ({
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  variables: process.env,
  nowMs: () => performance.now(),
  onSignal: (told) => {
    for (const signal of Object.keys(SIGNALS) as Signal[]) process.on(signal, () => told(signal));
  },
  onCrash: (told) => {
    process.on('uncaughtException', told);
    process.on('unhandledRejection', told);
  },
  exit: (code) => process.exit(code),
});
