// Opens one connection along a route, and holds it until it is told not to.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isBundle, isSingleFile } from '../package.js';
import type { Route } from './route.js';

export type Connection = {
  /** null = it is connected; else what went wrong, such as EADDRINUSE. */
  readonly problem: Promise<string | null>;
  readonly close: () => void;
};

/** A bundle has no file to start: it starts itself, and finds by this variable that it is to be connect.ts (main.ts). */
export const CONNECT = 'REUSEPORT_TRACE_CONNECT';

const clientCommand = (): readonly string[] => {
  if (!isBundle()) return [process.execPath, fileURLToPath(new URL('./connect.js', import.meta.url))];
  return isSingleFile() ? [process.execPath] : [process.execPath, process.argv[1] ?? ''];
};

/** A client that has not got through by then is told so: a SYN that is dropped is sent again after 1, 3 and 7 s. */
const PATIENCE_MS = 10_000;

export const openConnection = ({ where, from, to, port }: Route, sourcePort: number): Connection => {
  const words = [...clientCommand(), from, String(sourcePort), to, String(port)];
  const [program = '', ...args] =
    where.kind === 'inside' ? ['nsenter', '-t', String(where.pid), '-n', ...words] : words;
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...(isBundle() ? { [CONNECT]: '1' } : {}) },
  });
  const close = (): void => {
    child.stdin.destroy();
  };
  const problem = new Promise<string | null>((resolve) => {
    const timer = setTimeout(() => {
      child.kill();
      resolve('no answer');
    }, PATIENCE_MS);
    const settle = (word: string): void => {
      clearTimeout(timer);
      resolve(word === 'connected' ? null : word);
    };
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const [word, ...rest] = text.split('\n');
      if (word !== undefined && rest.length > 0) settle(word);
    });
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => settle(error.message));
    child.once('close', () => settle('it ended early'));
  });
  return { problem, close };
};
