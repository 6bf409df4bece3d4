import { describe, expect, it } from 'vitest';
import {
  cells,
  cut,
  cutLine,
  cutMiddle,
  fillLine,
  fitTo,
  line,
  percent,
  span,
  spread,
  widthOf,
  wrap,
} from '../../../src/tui/text.js';

describe('text', () => {
  it.each([
    ['nginx', 'nginx'],
    ['php-fpm: pool www', 'php-fpm: pool www'],
    ['zażółć Ωмега', 'zażółć Ωмега'],
    ['日本', '??'],
    ['🙂x', '?x'],
    ['e\u0301', 'e?'],
    ['\u202eabc', '?abc'],
    ['a\u001b[31mb', 'a?[31mb'],
    ['\u009b31m', '?31m'],
    ['a\r\nb\tc\u0007', 'a??b?c?'],
    ['{red-fg}x{/}', '{red-fg}x{/}'],
    ['שלום', '????'],
  ])('shows %j as %j, one cell for each character', (from, to) => {
    expect(cells(from)).toBe(to);
  });

  it('pads and cuts to exact cells', () => {
    expect(fitTo('abc', 5)).toBe('abc  ');
    expect(fitTo('abc', 5, 'right')).toBe('  abc');
    expect(fitTo('abcdef', 4)).toBe('abc…');
    expect(fitTo('abcdef', 0)).toBe('');
    expect(cut('abc', 3)).toBe('abc');
  });

  it.each([
    ['0.0.0.0:8888', 20, '0.0.0.0:8888'],
    [
      '[2001:db8:85a3::8a2e:370:7334]:8443',
      20,
      '[2001:db8…0:7334]:8443'.slice(0, 9) + '…370:7334]:8443'.slice(-10),
    ],
    ['abcdef', 3, 'ab…'],
  ])('keeps both ends of the address %s in %i cells', (address, width, expected) => {
    const short = cutMiddle(address, width);
    expect(short.length).toBeLessThanOrEqual(width);
    if (address.length <= width || width < 5) expect(short).toBe(expected);
    else expect(short.endsWith(':8443') && short.startsWith('[2001')).toBe(true);
  });

  it('keeps the whole port even where an address gets six cells', () => {
    expect(cutMiddle('255.255.255.255:65535', 8)).toBe('2…:65535');
  });

  it('cuts and fills a row of several spans', () => {
    const row = [span('abc'), span('def', { bold: true })];
    expect(cutLine(row, 5)).toEqual([span('abc'), span('d…', { bold: true })]);
    expect(widthOf(fillLine(row, 10))).toBe(10);
    expect(widthOf(fillLine(row, 4))).toBe(4);
  });

  it('puts two parts at the two edges and lets the left one give way', () => {
    expect(
      spread(line('left'), line('right'), 12)
        .map(({ text }) => text)
        .join(''),
    ).toBe('left   right');
    const tight = spread(line('a long left part'), line('right'), 12);
    expect(widthOf(tight)).toBe(12);
    expect(tight.at(-1)?.text).toBe('right');
  });

  it('wraps at spaces, and inside words that are too long', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(wrap('', 5)).toEqual([]);
  });

  it.each([
    [0.125, '12.5'],
    [0.00333, '0.33'],
    [0, '0.00'],
    [1, '100.0'],
  ])('writes %d as %s percent', (fraction, text) => {
    expect(percent(fraction)).toBe(text);
  });
});
