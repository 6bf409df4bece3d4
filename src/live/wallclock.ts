// Notices when the wall clock has left the monotonic one, which stands still while a computer is suspended; it sets nothing.
import type { ClockEvent } from '../core/event.js';

/** One moment on both clocks. */
export type Both = Pick<ClockEvent, 'tsNs' | 'wallMs'>;

/** Both are disciplined alike, so that they part only where one is set or stands still. */
const STEP_MS = 1000;

/** Says how the clocks stand when that is no longer as it was said last, at `start` or later; else nothing. */
export const createWallClock = (start: Both, now: () => Both): (() => readonly ClockEvent[]) => {
  let said = start;
  return () => {
    const both = now();
    const expected = said.wallMs + (both.tsNs - said.tsNs) / 1e6;
    if (Math.abs(both.wallMs - expected) < STEP_MS) return [];
    said = both;
    return [{ kind: 'clock', ...both }];
  };
};
