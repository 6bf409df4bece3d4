// Recordings as text for tests: events with their header and seals, as the recorder writes them.
import { crc32 } from 'node:zlib';
import type { Event } from '../../../src/core/event.js';
import { formatEvent } from '../../../src/core/ndjson.js';
import { formatHeader, formatSeal, type Header } from '../../../src/core/recording.js';

/** Each line with its end. */
export const textOf = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

export const HEADER: Omit<Header, 'format'> = { scope: null, run: 'run', part: 1, preamble: 0 };

/** A block of lines and its seal. */
export const sealed = (lines: readonly string[], isLast = false): string => {
  const block = textOf(...lines);
  return `${block}${formatSeal(crc32(block), isLast)}\n`;
};

/** A recording of blocks of events that was ended in order. */
export const recordingOf = (
  blocks: readonly (readonly Event[])[],
  header: Partial<typeof HEADER> = {},
): string =>
  [
    sealed([formatHeader({ ...HEADER, ...header })]),
    ...blocks.map((events, i) => sealed(events.map(formatEvent), i === blocks.length - 1)),
  ].join('');
