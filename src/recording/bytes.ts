// Reads the bytes of a file, unpacked where it is gzip, as far as they can be read; it knows no line.
import { createReadStream, type ReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants, createGunzip } from 'node:zlib';

export type Bytes = {
  /** What was read and not taken yet: good until the next more(). */
  readonly unread: () => Buffer;
  /** Takes so many of them. */
  readonly take: (length: number) => void;
  /** Reads on; false when nothing more comes. */
  readonly more: () => Promise<boolean>;
  /** Why nothing more comes, when that is not the end of the file; a packed file that was cut ends as any other. */
  readonly problem: () => string | null;
  /** Part of the file that has been read, 0 to 1. */
  readonly progress: () => number;
  readonly close: () => void;
};

/** Of a file at a time, and of what it unpacks to: few turns of the event loop for many lines. */
const CHUNK = 1 << 18;

/** Opens a file. Throws when there is none, or what is there is no file: a pipe or a device has no end. */
export const openBytes = async (path: string): Promise<Bytes> => {
  const stat = statSync(path);
  if (!stat.isFile()) throw new Error('it is no file');
  const isGzip = await startsAsGzip(path);
  const file = createReadStream(path, { highWaterMark: CHUNK });
  const stream: AsyncIterable<Buffer> = isGzip ? unpacked(file) : file;
  const chunks = stream[Symbol.asyncIterator]();
  let problem: string | null = null;
  // One buffer for all: joining chunks anew would make the kernel clear new pages for each.
  let buffer = Buffer.allocUnsafe(4 * CHUNK);
  let [start, end] = [0, 0];
  const append = (chunk: Buffer): void => {
    if (end + chunk.length > buffer.length) {
      const unread = buffer.subarray(start, end);
      if (2 * (unread.length + chunk.length) > buffer.length)
        buffer = Buffer.allocUnsafe(4 * (unread.length + chunk.length));
      unread.copy(buffer);
      [start, end] = [0, unread.length];
    }
    end += chunk.copy(buffer, end);
  };
  return {
    unread: () => buffer.subarray(start, end),
    take: (length) => {
      start += length;
    },
    more: async () => {
      try {
        const next = await chunks.next();
        if (next.done !== true) append(next.value);
        return next.done !== true;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        return false;
      }
    },
    problem: () => problem,
    progress: () => (stat.size === 0 ? 1 : Math.min(1, file.bytesRead / stat.size)),
    close: () => file.destroy(),
  };
};

const startsAsGzip = async (path: string): Promise<boolean> => {
  const file = await open(path);
  try {
    const magic = Buffer.alloc(2);
    await file.read(magic, 0, 2, 0);
    return magic[0] === 0x1f && magic[1] === 0x8b;
  } finally {
    await file.close();
  }
};

/** A recording cut by a crash has no gzip end: what was flushed is read all the same. */
const unpacked = (file: ReadStream): AsyncIterable<Buffer> => {
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: CHUNK });
  file.on('error', (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
};
