// Lines of a file that may be long, read as they are asked for; it knows nothing of what they say.
import { closeSync, openSync, readSync } from 'node:fs';

/** Lines of a file, read in pieces. Throws when it cannot be opened or read. */
export function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(32_768);
    let rest = '';
    for (let bytes = readSync(file, piece); bytes > 0; bytes = readSync(file, piece)) {
      const lines = (rest + piece.toString('latin1', 0, bytes)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}
