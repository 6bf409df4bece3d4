// One file of a recording: takes text, packs it if asked, and never waits for the disk; it knows no event.
import { createWriteStream } from 'node:fs';
import { constants, createGzip } from 'node:zlib';

export type Part = {
  /** Writes text; packed, it is flushed, so that a reader finds all of it whatever happens next. */
  readonly write: (text: string) => void;
  /** Bytes on the disk or on their way; what is not packed yet counts half, which is more than it will be. */
  readonly bytes: () => number;
  /** Resolves when everything is written, or cannot be. */
  readonly end: () => Promise<void>;
};

/** What may wait for a slow disk: with the default details, minutes. Beyond it recording stops: with a gap it would tell lies. */
const PENDING_BYTES = 64 << 20;

/** `onFailure` is called once, when the disk takes no more. */
export const openPart = (fd: number, isPacked: boolean, onFailure: (why: string) => void): Part => {
  const file = createWriteStream('', { fd });
  const gzip = isPacked ? createGzip({ level: 1 }) : null;
  const stream = gzip ?? file;
  let hasFailed = false;
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    file.once('close', () => {
      isClosed = true;
      resolve();
    });
  });
  const fail = (error: Error): void => {
    if (hasFailed) return;
    hasFailed = true;
    gzip?.destroy();
    file.destroy();
    onFailure(error.message);
  };
  file.on('error', fail);
  gzip?.on('error', fail);
  gzip?.pipe(file);
  return {
    write: (text) => {
      if (hasFailed) return;
      if (stream.writableLength > PENDING_BYTES) return fail(new Error('the disk is too slow'));
      stream.write(text);
      // Level 1 and a flush each second: about a tenth more than one whole stream.
      gzip?.flush(constants.Z_SYNC_FLUSH);
    },
    bytes: () => file.bytesWritten + file.writableLength + (gzip === null ? 0 : gzip.writableLength / 2),
    end: async () => {
      if (!hasFailed) stream.end();
      if (!isClosed) await closed;
    },
  };
};
