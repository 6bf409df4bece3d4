// Reads the lines of one recording as far as they are whole and as they were written; it knows no event and no pace.
import { crc32 } from 'node:zlib';
import { parseObject } from '../core/wire/json.js';
import { messageOf, UserError } from '../errors.js';
import { type Bytes, openBytes } from './bytes.js';
import { type Header, readHeader, readSeal, SEAL } from './frame.js';

/** Why the lines ended before the recording did. */
export type Stop = {
  /** The last line that was read. */
  readonly line: number;
  /** `cut`: the file ends there, as a crash or a full disk leaves it; `damaged`: what follows is not what was written. */
  readonly how: 'cut' | 'damaged';
  /** The end of a sentence. */
  readonly why: string;
};

export type Block = {
  /** Number of its first line in the file, from 1. */
  readonly first: number;
  readonly lines: readonly string[];
  /** It came to no seal, for the file was cut: with one line that makes no sense in it, nothing of it is to be trusted. */
  readonly isTail: boolean;
};

export type Recording = {
  readonly path: string;
  readonly header: Header;
  /** Whole lines, the first one too, in batches; where the recording has seals, each batch is as it was written. */
  readonly blocks: AsyncGenerator<Block, Stop | null>;
  /** Part of the file that has been read, 0 to 1. */
  readonly progress: () => number;
  readonly close: () => void;
};

/** A block of ours has a quarter of a megabyte and one line more: what is longer was not written by us. */
const LONGEST_BLOCK = 8 << 20;
const NEWLINE = 0x0a;

/** Opens a recording and reads its first line. Throws a UserError when it is none that this version reads. */
export const openRecording = async (path: string): Promise<Recording> => {
  let bytes: Bytes;
  try {
    bytes = await openBytes(path);
  } catch (error) {
    throw new UserError(`cannot replay ${path}: ${messageOf(error)}`, { cause: error });
  }
  while (
    bytes.unread().indexOf(NEWLINE) < 0 &&
    bytes.unread().length < LONGEST_BLOCK &&
    (await bytes.more())
  );
  const unread = bytes.unread();
  const end = unread.indexOf(NEWLINE);
  const first = unread.toString('utf8', 0, end < 0 ? Math.min(unread.length, 1 << 16) : end);
  const header = readHeader(first);
  if ('why' in header) {
    bytes.close();
    if (first === '') throw new UserError(`cannot replay ${path}: ${bytes.problem() ?? 'it is empty'}`);
    throw new UserError(`cannot replay ${path}: ${header.why}`, { hint: header.hint });
  }
  return {
    path,
    header,
    blocks: header.format === 1 ? plainBlocks(bytes) : sealedBlocks(bytes),
    progress: bytes.progress,
    close: bytes.close,
  };
};

type Blocks = Recording['blocks'];

/** Recordings of format 1 and kept output: whole lines, whatever they hold. */
async function* plainBlocks(bytes: Bytes): Blocks {
  let line = 0;
  do {
    const end = bytes.unread().lastIndexOf(NEWLINE) + 1;
    if (end === 0 && bytes.unread().length > LONGEST_BLOCK) return tooLong(line);
    if (end === 0) continue;
    const lines = take(bytes, end);
    yield { first: line + 1, lines, isTail: false };
    line += lines.length;
  } while (await bytes.more());
  const problem = bytes.problem();
  if (problem !== null)
    return { line, how: 'damaged', why: `${problem}; it has no seals, so lines before may be damaged too` };
  if (bytes.unread().length === 0) return null;
  // A line that lacks nothing but its end.
  const last = bytes.unread().toString();
  if (parseObject(last) === null) return cut(line);
  yield { first: line + 1, lines: [last], isTail: false };
  return null;
}

/** Blocks of lines, each with its seal, which no event can hold: in JSON its quotes are escaped; at the end of a file that was cut, the whole lines that came to no seal. */
async function* sealedBlocks(bytes: Bytes): Blocks {
  let line = 0;
  let searched = 0;
  let sum = 0;
  for (;;) {
    const unread = bytes.unread();
    const start = unread.indexOf(SEAL, searched);
    const end = start < 0 ? 0 : unread.indexOf(NEWLINE, start) + 1;
    if (end === 0) {
      // No whole seal yet. What was searched is not searched again.
      searched = start < 0 ? Math.max(0, unread.length - SEAL.length) : start;
      if (unread.length > LONGEST_BLOCK) return tooLong(line);
      if (await bytes.more()) continue;
      break;
    }
    searched = 0;
    sum = crc32(unread.subarray(0, start), sum);
    const read = readSeal(unread.toString('utf8', start, end - 1), sum);
    const lines = take(bytes, end);
    lines.pop();
    if (read === null) {
      const upTo = line + lines.length + 1;
      return { line, how: 'damaged', why: `lines ${line + 1} to ${upTo} are not what was written` };
    }
    yield { first: line + 1, lines, isTail: false };
    line += lines.length + 1;
    if (!read.isLast) continue;
    const isEnd = bytes.unread().length === 0 && !(await bytes.more()) && bytes.problem() === null;
    return isEnd ? null : { line, how: 'damaged', why: bytes.problem() ?? 'more follows on its last line' };
  }
  const problem = bytes.problem();
  if (problem !== null) return { line, how: 'damaged', why: problem };
  const end = bytes.unread().lastIndexOf(NEWLINE) + 1;
  if (end === 0) return cut(line);
  const lines = take(bytes, end);
  yield { first: line + 1, lines, isTail: true };
  return cut(line + lines.length);
}

const cut = (line: number): Stop => ({ line, how: 'cut', why: 'the file ends there' });

const tooLong = (line: number): Stop => ({
  line,
  how: 'damaged',
  why: `no end in the ${LONGEST_BLOCK >> 20} MB after it`,
});

/** Takes whole lines from the unread bytes. */
const take = (bytes: Bytes, end: number): string[] => {
  const lines = bytes
    .unread()
    .toString('utf8', 0, end - 1)
    .split('\n');
  bytes.take(end);
  return lines;
};
