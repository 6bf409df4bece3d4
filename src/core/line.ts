// Turns bpftrace's lines into Events by the wire contract of probes/README.md; a line that is not of it is counted, never thrown.
import type { Counter, Event, Proto } from './event.js';

const COUNTERS: Record<string, Counter | undefined> = {
  picks: 'picks',
  printed: 'printed',
  accepted: 'accepted',
  queue: 'queue',
};

/** A reader of one bpftrace process: feed it what arrives, in any cut; it returns the events of the whole lines so far. */
export type LineReader = { readonly read: (chunk: Uint8Array) => Event[] };

/** Longest line of the contract is below 400 bytes; a longer one is hostile or broken and is dropped as malformed. */
const MAX_LINE = 4096;

/**
 * Makes a LineReader. It keeps the unfinished last line (at most MAX_LINE bytes) and the time of the counters being
 * printed, because a map line (`@picks[17]: 3`) has none of its own.
 */
export const createLineReader = (): LineReader => {
  let rest: Uint8Array = new Uint8Array(0);
  let overlong = false;
  const scan = createScan();
  const read = (chunk: Uint8Array): Event[] => {
    const events: Event[] = [];
    let malformed = 0;
    const take = (bytes: Uint8Array, start: number, end: number): void => {
      if (end - start > MAX_LINE || (end > start && !scan(bytes, start, end, events))) malformed++;
    };
    let start = 0;
    if (rest.length > 0 || overlong) {
      const end = chunk.indexOf(10);
      const stop = end < 0 ? chunk.length : end;
      if (!overlong && rest.length + stop > MAX_LINE) {
        overlong = true;
        malformed++;
      }
      if (overlong) rest = new Uint8Array(0);
      else rest = concat(rest, chunk.subarray(0, stop));
      if (end < 0) return withMalformed(events, malformed, scan.tsNs());
      if (!overlong) take(rest, 0, rest.length);
      rest = new Uint8Array(0);
      overlong = false;
      start = end + 1;
    }
    for (let end = chunk.indexOf(10, start); end >= 0; end = chunk.indexOf(10, start)) {
      take(chunk, start, end);
      start = end + 1;
    }
    rest = chunk.slice(start);
    return withMalformed(events, malformed, scan.tsNs());
  };
  return { read };
};

const withMalformed = (events: Event[], lines: number, tsNs: number): Event[] => {
  if (lines > 0) events.push({ kind: 'malformed', tsNs, lines });
  return events;
};

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
};

type Scan = {
  (bytes: Uint8Array, start: number, end: number, events: Event[]): boolean;
  /** Time of the newest line, for what carries none. */
  tsNs: () => number;
};

/** A hand-written scanner over bytes: about 2 million lines a second, where a regular expression makes a third of that. */
const createScan = (): Scan => {
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let end = 0;
  let ok = true;
  let newest = 0;

  /** Next field as a number, decimal with an optional minus; an absent or other field makes the line malformed. */
  const number = (): number => {
    let value = 0;
    let sign = 1;
    if (bytes[at] === 45) {
      sign = -1;
      at++;
    }
    const first = at;
    for (; at < end; at++) {
      const digit = (bytes[at] ?? 0) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    // A u64 has at most 20 digits; more would not be from a probe.
    if (at === first || at - first > 20 || (at < end && bytes[at] !== 32)) ok = false;
    at++;
    return sign * value;
  };
  /** Next field as an address: hex digits, dots and colons only, at most the 45 characters of INET6_ADDRSTRLEN - 1. */
  const address = (): string => {
    const first = at;
    let text = '';
    for (; at < end; at++) {
      const c = bytes[at] ?? 0;
      if (c === 32) break;
      if (!((c >= 48 && c <= 58) || c === 46 || (c >= 97 && c <= 102) || (c >= 65 && c <= 70))) ok = false;
      text += String.fromCharCode(c);
    }
    if (at === first || at - first > 45) ok = false;
    at++;
    return text;
  };
  /** Two fields: the 16 bytes of comm as two little-endian numbers in hex; ends at the first NUL (TASK_COMM_LEN). */
  const comm = (): string => {
    const raw: number[] = [];
    for (let half = 0; half < 2; half++) {
      const first = at;
      while (at < end && bytes[at] !== 32) at++;
      const digits = at - first;
      if (digits === 0 || digits > 16) ok = false;
      for (let i = 0; i < 16; i += 2) {
        raw.push(hexDigit(at - 2 - i, first) * 16 + hexDigit(at - 1 - i, first));
      }
      at++;
    }
    const nul = raw.indexOf(0);
    // ignoreBOM keeps a byte order mark in the name, as /proc/PID/comm does.
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
      new Uint8Array(nul < 0 ? raw : raw.slice(0, nul)),
    );
  };
  const hexDigit = (position: number, first: number): number => {
    if (position < first) return 0;
    const c = bytes[position] ?? 0;
    if (c >= 48 && c <= 57) return c - 48;
    if (c >= 97 && c <= 102) return c - 87;
    ok = false;
    return 0;
  };
  const flag = (): boolean => number() === 1;
  /** A port printed in network order. */
  const netPort = (): number => {
    const be = number();
    return ((be & 255) << 8) | (be >> 8);
  };
  const indexOrNull = (): number | null => {
    const index = number();
    return index < 0 ? null : index;
  };
  const proto = (): Proto => {
    const number17 = number();
    // 6 TCP, 17 UDP, 262 MPTCP (its listener's subflow is TCP).
    if (number17 !== 6 && number17 !== 17 && number17 !== 262) ok = false;
    return number17 === 17 ? 'udp' : 'tcp';
  };

  const read: Record<string, ((tsNs: number) => Event | null) | undefined> = {
    pick: (tsNs) => ({
      kind: 'pick',
      tsNs,
      ino: number(),
      netns: number(),
      uid: number(),
      index: indexOrNull(),
      n: number(),
      queue: number(),
      backlog: number(),
      laddr: address(),
      lport: number(),
      raddr: address(),
      rport: netPort(),
      cpu: number(),
      hash: null,
      cause: null,
    }),
    accept: (tsNs) => {
      const ino = number();
      const pid = number();
      const tid = number();
      const name = comm();
      const fd = number();
      const born = number();
      return {
        kind: 'accept',
        tsNs,
        ino,
        pid,
        tid,
        comm: name,
        fd,
        pickNs: born === 0 ? null : born,
        waitNs: born === 0 ? null : tsNs - born,
      };
    },
    slot: (tsNs) => ({
      kind: 'slot',
      tsNs,
      ino: number(),
      netns: number(),
      laddr: address(),
      lport: number(),
      uid: number(),
      reuseport: flag(),
      index: indexOrNull(),
      n: number(),
      queue: number(),
      backlog: number(),
    }),
    listen: (tsNs) => ({
      kind: 'listen',
      tsNs,
      ino: number(),
      netns: number(),
      laddr: address(),
      lport: number(),
      uid: number(),
      reuseport: flag(),
      pid: number(),
      comm: comm(),
    }),
    close: (tsNs) => ({
      kind: 'close',
      tsNs,
      ino: number(),
      netns: number(),
      laddr: address(),
      lport: number(),
      queue: number(),
      pid: number(),
      comm: comm(),
    }),
    bind: (tsNs) => ({
      kind: 'bind',
      tsNs,
      pid: number(),
      tid: number(),
      uid: number(),
      comm: comm(),
      fd: number(),
      proto: proto(),
      netns: number(),
      laddr: address(),
      lport: number(),
      reuseport: flag(),
      reuseaddr: flag(),
      ret: number(),
      ino: number(),
    }),
    listened: (tsNs) => ({
      kind: 'listened',
      tsNs,
      pid: number(),
      tid: number(),
      uid: number(),
      comm: comm(),
      fd: number(),
      netns: number(),
      laddr: address(),
      lport: number(),
      reuseport: flag(),
      reuseaddr: flag(),
      backlog: number(),
      ret: number(),
      ino: number(),
    }),
    tick: (tsNs) => ({ kind: 'tick', tsNs }),
    counters: () => null,
  };

  const scan = (source: Uint8Array, start: number, stop: number, events: Event[]): boolean => {
    bytes = source;
    at = start;
    end = stop;
    ok = true;
    if (bytes[at] === 64) return map(events);
    const word = text();
    if (word === 'Lost') return lost(events);
    // 'Attaching N probes...' and 'Attached N probes': said to stdout up to 0.23, means nothing here.
    if (word === 'Attaching' || word === 'Attached') return true;
    const make = Object.hasOwn(read, word) ? read[word] : undefined;
    if (make === undefined) return false;
    const tsNs = number();
    const event = make(tsNs);
    if (!ok || at <= end || tsNs < 0) return false;
    newest = tsNs;
    if (event !== null) events.push(event);
    return true;
  };
  const text = (): string => {
    let word = '';
    for (; at < end && bytes[at] !== 32 && word.length < 16; at++)
      word += String.fromCharCode(bytes[at] ?? 0);
    at++;
    return word;
  };
  /** `@picks[17103]: 4`, as print(@map) writes it; maps that are no counter of ours are skipped. */
  const map = (events: Event[]): boolean => {
    at++;
    let name = '';
    for (; at < end && bytes[at] !== 91 && bytes[at] !== 58 && name.length < 16; at++) {
      name += String.fromCharCode(bytes[at] ?? 0);
    }
    const counter = Object.hasOwn(COUNTERS, name) ? COUNTERS[name] : undefined;
    if (counter === undefined) return /^\w+$/.test(name);
    at++;
    let ino = 0;
    const first = at;
    for (; at < end && bytes[at] !== 93; at++) {
      const digit = (bytes[at] ?? 0) - 48;
      if (digit < 0 || digit > 9) return false;
      ino = ino * 10 + digit;
    }
    if (at === first || !Number.isSafeInteger(ino) || bytes[at + 1] !== 58 || bytes[at + 2] !== 32) {
      return false;
    }
    at += 3;
    const total = number();
    if (!ok || at <= end || total < 0) return false;
    events.push({ kind: 'count', tsNs: newest, ino, counter, total });
    return true;
  };
  /** `Lost 12329 events`, on stdout in bpftrace up to 0.23. */
  const lost = (events: Event[]): boolean => {
    const count = number();
    if (!ok || count < 0 || text() !== 'events') return false;
    events.push({ kind: 'lost', tsNs: newest, by: 'perf', events: count });
    return true;
  };
  return Object.assign(scan, { tsNs: () => newest });
};
