import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bpftraceVersion, dropNoise, missedRuns, startTracer } from '../../../src/bpftrace/tracer.js';
import type { Event } from '../../../src/core/event.js';

const PATH = process.env.PATH;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bpftrace-'));
  process.env.PATH = folder;
});
afterEach(() => {
  process.env.PATH = PATH;
  rmSync(folder, { recursive: true });
});

const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const putCommand = (name: string, text: string): void => {
  put(name, text);
  chmodSync(join(folder, name), 0o755);
};

describe('what bpftrace says on stderr', () => {
  /** bpftrace 0.17 on Linux 6.18, with the probes of the tracepoint rung. */
  const QUIET = `ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, you can try "ulimit -l 8192" to fix the problem
stdin:91:66-67: WARNING: Addrspace mismatch
  $file = (struct file *)*(uint64 *)((uint64)$t->files->fdt->fd +
                                                                 
stdin:100:44-46: WARNING: Addrspace mismatch
  if ((uint64)$sock->file == (uint64)$file &&
                                           ~~
WARNING: Addrspace is not set
Attaching 16 probes...`;

  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['nothing but noise', QUIET, []],
    ['newer ones call it attached', 'Attached 17 probes\nAttached 1 probe', []],
    [
      'a hint of 0.27',
      'HINT: For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while.',
      [],
    ],
    [
      'not root',
      'ERROR: bpftrace currently only supports running as the root user.',
      ['ERROR: bpftrace currently only supports running as the root user.'],
    ],
    [
      'an error behind warnings',
      `${QUIET}\nERROR: Error loading program: kfunc:x\nstdin:1:1-3: ERROR: tracepoint not found: sock:sk_data_ready\ntracepoint:sock:sk_data_ready\n~~~`,
      [
        'ERROR: Error loading program: kfunc:x',
        'stdin:1:1-3: ERROR: tracepoint not found: sock:sk_data_ready',
        'tracepoint:sock:sk_data_ready',
        '~~~',
      ],
    ],
  ])('%s', (_, text, words) => {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    expect(dropNoise(lines)).toEqual(words);
  });
});

describe('the installed version', () => {
  const versionOf = (text: string): Promise<string> => {
    putCommand('bpftrace', `#!/bin/sh\necho '${text}'\n`);
    return bpftraceVersion();
  };

  it.each([
    ['bpftrace v0.17.0', '0.17.0'],
    ['bpftrace v0.23.2', '0.23.2'],
    ['bpftrace v1.0', '1.0'],
    ['bpftrace 0.20.2-1ubuntu4', '0.20.2'],
  ])('%s is %s', async (text, version) => expect(await versionOf(text)).toBe(version));

  it.each([
    ['bpftrace v0.16.0', 'cannot trace: bpftrace v0.16.0 is too old, the probes need 0.17 or newer'],
    ['bpftrace v0.9.2', 'cannot trace: bpftrace v0.9.2 is too old, the probes need 0.17 or newer'],
    ['command not installed', 'cannot trace: `bpftrace --version` printed no version'],
    ['', 'cannot trace: `bpftrace --version` printed no version'],
  ])('%j is refused', async (text, message) => await expect(versionOf(text)).rejects.toThrow(message));

  it('says how to install one when there is none', async () => {
    await expect(bpftraceVersion()).rejects.toMatchObject({
      message: 'cannot trace: bpftrace was not found in PATH',
      hint: expect.stringMatching(/apt install bpftrace/),
      exitCode: 1,
    });
  });
});

describe('a run of bpftrace', () => {
  /** Puts a bpftrace of our own into PATH, and an unshare that only executes: no root is needed. */
  const start = (script: string, attachMs?: number) => {
    putCommand('unshare', '#!/bin/sh\nshift 5\nexec "$@"\n');
    putCommand(
      'bpftrace',
      `#!${process.execPath}\nconst say = (text) => process.stdout.write(text);\n${script}`,
    );
    return startTracer({
      program: 'BEGIN { exit() }',
      params: ['80', '0', '0', '0', '1000'],
      pages: 64,
      nowNs: () => 5,
      ...(attachMs === undefined ? {} : { attachMs }),
    });
  };
  const read = async (script: string): Promise<Event[]> => {
    const events: Event[] = [];
    for await (const batch of (await start(script)).events) events.push(...batch);
    return events;
  };
  const why = (events: readonly Event[]): unknown => {
    const last = events.at(-1);
    return last?.kind === 'ended' ? [last.exitCode, ...last.why.split('\n')] : last;
  };

  it('is attaching, then attached at its first tick, then ended', async () => {
    expect(await read(`say('Attaching 16 probes...\\ntick 7\\n@picks[1]: 2\\ntick 8\\n')`)).toEqual([
      { kind: 'attaching', tsNs: 5 },
      { kind: 'attached', tsNs: 7 },
      { kind: 'tick', tsNs: 7 },
      { kind: 'count', tsNs: 7, ino: 1, counter: 'picks', total: 2 },
      { kind: 'tick', tsNs: 8 },
      { kind: 'ended', tsNs: 5, exitCode: 0, why: 'bpftrace ended (exit 0)' },
    ]);
  });

  it('gives a counter only when it has changed', async () => {
    const counts = await read(
      `say('@picks[1]: 2\\n@picks[2]: 2\\n@picks[1]: 2\\n@accepted[1]: 2\\n@picks[1]: 3\\n')`,
    );
    expect(
      counts.flatMap((event) => (event.kind === 'count' ? [[event.ino, event.counter, event.total]] : [])),
    ).toEqual([
      [1, 'picks', 2],
      [2, 'picks', 2],
      [1, 'accepted', 2],
      [1, 'picks', 3],
    ]);
  });

  it('gets the program on stdin and the ports as parameters', async () => {
    const [, event] = await read(`
      let program = '';
      process.stdin.on('data', (data) => { program += data; });
      process.stdin.on('end', () => say(
        'Lost ' + (program === 'BEGIN { exit() }' && process.argv.slice(2).join() === '-B,line,-,80,0,0,0,1000' ? 1 : 0) + ' events\\n'));`);
    expect(event).toEqual({ kind: 'lost', tsNs: 0, by: 'perf', events: 1 });
  });

  it.each<[string, string, unknown[]]>([
    [
      'for want of root',
      `console.error('ERROR: bpftrace currently only supports running as the root user.'); process.exitCode = 1`,
      [
        1,
        'bpftrace ended (exit 1): loading BPF programs needs root',
        'ERROR: bpftrace currently only supports running as the root user.',
      ],
    ],
    [
      'for want of a tracepoint',
      `console.error('stdin:1:1-3: ERROR: tracepoint not found: sock:sk_data_ready'); process.exitCode = 1`,
      [
        1,
        'bpftrace ended (exit 1): this kernel lacks a tracepoint that the probes need (sock:sk_data_ready came with 6.3)',
        'ERROR: tracepoint not found: sock:sk_data_ready',
      ],
    ],
    ['by a signal', `process.kill(process.pid, 'SIGKILL')`, [null, 'bpftrace ended (SIGKILL)']],
    [
      'with many words, of which the last six are kept',
      `for (let i = 0; i < 1000; i++) console.error('Word ' + i); process.exitCode = 3`,
      [3, 'bpftrace ended (exit 3)', ...Array.from({ length: 6 }, (_, i) => `Word ${994 + i}`)],
    ],
  ])('says why it ended %s', async (_, script, expected) =>
    expect(why(await read(script))).toEqual(expected),
  );

  it('reads its last counts when it is asked to end, and asks no why', async () => {
    const tracer = await start(`
      process.on('SIGINT', () => { say('@picks[1]: 9\\n'); process.exit(0); });
      setInterval(() => {}, 1000);
      say('tick 7\\n');`);
    const events: Event[] = [];
    for await (const batch of tracer.events) {
      events.push(...batch);
      if (batch.some(({ kind }) => kind === 'attached')) tracer.stop();
    }
    expect(events.slice(3)).toEqual([
      { kind: 'count', tsNs: 7, ino: 1, counter: 'picks', total: 9 },
      { kind: 'ended', tsNs: 5, exitCode: 0, why: '' },
    ]);
  });

  it('says what is missing when it fails as it is asked to end', async () => {
    const tracer = await start(`
      process.on('SIGINT', () => process.kill(process.pid, 'SIGKILL'));
      process.on('SIGTERM', () => {});
      setInterval(() => {}, 1000);
      say('tick 7\\n');`);
    const events: Event[] = [];
    for await (const batch of tracer.events) {
      events.push(...batch);
      if (batch.some(({ kind }) => kind === 'attached')) tracer.stop();
    }
    expect(why(events)).toEqual([
      null,
      'bpftrace did not end when asked to and was killed: the counts since the last tick are missing',
    ]);
  });

  it('says so of an exit code as well', async () => {
    const tracer = await start(`
      process.on('SIGINT', () => { console.error('std::bad_alloc'); process.exit(134); });
      setInterval(() => {}, 1000);
      say('tick 7\\n');`);
    const events: Event[] = [];
    for await (const batch of tracer.events) {
      events.push(...batch);
      if (batch.some(({ kind }) => kind === 'attached')) tracer.stop();
    }
    expect(why(events)).toEqual([
      134,
      'bpftrace failed as it ended (exit 134): the counts since the last tick are missing',
      'std::bad_alloc',
    ]);
  });

  it('is ended when it hangs as it compiles', async () => {
    const events: Event[] = [];
    const script = `process.on('SIGINT', () => process.exit(2)); setInterval(() => {}, 1000);`;
    for await (const batch of (await start(script, 500)).events) events.push(...batch);
    expect(why(events)).toEqual([2, 'bpftrace had not attached its probes after 180 s and was ended']);
  });

  it('is read although it prints a megabyte on stderr before it attaches', async () => {
    const events = await read(`
      console.error('WARNING: ' + 'x'.repeat(80) + '\\n'.repeat(12));
      for (let i = 0; i < 12_000; i++) console.error('  quoted ' + 'y'.repeat(80));
      process.stderr.write('', () => say('tick 7\\n'));`);
    expect(events.map(({ kind }) => kind)).toEqual(['attaching', 'attached', 'tick', 'ended']);
  });

  it('ends as any other when there is no bpftrace to start', async () => {
    const tracer = startTracer({ program: '', params: [], pages: 64, nowNs: () => 5 });
    const kinds: string[] = [];
    for await (const batch of tracer.events) kinds.push(...batch.map(({ kind }) => kind));
    expect(kinds).toEqual(['attaching', 'ended']);
  });
});

it('adds up the runs that the kernel skipped, over the programs of a process', () => {
  put('proc/7/fdinfo/3', 'pos:\t0\nprog_type:\t5\nrecursion_misses:\t12\nrun_cnt:\t9\n');
  put('proc/7/fdinfo/4', 'pos:\t0\nrecursion_misses:\t30\n');
  put('proc/7/fdinfo/5', 'pos:\t0\n');
  const root = join(folder, 'proc');
  expect([missedRuns(7, root), missedRuns(8, root)]).toEqual([42, 0]);
});
