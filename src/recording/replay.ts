// Replays a recording: from where and until when one wants, at the pace it came or faster; it reads no file.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '../core/event.js';
import type { Scope } from '../core/state/state.js';
import { type Moment, momentNs } from '../core/text/moment.js';
import { UserError } from '../errors.js';
import { openParts, type Parts, type Stopped } from './parts.js';

export type ReplayOptions = {
  /** Parts of one run, oldest first. */
  readonly paths: readonly string[];
  /** 1 = as it was, 2 = twice as fast; Infinity = as fast as possible. */
  readonly speed: number;
  /** null = from its start. What comes before is not shown, but counts. */
  readonly from: Moment | null;
  /** null = to its end. */
  readonly until: Moment | null;
  /** Longest time to show, in seconds from there; null = no limit. */
  readonly seconds: number | null;
  /** Ends the replay early. */
  readonly signal: AbortSignal;
};

export type Replay = {
  /** What the recorded run was asked to show; null = not said. */
  readonly scope: Scope | null;
  /** Throws a UserError when there is nothing in the time that was asked for. */
  readonly events: AsyncIterable<readonly Event[]>;
  /** The batch that came last only brings State to where the replay begins. */
  readonly isCatchingUp: () => boolean;
  /** Part of the files that has been read, 0 to 1. */
  readonly progress: () => number;
  /** Where and why it ended before the recording did, as a sentence; null = it did not. */
  readonly stopped: () => Stopped | null;
};

/** Opens a recording. Throws a UserError when it cannot be read or is no recording of ours. */
export const openReplay = async (options: ReplayOptions): Promise<Replay> => {
  const parts = await openParts(options.paths);
  const phase = { isCatchingUp: false };
  return {
    scope: parts.scope,
    events: play(parts, options, phase),
    isCatchingUp: () => phase.isCatchingUp,
    progress: parts.progress,
    stopped: parts.stopped,
  };
};

async function* play(
  parts: Parts,
  options: ReplayOptions,
  phase: { isCatchingUp: boolean },
): AsyncGenerator<readonly Event[]> {
  const pace = createPace(options);
  let range: Range | null = null;
  for await (const { events, isPreamble } of parts.batches) {
    if (options.signal.aborted) return;
    const [first] = events;
    if (first === undefined) continue;
    if (!isPreamble) range ??= rangeOf(options, parts, first);
    const [from, until] =
      isPreamble || range === null ? [events.length, events.length] : cutOut(range, events);
    if (from > 0) {
      phase.isCatchingUp = true;
      yield events.slice(0, from);
    }
    phase.isCatchingUp = from === events.length;
    if (until > from) yield* pace(from === 0 && until === events.length ? events : events.slice(from, until));
    if (until < events.length) break;
  }
  if (range !== null && !range.isInside) throw nothingThere(options, 'begins after its end');
}

/** On the clock of the events. */
type Range = { readonly fromNs: number; readonly untilNs: number; isInside: boolean };

const rangeOf = (options: ReplayOptions, parts: Parts, first: Event): Range => {
  const meta = parts.meta();
  const wallMs = meta === null ? Number.NaN : meta.wallMs + (first.tsNs - meta.tsNs) / 1e6;
  const start = { tsNs: first.tsNs, wallMs };
  const [fromNs, endNs] = [options.from, options.until].map((moment) => moment && momentNs(moment, start));
  if (Number.isNaN(fromNs) || Number.isNaN(endNs))
    throw nothingThere(options, 'needs a time of day, which the recording does not tell');
  const lastNs = (fromNs ?? first.tsNs) + (options.seconds ?? Number.POSITIVE_INFINITY) * 1e9;
  const untilNs = Math.min(endNs ?? Number.POSITIVE_INFINITY, lastNs);
  if (untilNs < Math.max(fromNs ?? first.tsNs, first.tsNs))
    throw nothingThere(options, 'ends before it begins');
  return { fromNs: fromNs ?? Number.NEGATIVE_INFINITY, untilNs, isInside: false };
};

/** Positions of the first event to show and of the first one after the last: single ones may be out of order by a little. */
const cutOut = (range: Range, events: readonly Event[]): [from: number, until: number] => {
  let from = 0;
  if (!range.isInside) {
    while (from < events.length && (events[from]?.tsNs ?? 0) < range.fromNs) from++;
    range.isInside = from < events.length;
  }
  if (range.untilNs === Number.POSITIVE_INFINITY) return [from, events.length];
  let until = from;
  while (until < events.length && (events[until]?.tsNs ?? 0) <= range.untilNs) until++;
  return [from, until];
};

const nothingThere = ({ paths }: ReplayOptions, why: string): UserError =>
  new UserError(`cannot replay that time of ${paths.join(' ')}: it ${why}`, {
    hint: '--from and --until take seconds from the start (90, 1h30m) or a time of day (03:12)',
  });

/** Holds events back until their time has come, measured from the first one that is shown. */
const createPace = ({ speed, signal }: ReplayOptions) => {
  let first: { readonly tsNs: number; readonly atMs: number } | null = null;
  return async function* (events: readonly Event[]): AsyncGenerator<readonly Event[]> {
    if (speed === Number.POSITIVE_INFINITY) {
      yield events;
      return;
    }
    let due: Event[] = [];
    for (const event of events) {
      first ??= { tsNs: event.tsNs, atMs: performance.now() };
      const waitMs = first.atMs + (event.tsNs - first.tsNs) / 1e6 / speed - performance.now();
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
