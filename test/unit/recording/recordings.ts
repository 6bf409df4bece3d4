// Recordings as text for tests: events with their header and seals, as the recorder writes them.
import { crc32 } from 'node:zlib';
import type { Event } from '../../../src/core/event.js';
import { formatEvent } from '../../../src/core/wire/json.js';
import { formatHeader, formatSeal, type Header } from '../../../src/recording/frame.js';

/** Each line with its end. */
export const textOf = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

export const HEADER: Omit<Header, 'format'> = { scope: null, run: 'run', part: 1, preamble: 0 };

/** Blocks of lines, each with its seal. */
export const sealed = (blocks: readonly (readonly string[])[], isEnded = true): string => {
  let sum = 0;
  return blocks
    .map((lines, i) => {
      const block = textOf(...lines);
      sum = crc32(block, sum);
      return `${block}${formatSeal(sum, isEnded && i === blocks.length - 1)}\n`;
    })
    .join('');
};

/** The lines of a recording of blocks of events. */
export const blocksOf = (
  blocks: readonly (readonly Event[])[],
  header: Partial<typeof HEADER> = {},
): string[][] => [
  [formatHeader({ ...HEADER, ...header })],
  ...blocks.map((events) => events.map(formatEvent)),
];

/** A recording of blocks of events that was ended in order. */
export const recordingOf = (
  blocks: readonly (readonly Event[])[],
  header: Partial<typeof HEADER> = {},
): string => sealed(blocksOf(blocks, header));
