import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clean,
  formatClock,
  formatCount,
  formatDuration,
  formatElapsed,
  formatRate,
  formatWait,
} from '../../../../src/core/text/format.js';

describe('numbers', () => {
  it.each([
    [null, '-'],
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [12.6, '13'],
    [999_999, '999,999'],
    [1_000_000, '1.0M'],
    [184_201_000, '184.2M'],
    [3_400_000_000, '3.4G'],
  ])('the count %s is %s', (value, text) => expect(formatCount(value)).toBe(text));

  it.each([
    [null, '-'],
    [0, '0'],
    [0.25, '0.3'],
    [9.94, '9.9'],
    [10, '10'],
    [1842.4, '1,842'],
  ])('the rate %s is %s', (value, text) => expect(formatRate(value)).toBe(text));
});

describe('times', () => {
  it.each([
    [null, '-'],
    [0, '0.0ms'],
    [340_000, '0.3ms'],
    [48e6, '48.0ms'],
    [3.2e9, '3.2s'],
    [60e9, '60 s'],
    [720e9, '12 min'],
  ])('the wait %s is %s', (ns, text) => expect(formatWait(ns)).toBe(text));

  it.each([
    [0, '0 s'],
    [119.9e9, '119 s'],
    [120e9, '2 min'],
    [7199e9, '119 min'],
    [7200e9, '2 h'],
  ])('the age %s is %s', (ns, text) => expect(formatDuration(ns)).toBe(text));

  it.each([
    [-5, '00:00:00'],
    [192e9, '00:03:12'],
    [360_000e9, '100:00:00'],
  ])('the elapsed %s is %s', (ns, text) => expect(formatElapsed(ns)).toBe(text));

  it('writes the local time of day, with milliseconds or without', () => {
    const wallMs = new Date(2026, 10, 3, 14, 3, 7, 42).getTime();
    expect([formatClock(wallMs), formatClock(wallMs, false)]).toEqual(['14:03:07.042', '14:03:07']);
  });
});

describe('strings that a stranger chose', () => {
  it.each([
    // Markup of the screen library is left as it is: it is drawn with tags off.
    ['tags', '{red-bg}x{/red-bg}', '{red-bg}x{/red-bg}'],
    ['an unclosed tag', '{bold}', '{bold}'],
    ['its escapes', '{open}{close}', '{open}{close}'],
    ['its filler', '{|}', '{|}'],
    ['plain names', 'nginx: worker', 'nginx: worker'],
    ['other scripts', 'größer 日本 \u{1f600}', 'größer 日本 \u{1f600}'],
    ['colours', '\u001b[31mx', '?[31mx'],
    ['clearing the screen', '\u001b[2J', '?[2J'],
    ['the title', '\u001b]0;x\u0007', '?]0;x?'],
    ['the clipboard', '\u001b]52;c;eA==\u001b\\', '?]52;c;eA==?\\'],
    ['the other screen', '\u001b[?1049l', '?[?1049l'],
    ['a full reset', '\u001bc', '?c'],
    ['an eight-bit CSI', '\u009b31m', '?31m'],
    ['an eight-bit OSC', '\u009d0;x\u009c', '?0;x?'],
    ['a carriage return', 'a\rb', 'a?b'],
    ['a line feed', 'a\nb', 'a?b'],
    ['a tab', 'a\tb', 'a?b'],
    ['a vertical tab and form feed', '\u000b\u000c', '??'],
    ['a bell', '\u0007', '?'],
    ['NUL', 'a\0b', 'a?b'],
    ['a backspace', 'ab\b', 'ab?'],
    ['shift out', '\u000ex\u000f', '?x?'],
    ['delete', '\u007f', '?'],
    ['next line', '\u0085', '?'],
    ['zero width', 'a\u200bb\u200d\u2060\ufeff', 'a?b???'],
    ['a soft hyphen', 'a\u00adb', 'a?b'],
    ['right to left override', '\u202egpj.exe\u202c', '?gpj.exe?'],
    ['isolates', '\u2066x\u2069', '?x?'],
    ['an Arabic letter mark', '\u061cx', '?x'],
    ['line and paragraph separators', '\u2028\u2029', '??'],
    ['tag characters', 'a\u{e0041}b', 'a?b'],
    ['a lone surrogate', 'a\ud800b', 'a?b'],
    ['what was not UTF-8', 'a\ufffd', 'a?'],
  ])('%s', (_, text, cleaned) => expect(clean(text)).toBe(cleaned));

  it('leaves nothing that moves a cursor or has no width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(clean(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(clean(clean(text))).toBe(clean(text));
      }),
    );
  });
});
