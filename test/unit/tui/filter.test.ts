import { describe, expect, it } from 'vitest';
import { matches } from '../../../src/tui/filter.js';

describe('filter', () => {
  it.each([
    ['', ['nginx'], true],
    ['!', ['nginx'], true],
    ['ngi', ['1201', 'nginx'], true],
    ['NGINX', ['nginx'], true],
    ['php', ['nginx'], false],
    ['!php', ['nginx'], true],
    ['!nginx', ['1201', 'nginx'], false],
    ['8888', ['0.0.0.0:8888'], true],
    ['.*', ['nginx'], false],
    ['x', [], false],
  ])('%j against %j is %s', (filter, fields, expected) => {
    expect(matches(filter, () => fields)).toBe(expected);
  });
});
