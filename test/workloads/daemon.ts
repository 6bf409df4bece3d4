// Knows how to run a real server in the foreground from a folder of its own, and how it ends; refuses to know which server.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './workload.js';

/** A running server. */
export type Daemon = {
  readonly pid: number;
  /** Its configuration, and whatever else it writes. */
  readonly folder: string;
  /** Processes that it started and that are there now. */
  readonly children: () => readonly number[];
  /** Ends it (by SIGKILL after 2 s) and removes its folder. */
  readonly stop: () => Promise<void>;
};

const KILL_AFTER_MS = 2000;
const READY_MS = 20_000;

const started = new Set<Daemon>();

/** Ends every server: for afterEach and afterAll. */
export const stopDaemons = async (): Promise<void> => {
  await Promise.all([...started].map((daemon) => daemon.stop()));
};

/** Where a server is installed; null = it is not. Servers are in sbin, which a user's PATH may lack. */
export const findServer = (name: 'nginx' | 'haproxy' | 'nsd' | 'nsd-control'): string | null =>
  ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path)) ?? null;

/** An empty folder for a server. */
export const newFolder = (name: string): string => mkdtempSync(join(tmpdir(), `${name}-`));

/** Starts the program and waits until it takes a connection on the port. Rejects with its last words when it ends before. */
export const startDaemon = async (options: {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly port: number;
}): Promise<Daemon> => {
  const { program, args, folder, port } = options;
  // It ends with us, whatever ends us.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4096);
  });
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      hasEnded = true;
      resolve();
    };
    child.once('close', end);
    child.once('error', end);
  });
  const pid = child.pid ?? 0;
  const daemon: Daemon = {
    pid,
    folder,
    children: () => childrenOf(pid),
    stop: async () => {
      started.delete(daemon);
      // One that a test has stopped by SIGSTOP ends only when it goes on.
      const left = childrenOf(pid);
      for (const each of left) signal(each, 'SIGCONT');
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await ended;
      clearTimeout(killer);
      for (const each of left) signal(each, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  started.add(daemon);
  await waitFor(
    `${program} to listen on ${port}`,
    async () => {
      if (hasEnded) throw new Error(`it ended: ${words}`);
      return canConnect(port);
    },
    READY_MS,
  );
  return daemon;
};

/** Runs a program to its end, as an administrator would beside a server, and says its exit code. */
export const runOnce = (program: string, args: readonly string[], folder: string): number | null =>
  spawnSync(program, args, { cwd: folder, stdio: 'ignore' }).status;

export const write = (folder: string, name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** No effect on a process that has gone. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name);
  } catch {
    // It has gone.
  }
};

const childrenOf = (pid: number): readonly number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
};

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.resetAndDestroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
