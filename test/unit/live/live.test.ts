import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { openLive } from '../../../src/live/live.js';
import type { Candidate } from '../../../src/live/tracing.js';

// What the kernel says of the programs of a process: ours has none.
vi.mock(import('../../../src/bpftrace/tracer.js'), async (actual) => ({
  ...(await actual()),
  missedRuns: () => 7,
}));

const PATH = process.env.PATH;
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'live-'));
  process.env.PATH = folder;
});
afterEach(() => {
  process.env.PATH = PATH;
  rmSync(folder, { recursive: true });
});

/** Puts a bpftrace of our own into PATH, and an unshare that only executes, and runs it; `then` is called at each event. */
const run = async (
  script: string,
  then: (event: Event, live: ReturnType<typeof openLive>) => void,
  parts: Candidate['parts'] = { first: [], later: [] },
  types: Uint8Array | null = null,
): Promise<Event[]> => {
  const put = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  };
  put('unshare', '#!/bin/sh\nshift 5\nexec "$@"\n');
  put('bpftrace', `#!${process.execPath}\nconst say = (text) => process.stdout.write(text);\n${script}`);
  const live = openLive({
    findLadder: async () => ({
      candidates: [
        {
          rung: 'tracepoint',
          parts,
          load: (some, _, isWhole) => ({ program: some.join(' '), types: isWhole ? null : types }),
        },
      ],
      rejected: [],
      bpftrace: '0.17.0',
    }),
    ports: [1],
    proto: 'tcp',
    budgetPerSecond: 1,
  });
  const events: Event[] = [];
  for await (const batch of live.events) {
    for (const event of batch) {
      events.push(event);
      then(event, live);
    }
  }
  return events;
};

describe('a live run', () => {
  const RUNS = `process.on('SIGINT', () => process.exit(0)); setInterval(() => {}, 1000); say('tick 7\\n');`;

  it('starts bpftrace once, however often it is asked to start it again', async () => {
    let ends = 0;
    const events = await run(RUNS, ({ kind }, live) => {
      if (kind === 'ended') ends++;
      if (kind === 'attached' && ends > 0) return live.stop();
      if (kind === 'attached') process.kill(live.tracerPids()[0] ?? 0, 'SIGKILL');
      if (kind !== 'ended' || ends > 1) return;
      setImmediate(() => {
        live.restart();
        live.restart();
      });
    });
    const kinds = events.map(({ kind }) => kind).filter((kind) => /^(?:attach|ended)/.test(kind));
    expect(kinds).toEqual(['attaching', 'attached', 'ended', 'attaching', 'attached', 'ended']);
  });

  it.each([
    ['the whole of the types', null],
    ['those that were cut out', new Uint8Array(1)],
  ])('says why bpftrace refused the program of the last rung, given %s', async (_, types) => {
    const refuses = `console.error('ERROR: Loading BPF object(s) failed.'); process.exitCode = 1;`;
    const events = await run(refuses, ({ kind }, live) => kind === 'ended' && live.stop(), undefined, types);
    const ends = events.flatMap((event) => (event.kind === 'ended' ? [event.why] : []));
    expect(ends).toEqual([expect.stringContaining('Loading BPF object(s) failed.')]);
  });

  it('goes on without a part that bpftrace refuses, on the same rung', async () => {
    const said = (part: string): string =>
      `if (program.includes('${part}')) { console.error('ERROR: Error loading program: tracepoint:syscalls:sys_enter_bind'); process.exit(1); }`;
    const settled = new Map<string, string>();
    const events = await run(
      `let program = ''; process.stdin.on('data', (data) => { program += data; });
       process.stdin.on('end', () => { ${said('bind')} ${RUNS} });`,
      (event, live) => {
        // They are tried side by side: either may be the first.
        if (event.kind === 'part') settled.set(event.part, event.status);
        if (settled.get('bind') === 'out' && settled.get('steer') === 'attached') live.stop();
      },
      { first: ['listen', 'bind'], later: ['steer'] },
    );
    const told = events.flatMap((event) =>
      event.kind === 'part' ? [`${event.part} ${event.status} ${event.why.split('\n')[0]}`] : [],
    );
    expect(told.slice(0, 3)).toEqual(['listen attached ', 'steer attaching ', 'bind attaching ']);
    expect(told.slice(3).sort()).toEqual(['bind out bpftrace ended (exit 1)', 'steer attached ']);
    expect(events.filter(({ kind }) => kind === 'ended')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ kind: 'ended', why: '' });
  });

  it('tells of the probe runs that were skipped since it last looked, when it is stopped', async () => {
    const events = await run(RUNS, ({ kind }, live) => {
      if (kind === 'attached') live.stop();
    });
    const lost = events.filter((event) => event.kind === 'lost');
    expect(lost).toEqual([{ kind: 'lost', tsNs: expect.any(Number), by: 'missed', events: 7 }]);
    expect(events.at(-1)?.kind).toBe('ended');
  });
});
