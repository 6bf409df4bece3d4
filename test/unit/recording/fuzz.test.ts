// 200 recordings that were cut, bent and forged: each is refused with a sentence or replayed up to where it is whole, and says where.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState, type State } from '../../../src/core/state/state.js';
import { formatEvent, parseEvent } from '../../../src/core/wire/json.js';
import { UserError } from '../../../src/errors.js';
import { createLines } from '../../../src/outputs/lines.js';
import { formatTable } from '../../../src/outputs/table.js';
import { packageRoot } from '../../../src/package.js';
import { openRecorder } from '../../../src/recording/recorder.js';
import { openReplay } from '../../../src/recording/replay.js';
import { VIEWS } from '../../../src/tui/views.js';
import { ALL } from '../events.js';
import { look, SIZES } from '../tui/look.js';
import { textOf } from './recordings.js';

let folder = '';
const RECORDINGS: { name: string; bytes: Buffer; events: Event[] }[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
  const fixtures = fileURLToPath(new URL('test/fixtures/', packageRoot()));
  for (const name of readdirSync(fixtures)) {
    const lines = gunzipSync(readFileSync(join(fixtures, name)))
      .toString()
      .split('\n');
    const events = lines.map(parseEvent).filter((event) => event !== null);
    for (const end of ['', '.gz']) {
      const path = join(folder, `whole-${name.replace('.gz', '')}${end}`);
      await record(path, events);
      RECORDINGS.push({ name: path, bytes: readFileSync(path), events });
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** In many blocks, as a run of many seconds has them. */
const record = async (path: string, events: readonly Event[]): Promise<void> => {
  const state = createState(ALL);
  const recorder = openRecorder({
    path,
    scope: ALL,
    maxBytes: null,
    existing: 'refuse',
    onFailure: (why) => expect.unreachable(why),
  });
  for (const [i, event] of events.entries()) {
    apply(state, event);
    recorder.take(state, event);
    if (i % 90 === 89) recorder.seal();
  }
  await recorder.end();
};

/** The same numbers in every run: mulberry32. */
const createRandom = (seed: number) => {
  let a = seed;
  const next = (): number => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return (below: number): number => Math.floor(next() * below);
};
type Random = ReturnType<typeof createRandom>;

/** What happens to files. */
const ACCIDENTS: readonly [string, (bytes: Buffer, random: Random) => Buffer][] = [
  ['cut', (bytes, random) => bytes.subarray(0, random(bytes.length))],
  ['cut near its end', (bytes, random) => bytes.subarray(0, bytes.length - 1 - random(200))],
  [
    'with bits flipped',
    (bytes, random) => changed(bytes, 1 + random(8), (b) => b ^ (1 << random(8)), random),
  ],
  ['with bytes overwritten', (bytes, random) => changed(bytes, 1 + random(20), () => random(256), random)],
  ['with digits changed', (bytes, random) => digits(bytes, 1 + random(5), random)],
  [
    'with a page of zeros',
    (bytes, random) => {
      const copy = Buffer.from(bytes);
      const start = random(bytes.length);
      return copy.fill(0, start, start + 1 + random(4096));
    },
  ],
  [
    'with a hole',
    (bytes, random) => {
      const start = random(bytes.length);
      return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + 1 + random(5000))]);
    },
  ],
  [
    'with a part twice',
    (bytes, random) => {
      const start = random(bytes.length);
      const end = Math.min(bytes.length, start + 1 + random(5000));
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
    },
  ],
  ['with lines changed about', (bytes, random) => lines(bytes, (all) => swap(all, random))],
  ['with a line missing', (bytes, random) => lines(bytes, (all) => all.toSpliced(random(all.length - 1), 1))],
  ['with a line twice', (bytes, random) => lines(bytes, (all) => twice(all, random(all.length - 1)))],
  [
    'cut, with bits flipped',
    (bytes, random) =>
      changed(bytes.subarray(0, random(bytes.length)), 3, (b) => b ^ (1 << random(8)), random),
  ],
];

const changed = (bytes: Buffer, times: number, change: (byte: number) => number, random: Random): Buffer => {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < times && copy.length > 0; i++) {
    const at = random(copy.length);
    copy[at] = change(copy[at] ?? 0);
  }
  return copy;
};

/** Unpacked, changed, and packed again where it was packed: then its gzip says nothing is wrong. */
const repacked = (bytes: Buffer, change: (text: Buffer) => Buffer): Buffer =>
  bytes[0] === 0x1f ? gzipSync(change(gunzipSync(bytes))) : change(bytes);

const digits = (bytes: Buffer, times: number, random: Random): Buffer =>
  repacked(bytes, (text) => {
    const copy = Buffer.from(text);
    for (let i = 0; i < times; i++) {
      let at = random(copy.length);
      while (at < copy.length && !/\d/.test(String.fromCharCode(copy[at] ?? 0))) at++;
      if (at < copy.length) copy[at] = 0x30 + (((copy[at] ?? 0) - 0x30 + 1 + random(9)) % 10);
    }
    return copy;
  });

const lines = (bytes: Buffer, change: (lines: string[]) => string[]): Buffer =>
  repacked(bytes, (text) => Buffer.from(change(text.toString().split('\n')).join('\n')));

const swap = (all: string[], random: Random): string[] => {
  const [a, b] = [random(all.length - 1), random(all.length - 1)];
  return all.with(a, all[b] ?? '').with(b, all[a] ?? '');
};
const twice = (all: string[], at: number): string[] => all.toSpliced(at, 0, all[at] ?? '');

const play = async (content: string | Uint8Array) => {
  const path = join(folder, 'fuzzed');
  writeFileSync(path, content);
  const state = createState(ALL);
  const stream = new PassThrough();
  const output = createLines(stream, { isQuiet: false }, () => undefined);
  const events: Event[] = [];
  const replay = await openReplay({
    paths: [path],
    speed: Number.POSITIVE_INFINITY,
    from: null,
    until: null,
    seconds: null,
    signal: new AbortController().signal,
  });
  for await (const batch of replay.events) {
    for (const event of batch) {
      events.push(event);
      apply(state, event);
      output.take(state, event);
    }
  }
  const text = stream.setEncoding('utf8').toArray();
  await output.end(state);
  stream.end();
  return { state, events, stopped: replay.stopped(), printed: (await text).join('') };
};

/** Every view, at every size. */
const drawn = (state: State): string[] =>
  SIZES.flatMap((size) =>
    VIEWS.map((_, i) =>
      look(state, size)
        .press(String(i + 1))
        .text({ isReplay: true }),
    ),
  );

const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202e]/;

describe('a recording that came to harm', () => {
  it.each(Array.from({ length: 200 }, (_, i) => [i, ACCIDENTS[i % ACCIDENTS.length]?.[0] ?? '']))(
    'number %i, %s: all that is replayed was recorded, in its order, and the end is told',
    async (seed) => {
      const random = createRandom(seed);
      const recording = RECORDINGS[random(RECORDINGS.length)];
      const accident = ACCIDENTS[seed % ACCIDENTS.length];
      if (recording === undefined || accident === undefined) return expect.unreachable();
      const bent = accident[1](recording.bytes, random);
      const played = await play(bent).catch((error: unknown) => {
        expect(error).toBeInstanceOf(UserError);
        expect(String(error)).toMatch(/^UserError: cannot replay \S+: [^\n]{5,200}$/);
        return null;
      });
      if (played === null) return;
      const { events, stopped, state } = played;
      expect(events).toEqual(recording.events.slice(0, events.length));
      if (stopped === null) expect(events.length).toBe(recording.events.length);
      else
        expect(stopped.text).toMatch(
          /fuzzed was read up to line \d+(, [\d:.]{12})?: it (was cut|is damaged)/,
        );
      expect(formatTable(state)).not.toMatch(/NaN|undefined|Infinity/);
      for (const text of drawn(state)) expect(text).not.toMatch(/NaN|undefined|Infinity/);
    },
  );

  it('was bent in ways that matter: most were not replayed to their end', async () => {
    let whole = 0;
    for (let seed = 0; seed < 60; seed++) {
      const random = createRandom(seed);
      const recording = RECORDINGS[random(RECORDINGS.length)];
      const bent = ACCIDENTS[seed % ACCIDENTS.length]?.[1](recording?.bytes ?? Buffer.alloc(0), random);
      const played = await play(bent ?? '').catch(() => null);
      if (played !== null && played.stopped === null) whole++;
    }
    expect(whole).toBeLessThan(6);
  });
});

/** What can stand in a field of that kind at its worst. */
const WORST: Readonly<Record<string, readonly unknown[]>> = {
  number: [0, 1, 65_535, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 1e18, 1.7e19, -1, -1e9, 0.5, 1e300],
  string: [
    '\u001b[2J\u0007',
    '\n\r\t',
    '\u202egpj',
    '{red-fg}',
    '',
    '%s%n',
    '\ud800',
    '`|<script>',
    'x'.repeat(4000),
  ],
  boolean: [true, false],
};

describe('a recording that was forged', () => {
  it.each(Array.from({ length: 60 }, (_, i) => [i]))(
    'number %i, with absurd numbers and names: no crash, nothing that moves a cursor, no number that is none',
    async (seed) => {
      const random = createRandom(1000 + seed);
      const original = RECORDINGS[random(RECORDINGS.length)]?.events ?? [];
      const forged = original.map((event) => {
        if (random(3) > 0) return JSON.stringify(event);
        const fields = Object.entries(event).filter(([name]) => name !== 'kind');
        const [field, value] = fields[random(fields.length)] ?? ['tsNs', 0];
        const choices = WORST[typeof value] ?? [null];
        const line = JSON.stringify({ ...event, [field]: choices[random(choices.length)] });
        // What cannot be is refused by itself; the rest is what a forger would write.
        return parseEvent(line) === null ? JSON.stringify(event) : line;
      });
      const { state, printed, events, stopped } = await play(textOf(...forged));
      expect([events.length, stopped]).toEqual([original.length, null]);
      for (const text of [printed, formatTable(state), ...drawn(state)]) {
        expect(text).not.toMatch(CONTROL);
        expect(text).not.toMatch(/NaN|undefined|Infinity|Invalid/);
      }
    },
  );

  it('is refused where a number cannot be', () => {
    const event = RECORDINGS[0]?.events.find(({ kind }) => kind === 'count') ?? { kind: 'tick', tsNs: 0 };
    for (const total of [-1, 0.5, 1e300, null, '7'])
      expect(parseEvent(JSON.stringify({ ...event, total }))).toBeNull();
    expect(parseEvent(formatEvent(event))).toEqual(event);
  });
});
