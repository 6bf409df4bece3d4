import { expect, it } from 'vitest';
import { clockOf, wallOf } from '../../../../src/core/state/clock.js';
import { preamble } from '../../../../src/recording/preamble.js';
import { at, meta, socket, stateOf, tick } from '../../events.js';

const HOUR_MS = 3.6e6;
const start = meta().wallMs;
/** Suspended for two hours at second 10, of which the monotonic clock knows nothing, and set back by one at second 20. */
const jumps = [
  { kind: 'clock', tsNs: at(10), wallMs: start + 10_000 + 2 * HOUR_MS },
  { kind: 'clock', tsNs: at(20), wallMs: start + 20_000 + HOUR_MS },
] as const;

it.each([
  [5, 5000],
  [10, 10_000 + 2 * HOUR_MS],
  [19, 19_000 + 2 * HOUR_MS],
  [25, 25_000 + HOUR_MS],
])('second %d has the time of day of its own stretch of the clock', (seconds, sinceStartMs) => {
  const state = stateOf([meta(), ...jumps, tick(30)]);
  expect(wallOf(state, at(seconds))).toBe(start + sinceStartMs);
  const part = stateOf(preamble(stateOf([meta(), socket(1), ...jumps, tick(30)])) ?? []);
  expect(wallOf(part, at(seconds))).toBe(start + sinceStartMs);
});

it('is unknown before anybody said it', () => expect(clockOf(stateOf([tick(1)]), at(1))).toBeNull());

it('remembers a bounded number of jumps, the last ones', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({ kind: 'clock', tsNs: at(i), wallMs: i }) as const);
  const { clocks } = stateOf([meta(), ...many]);
  expect(clocks.length).toBeLessThanOrEqual(64);
  expect(clocks.at(-1)).toEqual(many.at(-1));
});
