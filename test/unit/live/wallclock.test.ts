import { expect, it } from 'vitest';
import { createWallClock } from '../../../src/live/wallclock.js';

it('says the time once when the clocks have parted, and not while they go on together', () => {
  const now = { tsNs: 1e9, wallMs: 50_000 };
  const pass = (monotonicMs: number, wallMs: number): void => {
    now.tsNs += monotonicMs * 1e6;
    now.wallMs += wallMs;
  };
  const clock = createWallClock({ ...now }, () => ({ ...now }));
  pass(60_000, 60_010);
  expect(clock()).toEqual([]);
  // Suspended for an hour.
  pass(1000, 3_601_000);
  expect(clock()).toEqual([{ kind: 'clock', ...now }]);
  pass(1000, 1000);
  expect(clock()).toEqual([]);
  pass(1000, -9000);
  expect(clock()).toEqual([{ kind: 'clock', ...now }]);
});
