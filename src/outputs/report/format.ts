// How a report writes numbers, times and names: exact, for a report is quoted; the same in HTML and in Markdown.

import { wallOf } from '../../core/state/clock.js';
import type { State } from '../../core/state/state.js';
import { clean } from '../../core/text/format.js';
import { exact } from '../../members/cells.js';
import { nameParts } from '../../members/heading.js';

/** `27.5%` of 0.275. */
export const percent = (part: number): string => `${(100 * part).toFixed(1)}%`;

/** `1.25x`. */
export const times = (ratio: number): string => `${ratio.toFixed(2)}x`;

/** `3 listeners`, `1 listener`. */
export const plural = (count: number, noun: string, many = `${noun}s`): string =>
  `${exact(count)} ${count === 1 ? noun : many}`;

/** `tcp4 127.0.0.1:8889`, with its network namespace where that is not the host's. */
export const nameOf = (state: State, at: Parameters<typeof nameParts>[1]): string =>
  nameParts(state, at).join(' ');

/** `pid 4711 nginx`; `-` when nobody is known. */
export const whoText = (who: { readonly pid: number; readonly comm: string } | null): string =>
  who === null ? '-' : `pid ${who.pid} ${clean(who.comm)}`;

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-23`, local time. */
export const dateOf = (wallMs: number): string => {
  const date = new Date(wallMs);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
};

/** `03:12:45`, local time; `-` without a wall clock. */
export const clockAt = (state: State, tsNs: number): string => {
  const wallMs = wallOf(state, tsNs);
  if (wallMs === null) return '-';
  const date = new Date(wallMs);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
};

/** `UTC`, `UTC+01:00`: the zone in which a time is written. */
export const zoneOf = (wallMs: number): string => {
  const minutes = -new Date(wallMs).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}`;
};
