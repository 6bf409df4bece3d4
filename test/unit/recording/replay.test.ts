import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { parseMoment } from '../../../src/core/text/moment.js';
import { formatEvent } from '../../../src/core/wire/json.js';
import { openReplay, type ReplayOptions } from '../../../src/recording/replay.js';
import { at, attached, count, listen, meta, pick, tick } from '../events.js';
import { blocksOf, recordingOf, sealed, textOf } from './recordings.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const EVENTS: readonly Event[] = [meta(), attached(1), listen(1), pick(1), count(1, 'picks', 1), tick(2)];
const RECORDING = recordingOf([EVENTS.slice(0, 3), EVENTS.slice(3)]);
const OLD = textOf('{"recording":"reuseport-trace","format":1}', ...EVENTS.map(formatEvent));
const KEPT = textOf(...EVENTS.map(formatEvent));

type Options = Partial<Omit<ReplayOptions, 'from' | 'until'>> & { from?: string; until?: string };
type Played = {
  readonly events: readonly Event[];
  /** How many of them only brought State to the beginning. */
  readonly before: number;
  readonly stopped: string | null;
  readonly isDamaged: boolean | null;
};

/** Plays files with these contents, oldest first. */
const play = async (contents: readonly (string | Uint8Array)[], options: Options = {}): Promise<Played> => {
  const paths = contents.map((content, i) => {
    const path = join(folder, `run${i}`);
    writeFileSync(path, content);
    return path;
  });
  const moment = (text: string | undefined) => (text === undefined ? null : parseMoment(text));
  const replay = await openReplay({
    paths,
    speed: Number.POSITIVE_INFINITY,
    seconds: null,
    signal: new AbortController().signal,
    ...options,
    from: moment(options.from),
    until: moment(options.until),
  });
  const events: Event[] = [];
  let before = 0;
  for await (const batch of replay.events) {
    events.push(...batch);
    if (replay.isCatchingUp()) before = events.length;
  }
  const stopped = replay.stopped();
  return {
    events,
    before,
    stopped: stopped?.text.replaceAll(`${folder}/`, '') ?? null,
    isDamaged: stopped?.isDamaged ?? null,
  };
};
const WHOLE: Played = { events: EVENTS, before: 0, stopped: null, isDamaged: null };

describe('a recording', () => {
  it.each<[string, string | Uint8Array]>([
    ['of this version', RECORDING],
    ['packed', gzipSync(RECORDING)],
    ['of the version before', OLD],
    ['that is the kept output of a run', KEPT],
    ['that is kept output, findings and closing objects and all', KEPT + CLOSING],
    ['that is kept output without its last line end', KEPT.slice(0, -1)],
  ])('%s comes back as the events that it holds', async (_, content) =>
    expect(await play([content])).toEqual(WHOLE),
  );

  it('may hold nothing but its header', async () =>
    expect(await play([recordingOf([[]])])).toEqual({ ...WHOLE, events: [] }));

  it('may be larger than many reads', async () => {
    const many = Array.from({ length: 50_000 }, (_, i) => pick(1, i / 1000));
    const blocks = Array.from({ length: 50 }, (_, i) => many.slice(1000 * i, 1000 * (i + 1)));
    const { events, stopped } = await play([recordingOf([[meta()], ...blocks])]);
    expect(events).toEqual([meta(), ...many]);
    expect(stopped).toBeNull();
  });

  it('keeps its pace: what is due comes in order, however fast', async () =>
    expect(await play([RECORDING], { speed: 1e9 })).toEqual(WHOLE));

  it('ends early when it is told to, in the middle of a pause of years', async () => {
    const stopping = new AbortController();
    writeFileSync(join(folder, 'run'), recordingOf([[meta(), tick(1), tick(1e9)]]));
    const paths = [join(folder, 'run')];
    const replay = await openReplay({
      paths,
      speed: 1,
      from: null,
      until: null,
      seconds: null,
      signal: stopping.signal,
    });
    const events: Event[] = [];
    for await (const batch of replay.events) {
      events.push(...batch);
      if (batch.length > 0 && events.length > 1) stopping.abort();
    }
    expect(events).toEqual([meta(), tick(1)]);
  });
});

const CLOSING = textOf('{"kind":"finding","x":1}', '{"kind":"member","ino":1}', '{"kind":"summary"}');

describe('a part of the time', () => {
  const TICKS = [meta({ tsNs: at(100) }), ...[101, 102, 103, 104].map(tick)];
  const recording = recordingOf([TICKS.slice(0, 3), TICKS.slice(3)]);
  it.each<[string, Options, number, number]>([
    ['from the start', { from: '0' }, 0, 5],
    ['from a second on', { from: '2' }, 2, 5],
    ['from between two events', { from: '2.5' }, 3, 5],
    ['from a time of day', { from: '14:03:10' }, 3, 5],
    ['until a second', { until: '2' }, 0, 3],
    ['until between two events', { until: '2.5' }, 0, 3],
    ['until a time of day', { until: '14:03:10' }, 0, 4],
    ['between two', { from: '1.5', until: '3' }, 2, 4],
    ['for so long', { seconds: 2 }, 0, 3],
    ['from then for so long', { from: '1', seconds: 2 }, 1, 4],
    ['for longer than there is', { from: '1', seconds: 1e6 }, 1, 5],
    ['the last event alone', { from: '4', until: '4' }, 4, 5],
  ])('%s', async (_, options, before, end) =>
    expect(await play([recording], options)).toEqual({ ...WHOLE, before, events: TICKS.slice(0, end) }),
  );

  it.each<[string, Options, string]>([
    ['after the end', { from: '4.1' }, 'begins after its end'],
    ['that is none', { from: '3', until: '2' }, 'ends before it begins'],
    ['before the start', { until: '14:03' }, 'ends before it begins'],
  ])('%s is refused', async (_, options, why) => {
    await expect(play([recording], options)).rejects.toMatchObject({
      name: 'UserError',
      message: `cannot replay that time of ${folder}/run0: it ${why}`,
    });
  });

  it('that is a time of day needs a recording that tells the time', async () => {
    const options = { from: '14:03' };
    await expect(play([recordingOf([[tick(1)]])], options)).rejects.toThrow(/needs a time of day/);
  });
});

describe('parts of one run', () => {
  const later = [meta(), attached(1), tick(3), tick(4)];
  const [one, two] = [
    recordingOf([EVENTS], { run: 'a', part: 1 }),
    recordingOf([later], { run: 'a', part: 2, preamble: 2 }),
  ];
  it('are one recording when they are read together', async () =>
    expect(await play([one, two])).toEqual({ ...WHOLE, events: [...EVENTS, tick(3), tick(4)] }));

  it('can be read alone: what brings State there is not shown', async () =>
    expect(await play([two])).toEqual({ ...WHOLE, events: later, before: 2 }));

  it('begin with their own first event, not with the run', async () =>
    expect(await play([two], { from: '1' })).toEqual({ ...WHOLE, events: later, before: 3 }));

  it('are not read on behind one that was cut', async () =>
    expect(await play([one.slice(0, -5), two])).toMatchObject({ events: EVENTS, isDamaged: false }));

  it.each<[string, readonly string[]]>([
    ['in the wrong order', [two, one]],
    ['of another run', [one, recordingOf([later], { run: 'b', part: 2, preamble: 2 })]],
    ['with one missing', [one, recordingOf([later], { run: 'a', part: 3, preamble: 2 })]],
    ['that are no parts', [OLD, OLD]],
  ])('%s are refused', async (_, contents) => {
    await expect(play(contents)).rejects.toThrow(/run1 after \S+run0: it is not the next part of that run$/);
  });
});

describe('a recording that was cut', () => {
  const lines = RECORDING.split('\n');
  const whole = (text: string): number =>
    EVENTS.filter((event) => text.includes(`${formatEvent(event)}\n`)).length;
  it.each(Array.from({ length: 29 }, (_, i) => [Math.floor((RECORDING.length * (i + 1)) / 30)]))(
    'after %d bytes gives its whole lines and says so',
    async (bytes) => {
      const text = RECORDING.slice(0, bytes);
      if (!text.includes('\n')) return;
      const { events, stopped, isDamaged } = await play([text]);
      expect(events).toEqual(EVENTS.slice(0, whole(text)));
      expect(isDamaged).toBe(false);
      expect(stopped).toMatch(
        /^run0 was read up to line \d+.*: it was cut there, as by a crash or a full disk$/,
      );
    },
  );

  it('says up to which line and time of day', async () => {
    const text = `${lines.slice(0, -2).join('\n')}\n`;
    expect((await play([text])).stopped).toMatch(
      /^run0 was read up to line 9, 14:03:09\.000: it was cut there/,
    );
  });

  it('while it was packed gives what had been flushed', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) =>
      pick(1, i / 1000, { raddr: `10.0.${i % 251}.${i % 241}` }),
    );
    const packed = gzipSync(recordingOf([[meta()], ...many.map((each) => [each])]));
    const { events, isDamaged } = await play([packed.subarray(0, packed.length / 2)]);
    expect(events.length).toBeGreaterThan(1000);
    expect(events).toEqual([meta(), ...many].slice(0, events.length));
    expect(isDamaged).toBe(false);
  });
});

describe('a recording that is damaged', () => {
  it('stops before the block that is not as it was written, and says which lines', async () => {
    const text = RECORDING.replace('"total":1', '"total":9');
    expect(await play([text])).toEqual({
      events: EVENTS.slice(0, 3),
      before: 0,
      stopped:
        'run0 was read up to line 6, 14:03:08.000: it is damaged (lines 7 to 10 are not what was written)',
      isDamaged: true,
    });
  });

  it.each<[string, string, number]>([
    ['an event that this version does not know', '{"kind":"tock","tsNs":1}', 6],
    ['a line that is no JSON', '{"kind":"tick"', 6],
    ['nothing but a line', '', 6],
  ])('stops at %s', async (_, line, known) => {
    const blocks = blocksOf([EVENTS.slice(0, 3), EVENTS.slice(3)]);
    const { events, stopped } = await play([sealed([...blocks, [line]])]);
    expect(events.length).toBe(known);
    expect(stopped).toMatch(/up to line 10.*\(line 11 is no event that this version knows\)$/);
  });

  it.each<[string, (lines: string[]) => string[]]>([
    ['is missing', (lines) => lines.toSpliced(2, 4)],
    ['comes twice', (lines) => lines.toSpliced(2, 0, ...lines.slice(2, 6))],
    ['changed places', (lines) => [...lines.slice(0, 2), ...lines.slice(6, 10), ...lines.slice(2, 6), '']],
  ])('sees that a whole block %s', async (_, change) => {
    const { isDamaged } = await play([change(RECORDING.split('\n')).join('\n')]);
    expect(isDamaged).toBe(true);
  });

  it('trusts nothing behind its last seal when a line there makes no sense', async () => {
    const text = RECORDING.replace(/\{"seal":("[0-9a-f]+","last")/, '{"sea1":$1');
    const { events, stopped } = await play([text]);
    expect(events).toEqual(EVENTS.slice(0, 3));
    expect(stopped).toMatch(/up to line 6.*\(lines from 7 on came to no seal, and line 10 is no event\)$/);
  });

  it('stops when more follows on its end', async () => {
    const { events, stopped } = await play([`${RECORDING}${formatEvent(tick(9))}\n`]);
    expect(events).toEqual(EVENTS);
    expect(stopped).toMatch(/more follows on its last line/);
  });

  it('stops at packed bytes that are damaged, after what came before', async () => {
    const packed = Buffer.from(gzipSync(RECORDING));
    packed.fill(0xff, packed.length - 40, packed.length - 8);
    const { stopped, isDamaged } = await play([packed]);
    expect(stopped).toMatch(/it is damaged/);
    expect(isDamaged).toBe(true);
  });

  it('without seals stops at the first line that is no event', async () => {
    const [first = '', ...rest] = OLD.split('\n');
    const { events, stopped } = await play([
      [first, ...rest.slice(0, 2), 'pick 1 2 3', ...rest.slice(2)].join('\n'),
    ]);
    expect(events).toEqual(EVENTS.slice(0, 2));
    expect(stopped).toMatch(/up to line 3.*\(line 4 is no event that this version knows\)$/);
  });

  it('with a line without an end stops there', async () => {
    const long = `{"kind":"${'x'.repeat(9 << 20)}"}`;
    const { events, stopped } = await play([`${sealed(blocksOf([EVENTS]), false)}${long}`]);
    expect(events).toEqual(EVENTS);
    expect(stopped).toMatch(/no end in the 8 MB after it/);
  });
});

describe('what is no recording', () => {
  const newer = '{"recording":"reuseport-trace","format":3}';
  it.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'it is empty'],
    ['an empty packed file', gzipSync(''), 'it is empty'],
    ['text', 'hello\nworld\n', 'its first line is not JSON'],
    ['text of one line without an end', 'hello', 'its first line is not JSON'],
    ['a program', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 10, 1, 2), 'its first line is not JSON'],
    ['packed bytes that are damaged', Uint8Array.of(0x1f, 0x8b, 1, 2, 3, 4), 'unknown compression method'],
    ['JSON of another program', textOf('{"version":2,"width":80}'), 'it was not written by reuseport-trace'],
    ['no line end, but JSON', '{"version":2}', 'it was not written by reuseport-trace'],
    ['a recording without its header', textOf(formatEvent(tick(1))), 'it was not written by reuseport-trace'],
    ['a newer one', textOf(newer), 'its format 3 is newer than this version reads (2)'],
  ])('%s', async (_, content, why) => {
    await expect(play([content])).rejects.toMatchObject({
      name: 'UserError',
      message: `cannot replay ${join(folder, 'run0')}: ${why}`,
    });
  });

  it.each([
    ['a file that is not there', 'none', /^cannot replay \S+none: ENOENT/],
    ['a folder', '', /^cannot replay \S+: it is no file$/],
    ['a device', '../../dev/zero', /^cannot replay \S+zero: it is no file$/],
  ])('%s', async (_, name, why) => {
    const options = {
      speed: 1,
      from: null,
      until: null,
      seconds: null,
      signal: new AbortController().signal,
    };
    const path = name === '../../dev/zero' ? '/dev/zero' : join(folder, name);
    await expect(openReplay({ ...options, paths: [path] })).rejects.toThrow(why);
  });
});
