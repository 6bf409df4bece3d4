// Knows the recording that stands in for a host that cannot trace: where it is, and on which kernel and day it was captured.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseEvent } from '../core/ndjson.js';
import { packageRoot } from '../sources/root.js';

/** Captured in the lab (test/lab/README.md) on Debian 13: four workers, one that stops accepting, two refused bind() calls. */
const FILE = 'test/fixtures/linux-6.12-fentry.ndjson.gz';

export type Recorded = {
  readonly path: string;
  /** `Linux 6.12.94 on 2026-11-23`. */
  readonly label: string;
};

/** undefined when the package has no such file, or it is no recording. */
export function findRecorded(): Recorded | undefined {
  try {
    const path = fileURLToPath(new URL(FILE, packageRoot()));
    const lines = gunzipSync(readFileSync(path)).toString().split('\n', 8);
    const meta = lines.map(parseEvent).find((event) => event?.kind === 'meta');
    if (meta?.kind !== 'meta') return undefined;
    const date = new Date(meta.wallMs);
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((part) => String(part).padStart(2, '0'))
      .join('-');
    return { path, label: `Linux ${meta.kernel} on ${day}` };
  } catch {
    return undefined;
  }
}
