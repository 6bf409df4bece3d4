// The terminal: raw keys in, frames out through blessed, everything restored at the end. It knows no view and no number.
import { constants, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { emitKeypressEvents, type Interface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Elsewhere } from '../core/elsewhere.js';
import type { State } from '../core/state.js';
import { render } from './frame.js';
import { type Command, handleKey, type Keypress, keyName, prepared } from './keys.js';
import { createModel, INTERVALS_MS, shownState } from './model.js';
import { toPlain, toSgr } from './paint.js';
import { viewOf } from './views.js';

export type ScreenOptions = {
  /** The one State of the run, live. */
  readonly state: () => State;
  /** Asked only while nothing listens on the ports in scope. */
  readonly elsewhere: () => readonly Elsewhere[];
  /** A terminal to read keys from; null = no keys, the caller's signals end it. */
  readonly input: ReadStream | null;
  readonly output: WriteStream;
  readonly useColor: boolean;
  readonly ascii: boolean;
  readonly isReplay: boolean;
  /** Now, on the clock of the events: CLOCK_MONOTONIC live, the newest event's time in a replay. */
  readonly nowNs: () => number;
  readonly actions: {
    readonly reset: () => void;
    readonly restart: () => unknown;
    /** Takes the screen as text and the State it shows; resolves to the file's name, rejects with what to tell. */
    readonly writeSnapshot: (text: string, shown: State) => Promise<string>;
  };
};

/** Why the screen closed: key q, Ctrl-C, the terminal went away, or the caller closed it. */
export type Closed = 'quit' | 'sigint' | 'gone' | 'closed';

export type Screen = {
  /** Something happened; draws when the view asks for it. Cheap: may be called for every event. */
  readonly redraw: () => void;
  readonly closed: Promise<Closed>;
  /** Gives the terminal back before it returns. May be called again, and from a handler of a crash or a signal. */
  readonly close: () => void;
};

/** At most ten frames a second. */
const FRAME_MS = 100;
const NOTICE_MS = 6000;

/** Takes the terminal and draws until it is closed. `output` must be a terminal that can place its cursor. */
export const openScreen = async (options: ScreenOptions): Promise<Screen> => {
  const { input, output } = options;
  const terminal = await openTerminal(output);
  let model = createModel(options.state().scope.ports);
  let painted = { atMs: Number.NEGATIVE_INFINITY, ticks: -1, status: '', groups: -1 };
  let frame: NodeJS.Timeout | null = null;
  let beat: NodeJS.Timeout | null = null;
  let noticeEnd: NodeJS.Timeout | null = null;
  let isClosed = false;
  let resolveClosed: (why: Closed) => void = () => undefined;
  const closed = new Promise<Closed>((resolve) => {
    resolveClosed = resolve;
  });

  const size = (): { columns: number; rows: number } => ({
    columns: output.columns || 80,
    rows: output.rows || 24,
  });
  const lines = (): ReturnType<typeof render> =>
    render({
      state: options.state(),
      model,
      ...size(),
      nowNs: options.nowNs(),
      isReplay: options.isReplay,
      elsewhere: options.elsewhere,
    });

  const paint = (): void => {
    frame = null;
    if (isClosed) return;
    // A terminal that does not read must not hold up the reader of bpftrace: this frame is left out.
    if (output.writableLength > 0) return schedule();
    const state = options.state();
    model = prepared(model, state, size());
    const paintOptions = { useColor: options.useColor, isAscii: options.ascii };
    terminal.show(
      lines()
        .map((row) => toSgr(row, paintOptions))
        .join('\n'),
    );
    const { ticks, status, groups } = state;
    painted = { atMs: performance.now(), ticks, status, groups: groups.size };
    if (beat !== null) clearTimeout(beat);
    beat = setTimeout(schedule, INTERVALS_MS[model.interval] ?? 1000);
  };
  const schedule = (): void => {
    if (isClosed || frame !== null) return;
    frame = setTimeout(paint, Math.max(0, painted.atMs + FRAME_MS - performance.now()));
  };

  const redraw = (): void => {
    if (isClosed || frame !== null) return;
    const { ticks, status, groups } = options.state();
    const interval = INTERVALS_MS[model.interval] ?? 1000;
    const isNew = status !== painted.status || groups.size !== painted.groups;
    const isLive = model.frozen === null && interval <= 1000 && viewOf(model.view).isLog;
    const isDue = ticks !== painted.ticks && performance.now() - painted.atMs > 0.8 * interval;
    if (isNew || isLive || isDue) schedule();
  };

  const tell = (notice: string): void => {
    model = { ...model, notice };
    hideNoticeLater();
    schedule();
  };
  const hideNoticeLater = (): void => {
    if (noticeEnd !== null) clearTimeout(noticeEnd);
    noticeEnd = setTimeout(() => {
      model = { ...model, notice: null };
      schedule();
    }, NOTICE_MS);
  };

  const snapshot = async (): Promise<void> => {
    const shown = shownState(model, options.state());
    try {
      tell(`Saved ${await options.actions.writeSnapshot(toPlain(lines(), options.ascii), shown)}`);
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  };

  const run = (command: Command): void => {
    switch (command) {
      case 'quit':
      case 'sigint':
        return end(command);
      case 'reset':
        return options.actions.reset();
      case 'restart':
        options.actions.restart();
        return;
      case 'snapshot':
        void snapshot();
        return;
      case 'repaint':
        return terminal.forget();
    }
  };

  const onKey = (text: string | undefined, key: Keypress): void => {
    const result = handleKey(model, keyName(text, key), options.state(), size());
    model = result.model;
    if (model.notice !== null) hideNoticeLater();
    if (result.command !== null) run(result.command);
    schedule();
  };
  const onResize = (): void => schedule();
  const onContinue = (): void => {
    input?.setRawMode(true);
    terminal.forget();
    schedule();
  };
  const onGone = (): void => end('gone');

  const end = (why: Closed): void => {
    if (isClosed) return;
    isClosed = true;
    for (const timer of [frame, beat, noticeEnd]) if (timer !== null) clearTimeout(timer);
    process.off('exit', close);
    process.off('SIGCONT', onContinue);
    output.off('resize', onResize);
    input?.off('keypress', onKey);
    try {
      terminal.restore();
      input?.setRawMode(false);
    } catch {
      // The terminal is gone: nothing is left to restore.
    }
    input?.pause();
    resolveClosed(why);
  };
  const close = (): void => end('closed');

  process.on('exit', close);
  process.on('SIGCONT', onContinue);
  output.on('resize', onResize);
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
  paint();
  return { redraw, closed, close };
};

type Terminal = {
  /** Draws a whole screen; only the cells that changed are written. */
  readonly show: (content: string) => void;
  /** What is on the terminal is not known any more: the next show() writes all of it. */
  readonly forget: () => void;
  readonly restore: () => void;
};

/** Node's stream of a terminal has this handle: neither documented nor promised, so never relied upon. */
type Handle = { setBlocking?: (isBlocking: boolean) => void; close?: () => void };

/** blessed as a thin driver: one box, no tags, its own terminfo entry by path, and a dead input (screens.md, 1.7). */
const openTerminal = async (output: WriteStream): Promise<Terminal> => {
  process.env.NCURSES_NO_UTF8_ACS = '1';
  const { default: blessed } = await import('blessed');
  const handle = (output as unknown as { _handle?: Handle | null })._handle;
  handle?.setBlocking?.(false);
  const screen = withoutListeners(() =>
    blessed.screen({
      input: new PassThrough(),
      output,
      terminal: createRequire(import.meta.url).resolve('blessed/usr/xterm-256color'),
      forceUnicode: true,
      smartCSR: false,
    }),
  );
  const view = blessed.box({ parent: screen, width: '100%', height: '100%', tags: false, wrap: false });
  return {
    show: (content) => {
      view.setContent(content);
      screen.render();
    },
    forget: () => screen.realloc(),
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
