import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { formatEvent, RECORDING_HEADER } from '../../../src/core/ndjson.js';
import { replay } from '../../../src/sources/replay.js';
import { at, attached, count, listen, malformed, meta, pick, tick } from '../core/events.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const HEADER = JSON.stringify(RECORDING_HEADER);
const EVENTS: readonly Event[] = [meta(), attached(1), listen(1), pick(1), count(1, 'picks', 1), tick(2)];
const LINES = EVENTS.map(formatEvent);

const write = (content: string | Uint8Array): string => {
  const path = join(folder, 'run.ndjson');
  writeFileSync(path, content);
  return path;
};
const play = async (
  content: string | Uint8Array,
  { speed = Number.POSITIVE_INFINITY, signal = new AbortController().signal } = {},
): Promise<Event[]> => {
  const events: Event[] = [];
  for await (const batch of replay({ path: write(content), speed, signal })) events.push(...batch);
  return events;
};
const text = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

describe('a recording', () => {
  it('comes back as the events that it holds', async () => {
    expect(await play(text(HEADER, ...LINES))).toEqual(EVENTS);
  });

  it('may be packed', async () => {
    expect(await play(gzipSync(text(HEADER, ...LINES)))).toEqual(EVENTS);
  });

  it('may be the kept output of a run, with its closing objects', async () => {
    const closing = ['{"kind":"member","ino":1}', '{"kind":"summary","picks":1}'];
    expect(await play(text(...LINES, ...closing))).toEqual(EVENTS);
  });

  it('may hold nothing but its header', async () => expect(await play(text(HEADER))).toEqual([]));

  it('may be larger than one read', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => pick(1, i / 1000));
    expect(await play(text(HEADER, ...many.map(formatEvent)))).toEqual(many);
  });

  it('keeps its pace: what is due comes in order, however fast', async () => {
    expect(await play(text(HEADER, ...LINES), { speed: 1e9 })).toEqual(EVENTS);
  });

  it('ends early when it is told to, in the middle of a pause of years', async () => {
    const stopping = new AbortController();
    const path = write(text(HEADER, formatEvent(tick(1)), formatEvent(tick(1e9))));
    const events: Event[] = [];
    for await (const batch of replay({ path, speed: 1, signal: stopping.signal })) {
      events.push(...batch);
      stopping.abort();
    }
    expect(events).toEqual([tick(1)]);
  });
});

describe('a recording that is broken', () => {
  const rest = EVENTS.slice(0, -1);
  it.each([
    ['in the middle of its last line', `${text(HEADER, ...LINES.slice(0, -1))}{"kind":"ti`, rest],
    ['before the end of its last line', text(HEADER, ...LINES).slice(0, -1), EVENTS],
    ['in the middle of its first event', `${text(HEADER)}{"kind":"me`, []],
  ])('cut %s gives its whole lines', async (_, content, events) =>
    expect(await play(content)).toEqual(events),
  );

  it('by a crash while it was packed gives what had been written', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) =>
      pick(1, i / 1000, { raddr: `10.0.${i % 251}.${i % 241}` }),
    );
    const packed = gzipSync(text(HEADER, ...many.map(formatEvent)));
    const events = await play(packed.subarray(0, packed.length / 2));
    expect(events.length).toBeGreaterThan(1000);
    expect(events).toEqual(many.slice(0, events.length));
  });

  it('packed bytes that are damaged fail with one sentence, after what came before', async () => {
    const packed = Buffer.from(gzipSync(text(HEADER, ...LINES)));
    packed.fill(0xff, 12, 40);
    await expect(play(packed)).rejects.toThrow(/^cannot replay \S+run\.ndjson further: /);
  });

  it('has its malformed lines counted, with the time of the event before them', async () => {
    const broken = ['pick 1 2 3', '', '{"kind":"tick"}', '\u0000', '[]', '"'];
    const [first, second = ''] = LINES;
    expect(await play(text(HEADER, first ?? '', ...broken, second))).toEqual([
      EVENTS[0],
      EVENTS[1],
      { ...malformed(6, 'pick 1 2 3'), tsNs: at(1) },
    ]);
  });

  it('with a line of megabytes is read on behind it', async () => {
    const long = `{"kind":"${'x'.repeat(3 << 20)}"}`;
    const events = await play(text(HEADER, long, ...LINES));
    expect(events.filter(({ kind }) => kind !== 'malformed')).toEqual(EVENTS);
    expect(events.flatMap((event) => (event.kind === 'malformed' ? [event.lines] : []))).toEqual([1]);
  });
});

describe('what is no recording', () => {
  const newer = '{"recording":"reuseport-trace","format":2}';
  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'it is empty'],
    ['an empty packed file', gzipSync(''), 'it is empty'],
    ['text', 'hello\nworld\n', 'its first line is not JSON'],
    ['text of one line without an end', 'hello', 'its first line is not JSON'],
    ['a program', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 10, 1, 2), 'its first line is not JSON'],
    ['JSON of another program', text('{"version":2,"width":80}'), 'it was not written by reuseport-trace'],
    ['no line end, but JSON', '{"version":2}', 'it was not written by reuseport-trace'],
    ['a recording without its header', text(...LINES.slice(1)), 'it was not written by reuseport-trace'],
    ['a newer one', text(newer, ...LINES), 'its format 2 is newer than this version reads (1)'],
  ])('%s', async (_, content, why) => {
    await expect(play(content)).rejects.toMatchObject({
      name: 'UserError',
      message: `cannot replay ${join(folder, 'run.ndjson')}: ${why}`,
    });
  });

  it('a file that is not there, or a folder', async () => {
    const open = (path: string) => replay({ path, speed: 1, signal: new AbortController().signal }).next();
    await expect(open(join(folder, 'none'))).rejects.toThrow(/^cannot replay \S+none: ENOENT/);
    await expect(open(folder)).rejects.toThrow(/^cannot replay \S+: EISDIR/);
  });
});
