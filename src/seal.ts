// Whether the single file is whole: its last line holds the size and the SHA-256 of all before it.
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** The line that deploy/package/single.ts appends: size in 12 digits, SHA-256 in hex. */
const SEAL = /\nreuseport-trace (\d{12}) ([0-9a-f]{64})\n$/;
const SEAL_BYTES = '\nreuseport-trace '.length + 12 + 1 + 64 + 1;

/**
 * Why the file is not as it was built, in one clause; null when it is. Without `isThorough` only its length is looked
 * at, which takes no time; with it every byte is read (100 MB, some 0.2 s). Throws when the file cannot be read.
 */
export const whyBroken = (path: string, isThorough: boolean): string | null => {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const last = Buffer.alloc(SEAL_BYTES);
    readSync(file, last, 0, SEAL_BYTES, Math.max(0, size - SEAL_BYTES));
    const [, length, sum] = SEAL.exec(last.toString('latin1')) ?? [];
    if (length === undefined) return 'its end is missing (was it copied whole?)';
    const sealed = size - SEAL_BYTES;
    if (Number(length) !== sealed)
      return `it should have ${Number(length)} bytes before its seal and has ${sealed}`;
    if (!isThorough) return null;
    const bytes = readFileSync(path).subarray(0, sealed);
    return createHash('sha256').update(bytes).digest('hex') === sum
      ? null
      : 'its bytes are not those that were built (SHA-256 differs)';
  } finally {
    closeSync(file);
  }
};
