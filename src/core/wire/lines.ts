// Turns bpftrace's bytes into Events, line by line; a line that is not of the wire contract is counted, never thrown.
import { COUNTERS, type Counter, type Event } from '../event.js';
import { parseProcAddress } from '../text/endpoint.js';
import { WIRE } from './contract.js';
import { createFields } from './fields.js';

/** A reader of one bpftrace process: feed it what arrives, in any cut; it returns the events of the whole lines so far. */
export type LineReader = { readonly read: (chunk: Uint8Array) => Event[] };

/** The longest line of the contract is below 400 bytes; a longer one is hostile or broken and is dropped as malformed. */
const MAX_LINE = 4096;
const NEWLINE = 10;
/** As much of a malformed line as is kept. */
const SAMPLE = 200;
const decoder = new TextDecoder();

/**
 * Makes a LineReader. It keeps the unfinished last line (at most MAX_LINE bytes) and the newest time, because a map line
 * (`@picks[17]: 3`) has none of its own: `counters` gives the time of those that follow.
 */
export const createLineReader = (): LineReader => {
  let rest: Uint8Array = new Uint8Array(0);
  let isOverlong = false;
  const take = createTake();
  return {
    read: (chunk) => {
      const events: Event[] = [];
      let malformed = 0;
      let sample = '';
      const fault = (bytes: Uint8Array, start: number, end: number): void => {
        malformed++;
        if (sample === '') sample = decoder.decode(bytes.subarray(start, Math.min(end, start + SAMPLE)));
      };
      const line = (bytes: Uint8Array, start: number, end: number): void => {
        if (end - start > MAX_LINE || (end > start && !take.line(bytes, start, end, events)))
          fault(bytes, start, end);
      };
      let start = 0;
      let end = chunk.indexOf(NEWLINE);
      if (end >= 0 && (rest.length > 0 || isOverlong)) {
        if (!isOverlong) {
          const whole = concat(rest, chunk.subarray(0, end));
          line(whole, 0, whole.length);
        }
        isOverlong = false;
        rest = rest.subarray(0, 0);
        start = end + 1;
        end = chunk.indexOf(NEWLINE, start);
      }
      for (; end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        line(chunk, start, end);
        start = end + 1;
      }
      if (!isOverlong) rest = concat(rest, chunk.subarray(start));
      if (rest.length > MAX_LINE) {
        isOverlong = true;
        fault(rest, 0, rest.length);
        rest = new Uint8Array(0);
      }
      if (malformed > 0) events.push({ kind: 'malformed', tsNs: take.newestNs(), lines: malformed, sample });
      return events;
    },
  };
};

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
};

const createTake = () => {
  const fields = createFields();
  let newestNs = 0;
  /** Lines of the program that bpftrace may still quote under a warning, the last one a row of tildes. */
  let quoted = 0;
  let unsaid = 0;
  const halves = new Map<string, bigint>();
  const placed = new Map<number, number>();

  /** True when the line was understood, whether or not it makes an event. */
  const line = (bytes: Uint8Array, start: number, end: number, events: Event[]): boolean => {
    fields.begin(bytes, start, end);
    if (bytes[start] === AT_SIGN) return count(fields.rest(), events);
    const word = fields.word();
    if (word === 'Lost') return lost(fields.rest(), events);
    // 'Attaching N probes...' is said to stdout up to 0.23 and means nothing here.
    if (word === 'Attaching') return true;
    // `stdin:9:7-38: WARNING: ...` of a running program comes on stdout from 0.23 on, with the place quoted below.
    if (word.startsWith('stdin:')) {
      quoted = MAX_QUOTED;
      return true;
    }
    const read = Object.hasOwn(WIRE, word) ? WIRE[word] : undefined;
    if (read === undefined) {
      const isQuote = quoted > 0;
      quoted = bytes[end - 1] === TILDE ? 0 : Math.max(0, quoted - 1);
      return isQuote;
    }
    const tsNs = fields.number();
    const event = read(fields, tsNs);
    if (!fields.isDone() || tsNs < 0) return false;
    newestNs = tsNs;
    if (event !== null) events.push(event);
    return true;
  };

  /** `@picks[17103]: 4`, as print(@map) writes it; maps that are no counter of ours are understood and passed over. */
  const count = (text: string, events: Event[]): boolean => {
    const map = /^@(\w+)(?:\[(.*)\])?: (.*)$/.exec(text);
    if (map === null) return false;
    const [, name = '', key = '', value = ''] = map;
    if (!isCounter(name)) return beside(name, key, value, events);
    const ino = integer(key);
    const total = integer(value);
    if (ino === null || total === null) return false;
    events.push({ kind: 'count', tsNs: newestNs, ino, counter: name, total });
    return true;
  };

  /** Maps that are no counters: what the budget kept unsaid, and where the sockets are whose lines were among it. */
  const beside = (name: string, key: string, value: string, events: Event[]): boolean => {
    if (name === 'unsaid') {
      const total = integer(value) ?? 0;
      if (total > unsaid) events.push({ kind: 'lost', tsNs: newestNs, by: 'unsaid', events: total - unsaid });
      unsaid = Math.max(unsaid, total);
    } else if (name === 'where_a' || name === 'where_b') {
      if (!/^-?\d{1,20}$/.test(value)) return false;
      if (halves.size >= 2 * PLACES_KEPT) halves.clear();
      halves.set(`${name} ${key}`, BigInt(value));
    } else if (name === 'where') {
      return place(integer(key), integer(value), events);
    }
    return true;
  };

  /** Once, and once more when it has closed. */
  const place = (ino: number | null, packed: number | null, events: Event[]): boolean => {
    if (ino === null || packed === null) return false;
    const [a, b] = [halves.get(`where_a ${ino}`), halves.get(`where_b ${ino}`)];
    if (a === undefined || b === undefined || placed.get(ino) === packed) return true;
    if (placed.size >= PLACES_KEPT) placed.clear();
    placed.set(ino, packed);
    const lport = packed % PORTS;
    const netns = Math.floor(packed / PORTS) % 2 ** 32;
    const flags = Math.floor(packed / PORTS / 2 ** 32);
    const laddr = parseProcAddress((flags & IPV6) === 0 ? hex(a, 8) : hex(a, 16) + hex(b, 16)) ?? '';
    const at = { tsNs: newestNs, ino, netns, laddr, lport, pid: 0, comm: '' };
    events.push({
      kind: 'join',
      ...at,
      proto: (flags & UDP) !== 0 ? 'udp' : 'tcp',
      index: null,
      n: 0,
      reuseportId: 0,
    });
    if ((flags & CLOSED) !== 0) events.push({ kind: 'close', ...at, queue: 0 });
    return true;
  };

  /** `Lost 12329 events`, on stdout in bpftrace up to 0.23. */
  const lost = (text: string, events: Event[]): boolean => {
    const found = /^(\d{1,15}) events$/.exec(text);
    if (found === null) return false;
    events.push({ kind: 'lost', tsNs: newestNs, by: 'perf', events: Number(found[1]) });
    return true;
  };
  return { line, newestNs: () => newestNs };
};

/** What pick.bt and udp.bt pack: netns << 16 | port, and above them whether it has closed, and whether it is UDP. */
const PORTS = 2 ** 16;
const [CLOSED, UDP, IPV6] = [1, 2, 4];

/** The digits of a number of 64 bits, which older bpftraces print with a sign. */
const hex = (value: bigint, digits: number): string =>
  BigInt.asUintN(64, value).toString(16).padStart(digits, '0');

/** As many as the kernel's maps hold. */
const PLACES_KEPT = 16_384;

const AT_SIGN = 64;
const TILDE = 126;
/** More lines than any statement of a probe has. */
const MAX_QUOTED = 8;

const isCounter = (name: string): name is Counter => (COUNTERS as readonly string[]).includes(name);

/** A decimal number that a double holds exactly; null for anything else. */
const integer = (text: string): number | null => {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
};
