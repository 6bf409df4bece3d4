// Writes lines to a stream that may be slow or gone: what it cannot take in time is dropped and counted, never kept.
import type { Writable } from 'node:stream';

export type Writer = {
  /** Writes one line; dropped when more than PENDING_BYTES wait already, and not written to a stream that has failed. */
  readonly line: (text: string) => void;
  /** Writes lines that must all come, however many: waits for the reader and drops none. Resolves as flush() does. */
  readonly all: (texts: readonly string[]) => Promise<void>;
  /** Lines dropped so far because the reader was slow. */
  readonly dropped: () => number;
  /** Resolves when everything is written, or cannot be. */
  readonly flush: () => Promise<void>;
};

/** What may wait for a reader that has stopped reading: some seconds of details at the default budget. */
const PENDING_BYTES = 4 << 20;

/** `onFailure` is called once, when the stream fails (EPIPE: its reader went away; ENOSPC: the disk is full). */
export const createWriter = (stream: Writable, onFailure: (error: NodeJS.ErrnoException) => void): Writer => {
  let dropped = 0;
  let hasFailed = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (hasFailed) return;
    hasFailed = true;
    onFailure(error);
  });
  const line = (text: string): void => {
    if (hasFailed) return;
    if (stream.writableLength > PENDING_BYTES) dropped++;
    else stream.write(`${text}\n`);
  };
  const flush = (): Promise<void> =>
    new Promise((resolve) => {
      if (hasFailed || stream.destroyed) return resolve();
      // A replay flushes for every piece it has read: no listener may stay behind.
      const done = (): void => {
        stream.off('error', done);
        resolve();
      };
      stream.once('error', done);
      stream.write('', done);
    });
  return {
    line,
    all: async (texts) => {
      for (const text of texts) {
        if (stream.writableNeedDrain) await flush();
        line(text);
      }
      await flush();
    },
    dropped: () => dropped,
    flush,
  };
};
