// Writes the events of a run to a file beside any other output, for `replay`; packed where the name ends in .gz.
import { createWriteStream, existsSync } from 'node:fs';
import { createGzip } from 'node:zlib';
import type { Event } from '../core/event.js';
import { formatEvent, RECORDING_HEADER } from '../core/ndjson.js';
import { createWriter } from './writer.js';

export type Recorder = {
  readonly take: (event: Event) => void;
  /** Closes the file; resolves when it is on disk. */
  readonly end: () => Promise<void>;
  readonly dropped: () => number;
};

/**
 * Opens a new file, readable by its owner alone (recordings hold client addresses). Throws when the file exists or
 * cannot be made; `onFailure` is called when writing fails later (a full disk): tracing goes on without.
 */
export const openRecorder = async (
  path: string,
  onFailure: (error: NodeJS.ErrnoException) => void,
): Promise<Recorder> => {
  if (existsSync(path)) throw new Error('the file exists');
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  await new Promise<void>((resolve, reject) => {
    file.once('open', () => resolve());
    file.once('error', reject);
  });
  const isPacked = path.endsWith('.gz');
  const stream = isPacked ? createGzip({ level: 1 }) : file;
  const writer = createWriter(stream, onFailure);
  if (isPacked) {
    file.on('error', (error) => stream.destroy(error));
    stream.pipe(file);
  }
  writer.line(JSON.stringify(RECORDING_HEADER));
  return {
    take: (event) => writer.line(formatEvent(event)),
    end: async () => {
      if (writer.failure() !== null) return;
      await new Promise<void>((resolve) => {
        file.once('close', () => resolve());
        file.once('error', () => resolve());
        stream.end();
      });
    },
    dropped: writer.dropped,
  };
};
