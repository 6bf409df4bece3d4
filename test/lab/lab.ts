// `npm run lab`: arguments, then one guest after the other. Knows which guests exist and
// what to ask of them; knows nothing of how they are built or booted.

import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootGuest, type Verdict } from './boot.js';
import { cacheDirectory, prepareImage, type Suite, suites } from './image.js';
import { quote } from './project.js';

const usage = `npm run lab -- [GUEST...] [WORD...] [OPTION...] [-- COMMAND...]

Boots Debian guests (${suites.join(', ')}; all without a name) and runs the lab cases,
or COMMAND, in them. WORDs choose cases by file or name.

  --prepare           only build the images
  --shell             a shell in one guest
  --deadline SECONDS  for one guest, 1800 without
  --retry             cases that failed run once more, in a guest just booted
  --help
`;

/** Lines of a failed guest's console that are shown; a panic takes about 40. */
const CONSOLE_LINES = 60;

type Options = {
  readonly guests: readonly Suite[];
  readonly words: readonly string[];
  readonly command: readonly string[] | undefined;
  readonly isPrepare: boolean;
  readonly isShell: boolean;
  readonly isRetry: boolean;
  readonly deadlineMs: number;
};

const checkout = fileURLToPath(new URL('../../../', import.meta.url));

function parse(given: readonly string[]): Options | string {
  const split = given.indexOf('--');
  const before = split < 0 ? given : given.slice(0, split);
  const command = split < 0 ? undefined : given.slice(split + 1);
  if (command?.length === 0) return 'no command after --';
  const guests: Suite[] = [];
  const words: string[] = [];
  let [isPrepare, isShell, isRetry, deadlineSeconds] = [false, false, false, 1800];
  for (let i = 0; i < before.length; i += 1) {
    const word = before[i] ?? '';
    const suite = suites.find((one) => one === word);
    if (suite !== undefined) guests.push(suite);
    else if (word === '--prepare') isPrepare = true;
    else if (word === '--shell') isShell = true;
    else if (word === '--retry') isRetry = true;
    else if (word === '--deadline') deadlineSeconds = Number(before[++i]);
    else if (word.startsWith('-')) return `no option ${word}`;
    else words.push(word);
  }
  if (!(deadlineSeconds > 0)) return '--deadline wants seconds';
  if (isShell && guests.length !== 1) return '--shell wants one guest';
  if (words.length > 0 && (command !== undefined || isShell)) return `no guest ${words.join(' ')}`;
  const chosen = guests.length > 0 ? guests : suites;
  return { guests: chosen, words, command, isPrepare, isShell, isRetry, deadlineMs: deadlineSeconds * 1000 };
}

function jobScript(options: Options, suite: Suite): string {
  if (!options.isShell) {
    const command = options.command ?? ['node', 'dist/test/lab/guest.js', ...options.words];
    return `LAB_GUEST=${suite} exec ${command.map(quote).join(' ')}\n`;
  }
  const columns = process.stdout.columns || 80;
  const rows = process.stdout.rows || 24;
  const prompt = quote(`${suite}:\\w# `);
  return `stty rows ${rows} cols ${columns}\nPS1=${prompt} TERM=${quote(process.env.TERM ?? 'xterm')} exec bash --norc -i\n`;
}

async function runGuest(suite: Suite, options: Options, signal: AbortSignal): Promise<number> {
  const image = await prepareImage(suite, join(checkout, 'test', 'lab', 'rootfs.sh'));
  console.error(`lab: ${suite}: ${image.summary}`);
  if (options.isPrepare) return 0;
  const scratch = await mkdtemp(join(tmpdir(), 'reuseport-lab-'));
  const outDirectory = join(cacheDirectory, 'out', suite);
  await mkdir(cacheDirectory, { recursive: true });
  const start = performance.now();
  try {
    const boot = async (words = options.words): Promise<Verdict> => {
      const verdict = await bootGuest({
        image,
        checkout,
        scratch,
        lock: join(cacheDirectory, 'qemu.lock'),
        script: jobScript({ ...options, words }, suite),
        isShell: options.isShell,
        deadlineMs: options.deadlineMs,
        outDirectory,
        signal,
      });
      report(suite, verdict, (performance.now() - start) / 1000, options.isShell);
      return verdict;
    };
    let verdict = await boot();
    if (verdict.code === undefined && verdict.readySeconds === undefined && !signal.aborted) {
      // Seen once in some fifty boots of sid: an emulated CPU oopses before the job begins.
      console.error(`lab: ${suite}: it did not boot; once more`);
      verdict = await boot();
    }
    if (options.isRetry && verdict.code !== 0 && !signal.aborted) {
      // Emulated guests miss a deadline now and then. One that died has no list: all of its cases run again.
      const failed =
        verdict.code === undefined
          ? ''
          : await readFile(join(outDirectory, 'failed'), 'utf8').catch(() => '');
      console.error(`lab: ${suite}: what failed runs once more`);
      verdict = await boot(failed === '' ? options.words : failed.trimEnd().split('\n'));
    }
    if (verdict.code !== undefined && (await readdir(outDirectory)).length > 0) {
      console.error(`lab: ${suite}: files in ${outDirectory}`);
    }
    return verdict.code ?? 1;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function report(suite: Suite, verdict: Verdict, seconds: number, isShell: boolean): void {
  const end = verdict.failure ?? `exit code ${verdict.code}`;
  const lines = verdict.console.trimEnd().split('\n');
  // A job that failed by itself explains itself; then only what the kernel said meanwhile.
  const ready = lines.findIndex((line) => line.startsWith('lab: ready'));
  const shown = (verdict.code === undefined ? lines : lines.slice(ready + 1)).slice(-CONSOLE_LINES);
  if (verdict.code !== 0 && !isShell && verdict.failure !== 'interrupted' && shown.length > 0) {
    console.error([`lab: ${suite}: its console:`, ...shown].join('\n  | '));
  }
  console.error(
    `lab: ${suite}: ${end}; ${seconds.toFixed(1)} s, ready after ${verdict.readySeconds ?? '?'} s`,
  );
}

const given = process.argv.slice(2);
const options = given.includes('--help') ? usage : parse(given);
if (typeof options === 'string') {
  const isHelp = options === usage;
  (isHelp ? process.stdout : process.stderr).write(isHelp ? usage : `lab: ${options}\n\n${usage}`);
  process.exit(isHelp ? 0 : 2);
}
const interrupt = new AbortController();
process.on('SIGINT', () => interrupt.abort());
process.on('SIGTERM', () => interrupt.abort());
try {
  const failed: string[] = [];
  for (const suite of options.guests) {
    const code = await runGuest(suite, options, interrupt.signal);
    // One guest: its job's exit code is ours. More: 1 when any failed.
    if (code !== 0) process.exitCode = options.guests.length === 1 ? code : 1;
    if (code !== 0) failed.push(suite);
    if (interrupt.signal.aborted) {
      process.exitCode = 130;
      break;
    }
  }
  if (options.guests.length > 1 && failed.length > 0) console.error(`lab: failed: ${failed.join(', ')}`);
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
