// Knows the recording that stands in for a host that cannot trace: where it is, and on which kernel and day it was captured.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseEvent } from '../core/wire/json.js';
import { packageRoot } from '../package.js';

/** Captured in the lab (test/lab/README.md) on Debian 13: four workers, one that stops accepting, two refused bind() calls. */
const FILE = 'test/fixtures/linux-6.12-fentry.ndjson.gz';

export type Recorded = {
  readonly path: string;
  /** `Linux 6.12.94 on 2026-11-23`. */
  readonly label: string;
  /** Seconds from its start to the moment at which the probes are attached: nothing happens before, for most of a minute in an emulated guest. */
  readonly quietSeconds: number;
};

/** undefined when the package has no such file, or it is no recording. */
export function findRecorded(): Recorded | undefined {
  try {
    const path = fileURLToPath(new URL(FILE, packageRoot()));
    const events = gunzipSync(readFileSync(path)).toString().split('\n').map(parseEvent);
    const meta = events.find((event) => event?.kind === 'meta');
    const attached = events.find((event) => event?.kind === 'attached');
    if (meta?.kind !== 'meta') return undefined;
    const date = new Date(meta.wallMs);
    const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((part) => String(part).padStart(2, '0'))
      .join('-');
    const quietSeconds = Math.max(0, Math.floor(((attached?.tsNs ?? 0) - meta.tsNs) / 1e9));
    return { path, label: `Linux ${meta.kernel} on ${day}`, quietSeconds };
  } catch {
    return undefined;
  }
}
