// The terminal: raw keys in, frames out through blessed, everything restored at the end. It knows no view and no number.
import { constants, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { emitKeypressEvents, type Interface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { isBundle } from '../package.js';
import { type Keypress, keyName } from './keys.js';
import { type Display, type Run, startLoop } from './loop.js';

export type ScreenOptions = Run & {
  /** A terminal to read keys from; null = no keys, the caller's signals end it. */
  readonly input: ReadStream | null;
  /** A terminal that can place its cursor. */
  readonly output: WriteStream;
};

/** Why the screen closed: key q; Ctrl-C, of which SIGINT tells too; the terminal went away; the caller closed it. */
export type Closed = 'quit' | 'sigint' | 'gone' | 'closed';

export type Screen = {
  /** Something happened; draws when the view asks for it. Cheap: may be called for every event. */
  readonly redraw: () => void;
  /** Draws, though nothing happened in the run. */
  readonly refresh: () => void;
  /** Shows a sentence in the last row, until the next key. */
  readonly tell: (text: string) => void;
  readonly closed: Promise<Closed>;
  /** Gives the terminal back before it returns. May be called again, and from a handler of a crash or a signal. */
  readonly close: () => void;
};

/** Takes the terminal and draws until it is closed. Signals and exceptions are the caller's, who then calls close(). */
export const openScreen = async (options: ScreenOptions): Promise<Screen> => {
  const { input, output } = options;
  const terminal = await openTerminal(output);
  let isClosed = false;
  let resolveClosed: (why: Closed) => void = () => undefined;
  const closed = new Promise<Closed>((resolve) => {
    resolveClosed = resolve;
  });

  const end = (why: Closed): void => {
    if (isClosed) return;
    isClosed = true;
    loop.stop();
    process.off('exit', close);
    process.off('SIGCONT', onContinue);
    output.off('resize', loop.schedule);
    input?.off('keypress', onKey);
    try {
      terminal.restore();
      input?.setRawMode(false);
    } catch {
      // The terminal is gone: nothing is left to restore.
    }
    input?.pause();
    if (why === 'sigint') raiseInterrupt(() => resolveClosed(why));
    else resolveClosed(why);
  };
  const close = (): void => end('closed');
  const onGone = (): void => end('gone');
  const loop = startLoop(options, terminal, end);
  const onContinue = (): void => {
    if (isClosed) return;
    // The shell has put the terminal into its own mode meanwhile, which libuv does not know: raw it is for it, still.
    input?.setRawMode(false);
    input?.setRawMode(true);
    terminal.enter();
    terminal.forget();
    loop.schedule();
  };
  /** Ctrl-Z gives the terminal to the shell; `fg` continues. Where no shell waits the kernel does not stop us, and we go on. */
  const suspend = (): void => {
    terminal.leave();
    input?.setRawMode(false);
    process.kill(process.pid, 'SIGTSTP');
    setTimeout(onContinue, RESUME_MS).unref();
  };
  const onKey = (text: string | undefined, key: Keypress): void => {
    if (key.ctrl === true && key.name === 'z') suspend();
    else loop.press(keyName(text, key));
  };

  process.on('exit', close);
  process.on('SIGCONT', onContinue);
  output.on('resize', loop.schedule);
  // These stay for good: a late EIO of a terminal that went away must not become a crash.
  output.on('error', onGone);
  input?.on('error', onGone);
  if (input !== null) {
    // The second parameter is documented as an Interface; Node reads only this field of it.
    emitKeypressEvents(input, { escapeCodeTimeout: 50 } as unknown as Interface);
    input.setRawMode(true);
    input.on('keypress', onKey);
    input.resume();
  }
  return { redraw: loop.redraw, refresh: loop.schedule, tell: loop.tell, closed, close };
};

/** Ctrl-C is SIGINT, as on a terminal that is not in raw mode: its other listeners have run when `then` does. */
const raiseInterrupt = (then: () => void): void => {
  // A signal under way does not keep the process alive; this does.
  const fallback = setTimeout(then, SIGNAL_MS);
  process.once('SIGINT', () => {
    clearTimeout(fallback);
    then();
  });
  process.kill(process.pid, 'SIGINT');
};

/** Far longer than a signal to oneself takes. */
const SIGNAL_MS = 1000;
/** A stop that comes at all comes at once. */
const RESUME_MS = 100;

type Terminal = Display & {
  readonly restore: () => void;
  /** Gives the terminal away for a while, and takes it again. */
  readonly leave: () => void;
  readonly enter: () => void;
};

/** Node's stream of a terminal has this handle: neither documented nor promised, so never relied upon. */
type Handle = { setBlocking?: (isBlocking: boolean) => void; close?: () => void };

/** Where blessed reads its own terminfo entry; the bundle has it under this name (deploy/package/bundle.ts). */
const terminfo = (): string =>
  isBundle() ? '/xterm-256color' : createRequire(import.meta.url).resolve('blessed/usr/xterm-256color');

/** blessed as a thin driver: one box, no tags, its own terminfo entry by path, and a dead input. */
const openTerminal = async (output: WriteStream): Promise<Terminal> => {
  process.env.NCURSES_NO_UTF8_ACS = '1';
  const { default: blessed } = await import('blessed');
  const handle = (output as unknown as { _handle?: Handle | null })._handle;
  handle?.setBlocking?.(false);
  const screen = withoutListeners(() =>
    blessed.screen({
      input: new PassThrough(),
      output,
      terminal: terminfo(),
      forceUnicode: true,
      smartCSR: false,
    }),
  );
  // Both are blessed's own, and documented; its types lack them.
  const alternate = screen as unknown as { readonly enter: () => void; readonly leave: () => void };
  const view = blessed.box({ parent: screen, width: '100%', height: '100%', tags: false, wrap: false });
  return {
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    isBusy: () => output.writableLength > 0,
    show: (content) => {
      view.setContent(content);
      screen.render();
    },
    forget: () => screen.realloc(),
    leave: () => alternate.leave(),
    enter: () => alternate.enter(),
    restore: () => {
      const isStuck = output.writableLength > 0;
      // Blocking, so that the restoring sequence is out before the process is.
      if (!isStuck) handle?.setBlocking?.(true);
      screen.destroy();
      if (isStuck) restorePast(output, handle);
    },
  };
};

/** blessed ends the process on these by itself, with exit code 0 for a signal; signals and crashes are the caller's. */
const SEIZED = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'uncaughtException'] as const;

const withoutListeners = <T>(make: () => T): T => {
  const before = new Map(SEIZED.map((name) => [name, new Set(process.rawListeners(name))]));
  const made = make();
  for (const name of SEIZED) {
    for (const listener of process.rawListeners(name)) {
      if (before.get(name)?.has(listener) !== true) process.off(name, listener as () => void);
    }
  }
  return made;
};

/** Cancels what an interrupted frame began, resets style and keypad, shows the cursor, leaves the alternate screen. */
const RESTORE = '\u0018\u001b[0m\u001b[?1l\u001b>\u001b[?25h\u001b[?1049l';
const RESTORE_TRIES = 30;

/** The terminal does not read and frames wait in the queue: give it 300 ms to take the restoring sequence, then let go. */
const restorePast = (output: WriteStream, handle: Handle | null | undefined): void => {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  try {
    const file = openSync(
      `/proc/self/fd/${(output as unknown as { fd: number }).fd}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
    for (let tries = 0; tries < RESTORE_TRIES; tries++) {
      try {
        writeSync(file, RESTORE);
        break;
      } catch {
        Atomics.wait(pause, 0, 0, 10);
      }
    }
  } catch {
    // No such terminal any more.
  }
  // Writes under way would keep the process alive until the terminal reads again.
  handle?.close?.();
};
