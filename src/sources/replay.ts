// Reads a recording back as the events it holds, at the pace they came or as fast as possible; it trusts no line of it.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createGunzip } from 'node:zlib';
import type { Event } from '../core/event.js';
import { parseEvent, RECORDING_HEADER, readHeader } from '../core/ndjson.js';
import { messageOf, UserError } from '../errors.js';

export type ReplayOptions = {
  readonly path: string;
  /** 1 = as it was, 2 = twice as fast; Infinity = as fast as possible. */
  readonly speed: number;
  /** Ends the replay early. */
  readonly signal: AbortSignal;
};

/** A longer line is no event of ours. */
const MAX_LINE = 1 << 20;
/** As much of a malformed line as is kept. */
const SAMPLE = 200;

/**
 * Yields the recording's events in batches. Lines that are no events are counted as malformed; a file that was cut by a
 * crash yields its whole lines. Throws a UserError when it cannot be read or is no recording of ours.
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<readonly Event[]> {
  const pace = createPace(options);
  let isFirst = true;
  for await (const lines of linesOf(options.path)) {
    const events: Event[] = [];
    let malformed = 0;
    let sample = '';
    for (const line of lines) {
      const event = parseEvent(line);
      if (isFirst) {
        isFirst = false;
        checkHeader(options.path, line);
        if (event === null) continue;
      }
      if (event !== null) events.push(event);
      // The findings and closing objects of `--output ndjson` are no events and no faults: they are found again.
      else if (!/^\{"kind":"(?:member|summary|finding)"/.test(line)) {
        malformed++;
        if (sample === '') sample = line.slice(0, SAMPLE);
      }
    }
    if (malformed > 0)
      events.push({ kind: 'malformed', tsNs: events.at(-1)?.tsNs ?? 0, lines: malformed, sample });
    yield* pace(events);
    if (options.signal.aborted) return;
  }
  if (isFirst) throw new UserError(`cannot replay ${options.path}: it is empty`);
}

const checkHeader = (path: string, line: string): void => {
  const header = readHeader(line);
  if ('why' in header) {
    throw new UserError(`cannot replay ${path}: ${header.why}`, { hint: 'record one with --record FILE' });
  }
  if (header.format > RECORDING_HEADER.format) {
    throw new UserError(
      `cannot replay ${path}: its format ${header.format} is newer than this version reads (${RECORDING_HEADER.format})`,
      { hint: 'install a newer reuseport-trace' },
    );
  }
};

/** Whole lines in batches, unpacked where the file is gzip. */
async function* linesOf(path: string): AsyncGenerator<string[]> {
  let isGzip = false;
  try {
    const file = await open(path);
    const magic = Buffer.alloc(2);
    await file.read(magic, 0, 2, 0);
    await file.close();
    isGzip = magic[0] === 0x1f && magic[1] === 0x8b;
  } catch (error) {
    throw new UserError(`cannot replay ${path}: ${messageOf(error)}`, { cause: error });
  }
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  // A recording cut by a crash has no gzip end: what was flushed is read all the same.
  const bytes = isGzip ? file.pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })) : file;
  const decoder = new TextDecoder();
  let rest = '';
  let hasLines = false;
  try {
    for await (const chunk of bytes) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) {
        // Kept as a short line that parses as nothing, so that it is counted.
        rest = rest.slice(0, 1024);
      }
      if (lines.length > 0) yield lines;
      hasLines ||= lines.length > 0;
    }
    // A last line without its end was cut by a crash, unless it is whole all the same, or all there is.
    if (rest !== '' && (!hasLines || parseEvent(rest) !== null)) yield [rest];
  } catch (error) {
    throw new UserError(`cannot replay ${path} further: ${messageOf(error)}`, { cause: error });
  }
}

/** Holds events back until their time has come, measured from the first one. */
const createPace = ({ speed, signal }: ReplayOptions) => {
  let firstNs: number | null = null;
  const startedMs = performance.now();
  return async function* (events: readonly Event[]): AsyncGenerator<readonly Event[]> {
    if (speed === Number.POSITIVE_INFINITY) {
      if (events.length > 0) yield events;
      return;
    }
    let due: Event[] = [];
    for (const event of events) {
      firstNs ??= event.tsNs;
      const waitMs = startedMs + (event.tsNs - firstNs) / 1e6 / speed - performance.now();
      if (waitMs > 5) {
        if (due.length > 0) yield due;
        due = [];
        // A gap of hours in a hostile file must not be one timer: setTimeout takes 2^31 ms at most.
        await sleep(Math.min(waitMs, 2 ** 30), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
      }
      due.push(event);
    }
    if (due.length > 0) yield due;
  };
};
