import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState } from '../../../src/core/state/state.js';
import { openNew, sudoUser } from '../../../src/newfile.js';
import { KEPT, openRecorder, type RecorderOptions } from '../../../src/recording/recorder.js';
import { openReplay } from '../../../src/recording/replay.js';
import { ALL, attached, count, listen, meta, pick, socket, tick } from '../events.js';
import { RUN } from '../outputs/run.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recorder-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const open = (name: string, change: Partial<RecorderOptions> = {}) =>
  openRecorder({
    path: join(folder, name),
    scope: ALL,
    maxBytes: null,
    existing: 'refuse',
    onFailure: (why) => expect.unreachable(why),
    ...change,
  });

const record = async (
  name: string,
  events: readonly Event[] = RUN,
  change: Partial<RecorderOptions> = {},
): Promise<void> => {
  const recorder = open(name, change);
  const state = createState(change.scope ?? ALL);
  for (const event of events) {
    apply(state, event);
    recorder.take(state, event);
  }
  await recorder.end();
};

const netns = (name: string): Event => ({ kind: 'netns', tsNs: 0, netns: 9, name });

/** What the files hold, and whether they end as they should. */
const play = async (...names: readonly string[]): Promise<readonly Event[]> => {
  const replay = await openReplay({
    paths: names.map((name) => join(folder, name)),
    speed: Number.POSITIVE_INFINITY,
    from: null,
    until: null,
    seconds: null,
    signal: new AbortController().signal,
  });
  const events: Event[] = [];
  for await (const batch of replay.events) if (!replay.isCatchingUp()) events.push(...batch);
  expect(replay.stopped()).toBeNull();
  return events;
};

describe('a recording', () => {
  it.each(['run.ndjson', 'run.ndjson.gz'])(
    '%s gives the run back, and is its owner’s alone',
    async (name) => {
      await record(name);
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      expect(await play(name)).toEqual(RUN);
    },
  );

  it('is packed where the name says so', async () => {
    await record('a');
    await record('a.gz');
    const withoutRun = (text: string): string => text.replace(/"run":"[^"]*"|"seal":"[^"]*"/g, '');
    const packed = gunzipSync(readFileSync(join(folder, 'a.gz'))).toString();
    expect(withoutRun(packed)).toBe(withoutRun(readFileSync(join(folder, 'a'), 'utf8')));
  });

  it('remembers what the user asked to see', async () => {
    const scope = { ports: [8888], family: 4, netns: 7, pid: 9 } as const;
    await record('a', RUN, { scope });
    const replay = await openReplay({
      paths: [join(folder, 'a')],
      speed: 1,
      from: null,
      until: null,
      seconds: null,
      signal: new AbortController().signal,
    });
    expect(replay.scope).toEqual(scope);
  });

  it('leaves out sockets that nobody asked for, but not those whose inode was one that was', async () => {
    const mine = socket(1);
    const events = [meta(), mine, socket(2, { lport: 22 }), socket(1, { lport: 22 })];
    await record('a', events, { scope: { ...ALL, ports: [8888] } });
    expect(await play('a')).toEqual([meta(), mine, socket(1, { lport: 22 })]);
  });

  it('is on the disk a second after an event, unpacked and packed, without being ended', async () => {
    for (const name of ['a', 'a.gz']) {
      const recorder = open(name);
      const state = createState(ALL);
      apply(state, meta());
      recorder.take(state, meta());
      const text = (): string => {
        const bytes = readFileSync(join(folder, name));
        if (!name.endsWith('.gz')) return bytes.toString();
        return bytes.length === 0 ? '' : gunzipSync(bytes, { finishFlush: 2 }).toString();
      };
      await expect
        .poll(text, { timeout: 20_000 })
        .toMatch(/\{"kind":"meta".*\}\n\{"seal":"[0-9a-f]{8}"\}\n$/);
      await recorder.end();
    }
  });
});

describe('a disk that takes nothing', () => {
  it.each<[string, number | null]>([
    ['as a block is written', null],
    // A part is full when just as much waits as may: 64 MB.
    ['as a part is ended', 258 << 20],
  ])('ends the recording, once and for all, %s', (_, maxBytes) => {
    const failures: string[] = [];
    const recorder = open('a', { maxBytes, onFailure: (why) => failures.push(why) });
    const state = createState(ALL);
    const name = 'x'.repeat(1 << 17);
    // Nothing is written while this runs.
    for (const event of [meta(), ...Array.from({ length: 600 }, (_, i) => netns(`${i}${name}`))]) {
      apply(state, event);
      recorder.take(state, event);
    }
    expect(failures).toEqual(['the disk is too slow']);
    expect(readdirSync(folder)).toEqual(['a']);
  });
});

describe('a file that is there', () => {
  it('is never written over, nor through a link', async () => {
    writeFileSync(join(folder, 'kept'), 'mine');
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
    expect(() => open('kept')).toThrow('the file exists');
    expect(() => open('link')).toThrow('the file exists');
    expect(() => open('none/run')).toThrow(/ENOENT/);
    writeFileSync(join(folder, 'new.2'), 'mine');
    expect(() => open('new', { maxBytes: 1 << 30 })).toThrow(/new\.2 exists/);
    expect(readFileSync(join(folder, 'kept'), 'utf8')).toBe('mine');
    expect(readdirSync(folder).sort()).toEqual(['kept', 'link', 'new.2']);
  });

  it('is replaced when the user says so: the file, not what a link leads to', async () => {
    writeFileSync(join(folder, 'old'), 'mine');
    writeFileSync(join(folder, 'target'), 'mine');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    await record('old', RUN, { existing: 'overwrite' });
    expect(await play('old')).toEqual(RUN);
    expect(() => open('link', { existing: 'overwrite' })).toThrow(/EEXIST/);
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe('mine');
  });

  it('of an older run goes with its parts', async () => {
    for (const name of ['a', 'a.1', 'a.3']) writeFileSync(join(folder, name), 'mine');
    await record('a', RUN, { existing: 'overwrite', maxBytes: 1 << 30 });
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('of a service that starts again is kept, and that of the run before it goes', async () => {
    const limited = { existing: 'keep', maxBytes: 1 << 30 } as const;
    writeFileSync(join(folder, 'a.1'), 'a part of the first run');
    await record('a', RUN, limited);
    expect(readdirSync(folder).sort()).toEqual(['a', 'a.1.before']);
    await record('a', [...RUN, tick(99)], limited);
    expect(readdirSync(folder).sort()).toEqual(['a', 'a.before']);
    expect(await play('a.before')).toEqual(RUN);
    symlinkSync('/nowhere', join(folder, 'link'));
    expect(() => open('link', limited)).toThrow(/EEXIST/);
  });
});

describe('a recording of limited size', () => {
  /** A second of a busy server, the n-th: half a megabyte. */
  const second = (n: number): Event[] => [
    ...Array.from({ length: 1500 }, (_, i) => pick(11, n + 2 + i / 2000, { rport: 1024 + i })),
    count(11, 'picks', 1500 * (n + 1), n + 2.8),
    count(11, 'printed', 1500 * (n + 1), n + 2.8),
    tick(n + 2.9),
  ];
  const START = [meta(), attached(1), listen(11, 1), socket(11)];
  const MAX = 8 << 20;

  it('keeps the newest parts within its size, each with what it needs, and all of them as one', async () => {
    const seconds = Array.from({ length: 60 }, (_, i) => second(i));
    const recorder = open('a', { maxBytes: MAX });
    const state = createState(ALL);
    const sizes: number[] = [];
    for (const event of [...START, ...seconds.flat()]) {
      apply(state, event);
      recorder.take(state, event);
      if (event.kind !== 'tick') continue;
      // Let the disk keep up, as a second would.
      await new Promise((resolve) => setTimeout(resolve, 5));
      sizes.push(readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0));
    }
    await recorder.end();
    expect(readdirSync(folder).sort()).toEqual(['a', 'a.1', 'a.2', 'a.3']);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX);
    expect(Math.max(...sizes)).toBeGreaterThan(MAX / 2);
    const all = seconds.flat();
    const played = await play('a.3', 'a.2', 'a.1', 'a');
    expect(played.length).toBeGreaterThan(all.length / 5);
    expect(played).toEqual(all.slice(-played.length));
    for (const name of ['a', 'a.1', 'a.2', 'a.3']) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
      expect((await play(name)).length).toBeLessThan(played.length);
    }
  });

  it('ends when who is there needs more room than a part has', async () => {
    const failures: string[] = [];
    const recorder = open('a', { maxBytes: MAX, onFailure: (why) => failures.push(why) });
    const state = createState(ALL);
    const crowd = Array.from({ length: 8000 }, (_, i) => socket(i + 100));
    for (const event of [...START, ...crowd, ...Array.from({ length: 4 }, (_, i) => second(i)).flat()]) {
      apply(state, event);
      recorder.take(state, event);
    }
    await recorder.end();
    expect(failures).toEqual(['8001 sockets need more than its parts have room for']);
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('ends when it cannot begin a new part', async () => {
    const failures: string[] = [];
    const recorder = open('a', { maxBytes: MAX, onFailure: (why) => failures.push(why) });
    const state = createState(ALL);
    // A folder cannot be replaced by a file.
    mkdirSync(join(folder, 'a.1'));
    for (const event of [...START, ...Array.from({ length: 60 }, (_, i) => second(i)).flat()]) {
      apply(state, event);
      recorder.take(state, event);
      if (event.kind === 'tick') await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await recorder.end();
    expect(failures).toEqual([expect.stringMatching(/EISDIR/)]);
    expect(existsSync(join(folder, 'a'))).toBe(true);
  });
});

it('keeps four parts', () => expect(KEPT).toBe(4));

describe('the owner of a file', () => {
  it.each<[string, NodeJS.ProcessEnv, ReturnType<typeof sudoUser>]>([
    ['who ran sudo', { SUDO_UID: '1000', SUDO_GID: '1001' }, { uid: 1000, gid: 1001 }],
    ['nobody without sudo', {}, null],
    ['nobody with half of it', { SUDO_UID: '1000' }, null],
    ['nobody with a name', { SUDO_UID: 'root', SUDO_GID: '0' }, null],
    ['nobody with a negative id', { SUDO_UID: '-1', SUDO_GID: '0' }, null],
    ['nobody with the id that means unchanged', { SUDO_UID: '4294967295', SUDO_GID: '0' }, null],
    ['nobody with more than a number', { SUDO_UID: '1000 ', SUDO_GID: '0x1' }, null],
  ])('is %s', (_, env, owner) => expect(sudoUser(env)).toEqual(owner));

  it.skipIf(process.geteuid?.() !== 0)('has the file', () => {
    vi.stubEnv('SUDO_UID', '1234');
    vi.stubEnv('SUDO_GID', '1235');
    openNew(join(folder, 'mine'));
    const { uid, gid, mode } = statSync(join(folder, 'mine'));
    expect([uid, gid, mode & 0o777]).toEqual([1234, 1235, 0o600]);
  });
});
