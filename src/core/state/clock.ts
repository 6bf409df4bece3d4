// What time of day it was at a moment of the events; it reads no clock.
import type { ClockEvent } from '../event.js';
import { formatClock } from '../text/format.js';
import type { State } from './state.js';

/** Times at which the wall clock jumped; the oldest go when somebody suspends for ever. */
const JUMPS_KEPT = 64;

/** The wall clock jumped. */
export const onClock = ({ clocks }: State, event: ClockEvent): void => {
  clocks.push(event);
  if (clocks.length > JUMPS_KEPT) clocks.shift();
};

/** Milliseconds since 1970 at a time of the events; null without a wall clock. */
export const wallOf = ({ meta, clocks }: Pick<State, 'meta' | 'clocks'>, tsNs: number): number | null => {
  if (meta === null) return null;
  const { tsNs: fromNs, wallMs } = clocks.findLast((clock) => clock.tsNs <= tsNs) ?? meta;
  return wallMs + (tsNs - fromNs) / 1e6;
};

/** `03:12:45.678`, local time of day; null without a wall clock. */
export const clockOf = (
  state: Pick<State, 'meta' | 'clocks'>,
  tsNs: number,
  withMillis = true,
): string | null => {
  const wallMs = wallOf(state, tsNs);
  return wallMs === null ? null : formatClock(wallMs, withMillis);
};

/** Time of day of an event, 12 columns wide; `-` without a wall clock. */
export const clockText = (state: State, tsNs: number): string => clockOf(state, tsNs) ?? '-'.padEnd(12);
