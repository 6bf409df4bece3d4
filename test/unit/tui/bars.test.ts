import { describe, expect, it } from 'vitest';
import { addUp, bar, markedBar, sparkline } from '../../../src/tui/bars.js';

describe('bars', () => {
  it.each([
    [0, 1, 4, '    '],
    [1, 1, 4, '████'],
    [0.5, 1, 4, '██  '],
    [5, 8, 1, '▋'],
    [2, 1, 3, '███'],
    [1, 0, 3, '   '],
    [1, 1, 0, ''],
    [-1, 1, 2, '  '],
  ])('draws %d of %d in %i cells', (part, whole, width, expected) => {
    expect(bar(part, whole, width)).toBe(expected);
  });

  it('marks the fair share and covers the mark with a bar that goes past it', () => {
    expect(markedBar(0.25, 0.5, 1, 8)).toBe('██  │   ');
    expect(markedBar(0.75, 0.5, 1, 8)).toBe('██████  ');
    expect(markedBar(0, 1, 1, 4)).toBe('   │');
  });

  it('scales a sparkline to its largest value and shows the newest', () => {
    expect(sparkline([0, 4, 8], 3)).toBe('▁▄█');
    expect(sparkline([9, 1, 1], 2)).toBe('██');
    expect(sparkline([0, 0], 2)).toBe('▁▁');
    expect(sparkline([1], 3)).toBe('  █');
    expect(sparkline([], 3)).toBe('   ');
    expect(sparkline([1, 2], 0)).toBe('');
  });

  it('adds histories up from their newest end', () => {
    expect(addUp([[1, 2, 3], [10]])).toEqual([1, 2, 13]);
    expect(addUp([])).toEqual([]);
  });
});
