// Reads the fields of one line, byte by byte; it knows how numbers, addresses and names are written, not what they mean.

/** A cursor over one line. After a field that is not what was asked for, `ok` is false and stays so. */
export type Fields = {
  /** Begins a line: the bytes from start to before end. */
  readonly begin: (source: Uint8Array, start: number, end: number) => void;
  /** Whether every field so far was as asked, and the line is used up. */
  readonly isDone: () => boolean;
  /** A decimal number with an optional minus. */
  readonly number: () => number;
  /** The letters of the first word. */
  readonly word: () => string;
  /** An address as ntop prints it: at most the 45 characters of INET6_ADDRSTRLEN - 1. */
  readonly address: () => string;
  /** Two fields: the 16 bytes of comm (TASK_COMM_LEN) as two little-endian numbers in hex; ends at the first NUL. */
  readonly comm: () => string;
  /** 0 or 1. */
  readonly flag: () => boolean;
  /** A port printed in network order. */
  readonly netPort: () => number;
  /** A number, or null for a negative one. */
  readonly orNull: () => number | null;
  /** One of the words, by its position. */
  readonly oneOf: <T extends string>(words: readonly T[]) => T;
  /** What remains of the line, as text, from the cursor: only for lines that are rare. */
  readonly rest: () => string;
};

const SPACE = 32;
const MINUS = 45;
/** Most digits of a number that a small integer holds: V8 adds and multiplies those three times as fast as doubles. */
const SMALL = 9;
const POWERS_SMALL = 10 ** SMALL;
const POWERS = Array.from({ length: SMALL + 1 }, (_, digits) => 10 ** digits);
/** A u64 has at most 20 digits; more would not be from a probe. */
const MAX_DIGITS = 20;
/** Of a word, an address (INET6_ADDRSTRLEN - 1) or a comm. */
const MAX_TEXT = 45;
/** Texts of a kind that are kept, to be found by their bytes. */
const TEXTS = 4096;
// ignoreBOM keeps a byte order mark in a name, as /proc/PID/comm does.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * A hand-written cursor. What it costs a line decides how many lines a second are read (test/bench/lines.ts), so loops
 * run on local variables, and words, names and addresses that come again are not made again.
 */
export const createFields = (): Fields => {
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let end = 0;
  let ok = true;
  const words = createTexts((raw) => raw);
  const addresses = createTexts((raw) => (ADDRESS.test(raw) ? raw : null));
  const comms = createTexts(readComm);

  const number = (): number => {
    const source = bytes;
    const stop = end;
    let i = at;
    const isNegative = i < stop && source[i] === MINUS;
    if (isNegative) i++;
    const first = i;
    let whole = 0;
    let part = 0;
    let partEnd = i + SMALL;
    for (; i < stop; i++) {
      const digit = (source[i] ?? 0) - 48;
      if (digit < 0 || digit > 9) break;
      if (i === partEnd) {
        whole = whole * POWERS_SMALL + part;
        part = 0;
        partEnd += SMALL;
      }
      part = (part * 10 + digit) | 0;
    }
    if (i === first || i - first > MAX_DIGITS || (i < stop && source[i] !== SPACE)) ok = false;
    at = i + 1;
    const value = i - first <= SMALL ? part : whole * (POWERS[i - (partEnd - SMALL)] ?? 0) + part;
    return isNegative ? -value : value;
  };
  /** A text of so many fields. */
  const text = (texts: Texts, fields: number): string => {
    const source = bytes;
    const stop = end;
    const first = at;
    let i = at;
    let hash = 0;
    let left = fields;
    for (; i < stop; i++) {
      const c = source[i] ?? 0;
      if (c === SPACE && --left === 0) break;
      hash = Math.imul(hash ^ c, FNV_PRIME);
    }
    at = i + 1;
    const found = i === first || i - first > MAX_TEXT ? null : texts(hash, source, first, i);
    if (found !== null) return found;
    ok = false;
    return '';
  };
  return {
    begin: (source, start, stop) => {
      bytes = source;
      at = start;
      end = stop;
      ok = true;
    },
    isDone: () => ok && at > end,
    number,
    word: () => text(words, 1),
    address: () => text(addresses, 1),
    comm: () => text(comms, 2),
    flag: () => number() === 1,
    netPort: () => {
      const be = number();
      return ((be & 255) << 8) | ((be >> 8) & 255);
    },
    orNull: () => {
      const value = number();
      return value < 0 ? null : value;
    },
    oneOf: (words) => {
      const found = words[number()];
      if (found !== undefined) return found;
      ok = false;
      return words[0] as (typeof words)[number];
    },
    rest: () => decoder.decode(bytes.subarray(at, end)),
  };
};

/** Of the hash by Fowler, Noll and Vo; which place a text gets is all that hangs on it. */
const FNV_PRIME = 0x01000193;

/** The text that bytes with this hash stand for; null when they stand for none. */
type Texts = (hash: number, source: Uint8Array, first: number, last: number) => string | null;

/** Gives each run of bytes its text, made anew when it is not the last one in its place of the table. */
const createTexts = (read: (raw: string) => string | null): Texts => {
  const keys = new Array<string>(TEXTS).fill('');
  const values = new Array<string>(TEXTS).fill('');
  return (hash, source, first, last) => {
    const place = (hash ^ (hash >>> 15)) & (TEXTS - 1);
    if (isSame(keys[place] ?? '', source, first, last)) return values[place] ?? '';
    const key = rawText(source, first, last);
    const value = read(key);
    if (value === null) return null;
    keys[place] = key;
    values[place] = value;
    return value;
  };
};

const isSame = (key: string, source: Uint8Array, first: number, last: number): boolean => {
  if (key.length !== last - first) return false;
  for (let i = first; i < last; i++) if (key.charCodeAt(i - first) !== source[i]) return false;
  return true;
};

/** One character for each byte. Arrays of every length, because apply() of one is the fastest way to a string of many. */
const rawText = (source: Uint8Array, first: number, last: number): string => {
  const codes = CODES[last - first] ?? [];
  for (let i = first; i < last; i++) codes[i - first] = source[i] ?? 0;
  return String.fromCharCode.apply(null, codes);
};

const CODES = Array.from({ length: MAX_TEXT + 1 }, (_, length) => new Array<number>(length).fill(0));

const ADDRESS = /^[0-9a-fA-F:.]+$/;
const COMM = /^([0-9a-f]{1,16}) ([0-9a-f]{1,16})$/;

/** Two numbers in hex whose bytes, the lowest first, are the name. */
const readComm = (raw: string): string | null => {
  const halves = COMM.exec(raw);
  if (halves === null) return null;
  const name = new DataView(new ArrayBuffer(16));
  for (const half of [0, 1]) name.setBigUint64(8 * half, BigInt(`0x${halves[half + 1]}`), true);
  const all = new Uint8Array(name.buffer);
  const nul = all.indexOf(0);
  return decoder.decode(nul < 0 ? all : all.subarray(0, nul));
};
