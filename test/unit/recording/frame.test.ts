import { describe, expect, it } from 'vitest';
import { formatEvent } from '../../../src/core/wire/json.js';
import {
  formatHeader,
  formatSeal,
  type Header,
  readHeader,
  readSeal,
  SEAL,
} from '../../../src/recording/frame.js';
import { meta } from '../events.js';

const SCOPE = { ports: [80, 443], family: 4, netns: 4_026_531_833, pid: 17 } as const;
const ALL = { ports: [], family: null, netns: null, pid: null };
const OLD = { format: 1, scope: null, run: '', part: 1, preamble: 0 };
const header = (change: object): string =>
  JSON.stringify({
    recording: 'reuseport-trace',
    format: 2,
    run: 'x',
    part: 1,
    preamble: 0,
    scope: ALL,
    ...change,
  });

describe('the first line of a recording', () => {
  it.each<Omit<Header, 'format'>>([
    { scope: ALL, run: '7', part: 1, preamble: 0 },
    { scope: SCOPE, run: 'a-b', part: 3, preamble: 17 },
  ])('comes back as it was', (written) =>
    expect(readHeader(formatHeader(written))).toEqual({ format: 2, ...written }),
  );

  it.each<[string, string, Header]>([
    ['of the format before', '{"recording":"reuseport-trace","format":1}', OLD],
    ['kept from --output ndjson', formatEvent(meta()), OLD],
    [
      'with a scope that makes no sense',
      header({ scope: { ...ALL, family: 5 } }),
      { ...OLD, format: 2, run: 'x' },
    ],
    [
      'with ports that are none',
      header({ scope: { ...ALL, ports: ['80'] } }),
      { ...OLD, format: 2, run: 'x' },
    ],
  ])('may be one %s', (_, line, read) => expect(readHeader(line)).toEqual(read));

  it.each<[string, string, string]>([
    ['of a newer version', header({ format: 3 }), 'its format 3 is newer than this version reads (2)'],
    ['empty', '', 'its first line is not JSON'],
    ['binary', '\u0000\u0001', 'its first line is not JSON'],
    ['a list', '[]', 'its first line is not JSON'],
    ['of another program', '{"recording":"asciinema","format":1}', 'it was not written by reuseport-trace'],
    ['any object', '{}', 'it was not written by reuseport-trace'],
    ['a broken meta', '{"kind":"meta"}', 'it was not written by reuseport-trace'],
    ['without a format', '{"recording":"reuseport-trace"}', 'its header names no format'],
    ['of format zero', header({ format: 0 }), 'its header names no format'],
    ['of a format in words', header({ format: '2' }), 'its header names no format'],
    ['of half a format', header({ format: 1.5 }), 'its header names no format'],
    ['endless', '{"recording":"reuseport-trace","format":1e400}', 'its header names no format'],
    ['without its part', header({ part: 0 }), 'its header lacks what format 2 needs'],
    ['without its run', header({ run: null }), 'its header lacks what format 2 needs'],
    [
      'with a preamble of less than nothing',
      header({ preamble: -1 }),
      'its header lacks what format 2 needs',
    ],
  ])('is refused when it is %s', (_, line, why) =>
    expect(readHeader(line)).toEqual({ why, hint: expect.any(String) }),
  );
});

describe('a seal', () => {
  it('is a line that no event can be', () => {
    expect(formatSeal(0xbeef, false)).toBe('{"seal":"0000beef"}');
    expect(formatSeal(0, true)).toBe('{"seal":"00000000","last":true}');
    const forger = formatEvent({ ...meta(), host: `\n${SEAL}"0000beef"}\n` });
    expect(forger).not.toContain(SEAL);
    expect(forger).not.toContain('\n');
  });

  it('fits the bytes it was made for and no others', () => {
    expect(readSeal(formatSeal(17, false), 17)).toEqual({ isLast: false });
    expect(readSeal(formatSeal(17, true), 17)).toEqual({ isLast: true });
    expect(readSeal(formatSeal(17, true), 18)).toBeNull();
    expect(readSeal('{"seal":17}', 17)).toBeNull();
    expect(readSeal('{"seal":', 17)).toBeNull();
  });
});
