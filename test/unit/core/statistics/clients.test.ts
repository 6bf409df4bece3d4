import { describe, expect, it } from 'vitest';
import { CLIENT_BITS, estimateClients, formatClients } from '../../../../src/core/statistics/clients.js';

describe('the estimate of clients', () => {
  // 1024 ln(1024 / (1024 - set)), by hand: ln 2, ln 32.
  it.each([
    [0, 0],
    [1, 1],
    [100, 105],
    [512, 710],
    [992, 3549],
  ])('%i bits are about %i clients', (set, about) => {
    expect(estimateClients(set)).toMatchObject({ about, isMore: false });
  });

  it('says its standard error: at a load of 1, sqrt(m (e - 2))', () => {
    const set = CLIENT_BITS * (1 - 1 / Math.E);
    expect(estimateClients(set).error).toBeCloseTo(Math.sqrt(CLIENT_BITS * (Math.E - 2)), 6);
  });

  it('is a lower bound when nearly all bits are set', () => {
    expect(formatClients(estimateClients(CLIENT_BITS))).toBe('>4,968');
  });

  it('is a number, or not known', () => {
    expect([1, 992].map((set) => formatClients(estimateClients(set)))).toEqual(['1', '3,549']);
    expect(formatClients(null)).toBe('-');
  });
});
