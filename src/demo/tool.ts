// Knows how to run a command as root on this terminal and how to end it; refuses to know what the command shows.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { whenOrphan } from './parent.js';
import { findProgram } from './shared-port.js';

/** A signal to our whole group reaches the tool without our help: by then it may have ended of that. */
const FORWARD_AFTER_MS = 500;
const KILL_AFTER_MS = 5000;

/** What to put before a command so that it runs as root; undefined when there is no way. */
export function wayToRoot(): readonly string[] | undefined {
  if (process.getuid?.() === 0) {
    // Without it the tool would outlive a SIGKILL of the demo, on a terminal that the shell has back.
    const setpriv = findProgram('setpriv');
    return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM'];
  }
  const sudo = findProgram('sudo');
  return sudo === undefined ? undefined : [sudo];
}

/** Lets sudo, if that is the way, ask for its password now. False when it refuses. */
export function askForRoot(way: readonly string[]): boolean {
  const [program] = way;
  if (program === undefined || process.getuid?.() === 0) return true;
  console.error(`demo: tracing needs root; running the tool by ${program}`);
  return spawnSync(program, ['true'], { stdio: 'inherit' }).status === 0;
}

/**
 * Runs the command on this terminal and resolves with its exit code (128 + n when signal n ended it, 1 when it did not
 * start). Meanwhile SIGTERM, SIGHUP and, without a terminal, SIGINT are passed on to it; a lost parent counts as SIGTERM,
 * because the shell between npm and this process dies of one without telling. A tool that does not end within 5 s of
 * that is killed.
 */
export function runTool(command: readonly string[]): Promise<number> {
  const [program = '', ...args] = command;
  const tool = spawn(program, args, { stdio: 'inherit' });
  let isTold = false;
  const tell = (signal: NodeJS.Signals) => {
    if (isTold) return;
    isTold = true;
    setTimeout(() => send(tool, signal), FORWARD_AFTER_MS);
    setTimeout(() => send(tool, 'SIGKILL'), FORWARD_AFTER_MS + KILL_AFTER_MS);
  };
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, tell);
  process.on('SIGINT', (signal) => {
    // The terminal gives Ctrl-C to the tool as well, which ends without its closing table at a second one.
    if (process.stdin.isTTY !== true) tell(signal);
  });
  whenOrphan(process.ppid, () => tell('SIGTERM'));
  return new Promise((resolve) => {
    tool.once('error', (error) => {
      console.error(`demo: cannot start the tool: ${error.message}`);
      resolve(1);
    });
    tool.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function send(tool: ChildProcess, signal: NodeJS.Signals): void {
  if (tool.pid === undefined || tool.exitCode !== null || tool.signalCode !== null) return;
  try {
    process.kill(tool.pid, signal);
  } catch {
    // sudo runs as root, out of reach for a user's kill(); it passes the signal on to the tool.
    spawnSync('sudo', ['-n', 'kill', '-s', signal.slice(3), String(tool.pid)], { stdio: 'ignore' });
  }
}
