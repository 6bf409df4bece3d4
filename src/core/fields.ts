// Reads the fields of one line, byte by byte; it knows how numbers, addresses and names are written, not what they mean.

/** A cursor over one line. After a field that is not what was asked for, `ok` is false and stays so. */
export type Fields = {
  /** Begins a line: the bytes from start to before end. */
  readonly begin: (source: Uint8Array, start: number, end: number) => void;
  /** Whether every field so far was as asked, and the line is used up. */
  readonly isDone: () => boolean;
  /** A decimal number with an optional minus. */
  readonly number: () => number;
  /** The letters of the first word, at most 20. */
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

/** A hand-written cursor: it makes about 2 million lines a second, where regular expressions make a third of that. */
export const createFields = (): Fields => {
  let bytes: Uint8Array = new Uint8Array(0);
  let at = 0;
  let end = 0;
  let ok = true;
  // ignoreBOM keeps a byte order mark in a name, as /proc/PID/comm does.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  const number = (): number => {
    let value = 0;
    let sign = 1;
    if (at < end && bytes[at] === MINUS) {
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
    if (at === first || at - first > 20 || (at < end && bytes[at] !== SPACE)) ok = false;
    at++;
    return sign * value;
  };
  const hexDigit = (position: number, first: number): number => {
    if (position < first) return 0;
    const c = bytes[position] ?? 0;
    if (c >= 48 && c <= 57) return c - 48;
    if (c >= 97 && c <= 102) return c - 87;
    ok = false;
    return 0;
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
    word: () => {
      let word = '';
      for (; at < end && bytes[at] !== SPACE && word.length < 20; at++)
        word += String.fromCharCode(bytes[at] ?? 0);
      at++;
      return word;
    },
    address: () => {
      const first = at;
      let text = '';
      for (; at < end; at++) {
        const c = bytes[at] ?? 0;
        if (c === SPACE) break;
        if (!((c >= 48 && c <= 58) || c === 46 || (c >= 97 && c <= 102) || (c >= 65 && c <= 70))) ok = false;
        if (at - first < 45) text += String.fromCharCode(c);
      }
      if (at === first || at - first > 45) ok = false;
      at++;
      return text;
    },
    comm: () => {
      const raw: number[] = [];
      for (let half = 0; half < 2; half++) {
        const first = at;
        while (at < end && bytes[at] !== SPACE) at++;
        if (at === first || at - first > 16) ok = false;
        for (let i = 0; i < 16; i += 2) {
          raw.push(hexDigit(at - 2 - i, first) * 16 + hexDigit(at - 1 - i, first));
        }
        at++;
      }
      const nul = raw.indexOf(0);
      return decoder.decode(new Uint8Array(nul < 0 ? raw : raw.slice(0, nul)));
    },
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
