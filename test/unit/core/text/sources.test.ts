import { describe, expect, it } from 'vitest';
import { parseSources } from '../../../../src/core/text/sources.js';

describe('parseSources', () => {
  it.each([
    ['10.0.0.7', '10.0.0.7', 32_768, 60_999],
    ['10.0.0.7:40012', '10.0.0.7', 40_012, 40_012],
    ['10.0.0.7:40000-40999', '10.0.0.7', 40_000, 40_999],
    ['10.0.0.7:1-65535', '10.0.0.7', 1, 65_535],
    ['fd00::7', 'fd00::7', 32_768, 60_999],
    ['[fd00::7]:40012', 'fd00::7', 40_012, 40_012],
  ])('reads %s', (text, raddr, from, to) => {
    expect(parseSources(text)).toEqual({ text, raddr, from, to });
  });

  it.each([
    '',
    'x',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.7:0',
    '10.0.0.7:65536',
    '10.0.0.7:2-1',
    '10.0.0.7:1-2-3',
    '10.0.0.7:-',
    '8888',
  ])('refuses %s', (text) => {
    expect(parseSources(text)).toBeNull();
  });
});
