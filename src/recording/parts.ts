// Reads the events of one run from the parts of its recording, one after the other, and says where they end too soon; it trusts no line.
import type { Event, MetaEvent } from '../core/event.js';
import type { Scope } from '../core/state/state.js';
import { formatClock } from '../core/text/format.js';
import { parseEvent } from '../core/wire/json.js';
import { UserError } from '../errors.js';
import { openRecording, type Recording, type Stop } from './blocks.js';

export type Batch = {
  readonly events: readonly Event[];
  /** They only bring a State to where the first part begins. */
  readonly isPreamble: boolean;
};

export type Parts = {
  /** What the recorded run was asked to show; null = not said. */
  readonly scope: Scope | null;
  readonly batches: AsyncIterable<Batch>;
  /** The newest meta event read so far. */
  readonly meta: () => MetaEvent | null;
  /** Part of the files that has been read, 0 to 1. */
  readonly progress: () => number;
  /** Where and why the events ended before the recording did; null = they did not. */
  readonly stopped: () => Stopped | null;
};

export type Stopped = {
  /** One sentence with the file, the line and the time of day. */
  readonly text: string;
  /** The same in few words. */
  readonly notice: string;
  readonly isDamaged: boolean;
};

/** Opens the parts of one run, oldest first. Throws a UserError when one is none, or is not the next one. */
export const openParts = async (paths: readonly string[]): Promise<Parts> => {
  const parts: Recording[] = [];
  const run: Run = { meta: null, newestNs: 0, stopped: null };
  try {
    for (const path of paths) parts.push(await openRecording(path));
    parts.reduce(checkNext);
  } catch (error) {
    for (const { close } of parts) close();
    throw error;
  }
  return {
    scope: parts[0]?.header.scope ?? null,
    batches: batchesOf(parts, run),
    meta: () => run.meta,
    progress: () => parts.reduce((sum, part) => sum + part.progress(), 0) / parts.length,
    stopped: () => run.stopped,
  };
};

const checkNext = (before: Recording, part: Recording): Recording => {
  const isNext = part.header.run === before.header.run && part.header.part === before.header.part + 1;
  if (isNext && part.header.run !== '') return part;
  throw new UserError(
    `cannot replay ${part.path} after ${before.path}: it is not the next part of that run`,
    {
      hint: 'name the parts from the oldest to the newest: FILE.2 FILE.1 FILE',
    },
  );
};

type Run = { meta: MetaEvent | null; newestNs: number; stopped: Stopped | null };

async function* batchesOf(parts: readonly Recording[], run: Run): AsyncGenerator<Batch> {
  try {
    for (const [index, part] of parts.entries()) {
      // What brings a State to the beginning of a part is there already when the part before it was read.
      for await (const batch of batchesIn(part, run)) if (index === 0 || !batch.isPreamble) yield batch;
      if (run.stopped !== null) return;
    }
  } finally {
    for (const { close } of parts) close();
  }
}

async function* batchesIn(part: Recording, run: Run): AsyncGenerator<Batch> {
  let toSkip = part.header.preamble;
  for (;;) {
    const next = await part.blocks.next();
    if (next.done === true) {
      if (next.value !== null) run.stopped = stoppedAt(part, run, next.value);
      return;
    }
    const { first, lines, isTail } = next.value;
    const events: Event[] = [];
    let bad = -1;
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] ?? '';
      const event = parseEvent(line);
      if (event !== null) {
        events.push(event);
        if (event.kind === 'meta') run.meta = event;
        else if (event.kind === 'clock' && run.meta !== null)
          run.meta = { ...run.meta, tsNs: event.tsNs, wallMs: event.wallMs };
      } else if (!isPassedOver(line, first + i)) {
        bad = i;
        break;
      }
    }
    if (bad >= 0 && isTail) {
      const why = `lines from ${first} on came to no seal, and line ${first + bad} is no event`;
      run.stopped = stoppedAt(part, run, { line: first - 1, how: 'damaged', why });
      return;
    }
    const preamble = events.splice(0, Math.min(toSkip, events.length));
    toSkip -= preamble.length;
    if (preamble.length > 0) yield { events: preamble, isPreamble: true };
    if (events.length > 0) {
      run.newestNs = events[events.length - 1]?.tsNs ?? run.newestNs;
      yield { events, isPreamble: false };
    }
    if (bad < 0) continue;
    const why = `line ${first + bad} is no event that this version knows`;
    run.stopped = stoppedAt(part, run, { line: first + bad - 1, how: 'damaged', why });
    return;
  }
}

/** The first line, and what `--output ndjson` prints beside events: findings and sums are found again. */
const isPassedOver = (line: string, number: number): boolean =>
  number === 1 || /^\{"kind":"(?:member|summary|finding)"/.test(line);

const stoppedAt = (part: Recording, { meta, newestNs }: Run, { line, how, why }: Stop): Stopped => {
  const clock = meta === null || newestNs === 0 ? '' : `, ${clockOf(meta, newestNs)}`;
  const where = `${part.path} was read up to line ${line}${clock}`;
  return how === 'cut'
    ? {
        text: `${where}: it was cut there, as by a crash or a full disk`,
        notice: `The recording was cut here, at line ${line}.`,
        isDamaged: false,
      }
    : {
        text: `${where}: it is damaged (${why})`,
        notice: `The recording is damaged behind this, from line ${line + 1} on.`,
        isDamaged: true,
      };
};

const clockOf = (meta: MetaEvent, tsNs: number): string =>
  formatClock(meta.wallMs + (tsNs - meta.tsNs) / 1e6);
