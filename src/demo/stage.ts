// Knows the workers and clients that a demo shows and how they start and end; refuses to know who watches them.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { commandOnPort } from './shared-port.js';

const WORKERS = 4;
const SLOW_WORKER = 3;
/** At 15 connections a second for each worker, 75 % busy: a queue that comes and goes. */
const SLOW_MS = 50;
const STUCK_WORKER = 2;

const actors: ChildProcess[] = [];

/** Starts workers, then clients. Resolves when all workers listen, or with the reason (a sentence) why one does not. */
export async function setTheStage(port: number, stuckAfterMs: number): Promise<string | undefined> {
  for (let number = 1; number <= WORKERS; number++) {
    const slowMs = number === SLOW_WORKER ? SLOW_MS : 0;
    const stuckMs = number === STUCK_WORKER ? stuckAfterMs : 0;
    const words = [number, process.pid, slowMs, stuckMs].map(String);
    const command = commandOnPort(port, pathOf('./worker.js'), words);
    if (command === undefined) return 'SO_REUSEPORT needs perl or python3 here: install one of them';
    const problem = await start(command.program, command.args);
    if (problem !== undefined) return `worker ${number} did not start: ${problem}`;
  }
  const problem = await start(process.execPath, [pathOf('./clients.js'), String(port), String(process.pid)]);
  if (problem !== undefined) return `the clients did not start: ${problem}`;
  console.error(
    `demo: ${WORKERS} listeners on 127.0.0.1:${port}; demo-worker-${SLOW_WORKER} takes ${SLOW_MS} ms for each ` +
      `connection, demo-worker-${STUCK_WORKER} stops accepting after ${stuckAfterMs / 1000} s`,
  );
  return undefined;
}

/** Ends everything that setTheStage started, at once. (Should this never run, they notice that their parent is gone.) */
export function clearTheStage(): void {
  for (const actor of actors) actor.kill('SIGKILL');
}

/** Resolves on the first output, or with the reason why there is none. */
function start(program: string, args: readonly string[]): Promise<string | undefined> {
  // A session of its own: the terminal's Ctrl-C is for the tool, which shall sum up with everybody still there.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  actors.push(child);
  return new Promise((resolve) => {
    let complaint = '';
    child.stdout.once('data', () => resolve(undefined));
    child.stderr.on('data', (text: Buffer) => {
      complaint = text.toString().trim();
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(complaint || `exit code ${code}`));
  });
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
