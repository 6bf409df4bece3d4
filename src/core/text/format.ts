// How numbers, times and outside strings are written for people; `-` is what is not known, never 0.

/** Thousands with commas up to 999,999, then 1.2M, 3.4G; null is `-`. */
export const formatCount = (value: number | null): string => {
  if (value === null) return '-';
  if (Math.abs(value) < 1e6) return Math.round(value).toLocaleString('en-US');
  return value < 1e9 ? `${(value / 1e6).toFixed(1)}M` : `${(value / 1e9).toFixed(1)}G`;
};

/** Bytes in binary units, three figures: `768`, `12K`, `208K`, `1.5M`; null is `-`. */
export const formatBytes = (value: number | null): string => {
  if (value === null) return '-';
  if (value < 1000) return String(value);
  const kilo = value / 1024;
  if (kilo < 999.5) return `${kilo < 9.95 ? kilo.toFixed(1) : Math.round(kilo)}K`;
  return `${(kilo / 1024).toFixed(1)}M`;
};

/** Per second: no decimals from 10 on. */
export const formatRate = (perSecond: number | null): string => {
  if (perSecond === null) return '-';
  if (perSecond === 0) return '0';
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond);
};

/** 0.3ms, 48.0ms, 3.2s, 12m: three figures at most are read. */
export const formatWait = (ns: number | null): string => {
  if (ns === null) return '-';
  if (ns < 1e9) return `${(ns / 1e6).toFixed(1)}ms`;
  return ns < 60e9 ? `${(ns / 1e9).toFixed(1)}s` : formatDuration(ns);
};

/** `42 s`, `3 min`, `2 h`: an age in words. */
export const formatDuration = (ns: number): string => {
  const seconds = Math.floor(ns / 1e9);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
};

/** hh:mm:ss of a run. */
export const formatElapsed = (ns: number): string => {
  const seconds = Math.max(0, Math.floor(ns / 1e9));
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
};

/** Time of day, local, HH:MM:SS.mmm (or without milliseconds), of milliseconds since 1970. */
export const formatClock = (wallMs: number, withMillis = true): string => {
  const date = new Date(wallMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMillis ? `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}` : clock;
};

/**
 * A string that a stranger chose (comm, command line, path), made safe for a terminal: control and format characters
 * (C0, DEL, C1, zero-width, bidirectional, tags), line separators and what is no character become `?`. A process name
 * can hold any of them (prctl PR_SET_NAME).
 */
export const clean = (text: string): string => text.replace(UNSAFE, '?');

/** The characters that clean() replaces. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\ufff9-\ufffd]/gu;
