// A moment of a recording as people write it: seconds from its start, or a time of day; it knows no recording.

/** What was written: so long after the start, a time of day (of the day of the start or the next), or a date and time. */
export type Moment =
  | { readonly kind: 'after'; readonly ns: number }
  /** Milliseconds since midnight, local time, as the outputs print it. */
  | { readonly kind: 'clock'; readonly ms: number }
  | { readonly kind: 'date'; readonly wallMs: number };

/** `90`, `+1.5`, `90s`, `1h2m3s`; `03:12`, `03:12:45.5`; `2026-11-23 03:12`, with `Z` or `+01:00`; null = none of these. */
export const parseMoment = (text: string): Moment | null => {
  if (/^\+?\d+(?:\.\d+)?$/.test(text)) return { kind: 'after', ns: Number(text) * 1e9 };
  const parts = /^\+?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  if (parts !== null && /\d/.test(text)) {
    const [hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
    return { kind: 'after', ns: (hours * 3600 + minutes * 60 + seconds) * 1e9 };
  }
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d{1,9})?))?$/.exec(text);
  if (clock !== null) {
    const [hours = 0, minutes = 0, seconds = 0] = clock.slice(1).map((part) => Number(part ?? 0));
    return { kind: 'clock', ms: (hours * 3600 + minutes * 60 + seconds) * 1000 };
  }
  const date = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  // Without a zone the language takes a date with a time as local.
  const wallMs = date === null ? Number.NaN : Date.parse(`${date[1]}T${date[2]}${date[3] ?? ''}`);
  return Number.isNaN(wallMs) ? null : { kind: 'date', wallMs };
};

/** The start of a recording on both clocks. */
export type Start = { readonly tsNs: number; readonly wallMs: number };

/** A time of day up to this long before the start is taken for the start's day: `--from 03:12` of one begun at 03:12:40. */
const BEFORE_MS = 3_600_000;

/** The moment on the clock of the events, in nanoseconds. A time of day is the first one from an hour before the start on. */
export const momentNs = (moment: Moment, start: Start): number => {
  switch (moment.kind) {
    case 'after':
      return start.tsNs + moment.ns;
    case 'date':
      return start.tsNs + (moment.wallMs - start.wallMs) * 1e6;
    case 'clock': {
      const day = new Date(start.wallMs);
      if (day.setHours(0, 0, 0, moment.ms) < start.wallMs - BEFORE_MS) day.setDate(day.getDate() + 1);
      const wallMs = day.getTime();
      return start.tsNs + (wallMs - start.wallMs) * 1e6;
    }
  }
};
