// Knows in which order a demo goes: what is lacking, stage, tool, exit code; refuses to know how each of them works.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findRecorded } from './recorded.js';
import { findProgram, freePort } from './shared-port.js';
import { clearTheStage, setTheStage } from './stage.js';
import { askForRoot, runTool, wayToRoot } from './tool.js';

const DEFAULT_PORT = 8888;
/** Late enough to have seen the worker well; the short one leaves time to fill its queue before the lines end. */
const STUCK_AFTER_MS = { terminal: 20_000, lines: 5000 };
const LINES_SECONDS = 10;

process.on('exit', clearTheStage);
process.exit(await demo(process.argv.slice(2)));

/** Runs until the tool ends; answers the exit code. Arguments are the tool's, `--port` is the stage's as well. */
async function demo(args: readonly string[]): Promise<number> {
  const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
  if (!existsSync(cli)) return fail('the tool is not built: run `npm run build`');
  const way = wayToRoot();
  if (way === undefined)
    return await replayInstead('tracing needs root and there is no sudo: run it as root', cli, args);
  if (findProgram('bpftrace') === undefined) {
    const why = 'bpftrace is missing: install version 0.17 or newer, e.g. apt-get install bpftrace';
    return await replayInstead(why, cli, args);
  }
  // A password, if one is asked, comes before anything is on stage.
  if (!askForRoot(way))
    return await replayInstead('tracing needs root and sudo refused: run it as root', cli, args);

  const { wanted, rest } = takePort(args);
  const port = await freePort(wanted);
  if (port === undefined) return fail(`every port from ${wanted} on is taken: give another with --port`);
  const isTerminal = process.stdout.isTTY === true;
  const problem = await setTheStage(port, isTerminal ? STUCK_AFTER_MS.terminal : STUCK_AFTER_MS.lines);
  if (problem !== undefined) return fail(problem);

  const lines = isTerminal ? [] : ['--output', 'lines', '--duration', String(LINES_SECONDS)];
  return await runTool([...way, process.execPath, cli, '--port', String(port), ...lines, ...rest]);
}

/** Says what is lacking, and shows what was recorded elsewhere: at its own pace on a terminal, at once as lines. */
async function replayInstead(why: string, cli: string, args: readonly string[]): Promise<number> {
  const recorded = findRecorded();
  if (recorded === undefined) return fail(why);
  console.error(`demo: cannot trace here: ${why}`);
  console.error(
    `demo: replaying a recording instead, captured with ${recorded.label}; nothing of it is of this host`,
  );
  const { rest } = takePort(args);
  const lines = process.stdout.isTTY === true ? [] : ['--output', 'lines', '--speed', '0'];
  const from = ['--from', String(recorded.quietSeconds)];
  return await runTool([process.execPath, cli, 'replay', recorded.path, ...from, ...lines, ...rest]);
}

function fail(why: string): number {
  console.error(`demo: cannot start: ${why}`);
  return 1;
}

/** A --port that is none is left to the tool, which says so. */
function takePort(args: readonly string[]): { readonly wanted: number; readonly rest: readonly string[] } {
  const at = args.indexOf('--port');
  const wanted = Number(args[at + 1]);
  if (at < 0 || !Number.isInteger(wanted) || wanted < 1 || wanted > 65_535)
    return { wanted: DEFAULT_PORT, rest: args };
  return { wanted, rest: [...args.slice(0, at), ...args.slice(at + 2)] };
}
