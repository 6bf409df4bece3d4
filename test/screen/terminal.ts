// A program in a pseudo-terminal with an emulator behind it: keys go in, the screen is read back cell by cell.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { packageRoot } from '../../src/package.js';

/** Longest wait for anything: the machine may be slow and busy. */
const WAIT_MS = 30_000;
const POLL_MS = 20;
/** Looks in a row at which a screen that stands still was the same. */
const STILL_LOOKS = 15;

export const built = (path: string): string => fileURLToPath(new URL(`dist/${path}`, packageRoot()));

export type Terminal = {
  /** What is on the screen now, one string per row. */
  readonly rows: () => string[];
  readonly text: () => string;
  /** Waits until the screen's text passes; the error shows the whole screen. */
  readonly see: (what: string, test: RegExp, waitMs?: number) => Promise<void>;
  readonly until: (what: string, test: () => boolean, waitMs?: number) => Promise<void>;
  /** Waits until nothing more is drawn: a frame comes in pieces of 4 KiB, and what was seen may be of the first. */
  readonly stands: () => Promise<void>;
  readonly press: (keys: string) => void;
  readonly resize: (columns: number, rows: number) => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Of the program. */
  readonly pid: () => number;
  /** Everything written so far, escape sequences and all. */
  readonly raw: () => string;
  readonly isAlternate: () => boolean;
  readonly isCursorShown: () => boolean;
  /** Style of one cell. */
  readonly cell: (column: number, row: number) => { bold: boolean; inverse: boolean; color: number };
  /** What the shell around the program said of its end: exit code and the terminal's settings. */
  readonly end: () => Promise<{ exitCode: number; settings: string }>;
  readonly kill: () => void;
};

export type Options = {
  readonly columns?: number;
  readonly rows?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** No file that it writes may grow larger than so many blocks of 512 bytes: a disk that is full. */
  readonly mostBlocks?: number;
};

/**
 * Runs the program as the child of a shell, which then reports its exit code and how it left the terminal, and stays:
 * node-pty loses what is unread when the last process of a terminal goes.
 */
const SHELL = 'ulimit -f "$1"; shift; "$@"; code=$?; echo; stty -a; echo "ended with $code"; read -r _';

export const openTerminal = (args: readonly string[], options: Options = {}): Terminal => {
  const { columns = 80, rows = 24 } = options;
  const limit = String(options.mostBlocks ?? 'unlimited');
  const term = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
  let raw = '';
  const pty: IPty = spawn('sh', ['-c', SHELL, 'sh', limit, process.execPath, ...args], {
    // node-pty makes this TERM, whatever env says.
    name: options.env?.TERM ?? 'xterm-256color',
    cols: columns,
    rows,
    cwd: options.cwd ?? process.cwd(),
    env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', TZ: 'UTC', ...options.env },
  });
  pty.onData((data) => {
    raw += data;
    term.write(data);
  });
  const readRows = (): string[] => {
    const buffer = term.buffer.active;
    return Array.from(
      { length: term.rows },
      (_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? '',
    );
  };
  const text = (): string => readRows().join('\n');
  const until: Terminal['until'] = async (what, test, waitMs = WAIT_MS) => {
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      await new Promise<void>((resolve) => term.write('', resolve));
      if (test()) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(
      `not seen in ${waitMs / 1000} s: ${what}\n${'-'.repeat(columns)}\n${text()}\n${'-'.repeat(columns)}`,
    );
  };
  const see: Terminal['see'] = (what, test, waitMs) => until(what, () => test.test(text()), waitMs);
  const stands: Terminal['stands'] = () => {
    let [length, looks] = [raw.length, 0];
    return until('a screen that stands still', () => {
      looks = raw.length === length ? looks + 1 : 0;
      length = raw.length;
      return looks >= STILL_LOOKS;
    });
  };

  return {
    rows: readRows,
    text,
    see,
    until,
    stands,
    press: (keys) => pty.write(keys),
    resize: (width, height) => {
      term.resize(width, height);
      pty.resize(width, height);
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    signal: (signal) => process.kill(childOf(pty.pid), signal),
    pid: () => childOf(pty.pid),
    raw: () => raw,
    isAlternate: () => term.buffer.active.type === 'alternate',
    isCursorShown: () =>
      raw.lastIndexOf('\u001b[?25l') <=
      Math.max(raw.lastIndexOf('\u001b[?25h'), raw.lastIndexOf('\u001b[?12;25h')),
    cell: (column, row) => {
      const buffer = term.buffer.active;
      const cell = buffer.getLine(buffer.viewportY + row)?.getCell(column);
      return {
        bold: cell?.isBold() !== 0,
        inverse: cell?.isInverse() !== 0,
        color: cell === undefined || cell.isFgDefault() ? -1 : cell.getFgColor(),
      };
    },
    end: async () => {
      await until('the end of the program', () => /ended with \d+/.test(raw));
      const after = raw.slice(raw.lastIndexOf('speed '));
      return { exitCode: Number(/ended with (\d+)/.exec(after)?.[1]), settings: after };
    },
    kill: () => {
      try {
        process.kill(childOf(pty.pid), 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
      pty.resume();
      pty.kill('SIGKILL');
    },
  };
};

/** The program: the shell's only child. */
const childOf = (pid: number): number => {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  if (child === undefined || child === '') throw new Error(`the shell ${pid} has no child`);
  return Number(child);
};
