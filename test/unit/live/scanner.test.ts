import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createScanner } from '../../../src/live/scanner.js';
import { createDescriptors } from '../../../src/proc/descriptors.js';
import { listen } from '../events.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scanner-'));
  mkdirSync(join(root, '7', 'ns'), { recursive: true });
  symlinkSync('net:[4026531833]', join(root, '7', 'ns', 'net'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(root, { recursive: true });
});

/** A scanner of one process; `during` is called in the middle of each scan, with its number. */
const create = (during: (scan: number) => void) => {
  let scans = 0;
  const scanner = createScanner({
    proc: { root, names: join(root, 'none'), nowNs: () => 0 },
    put: () => undefined,
    ports: [],
    receivers: {
      scan: () => {
        scans++;
        during(scans);
        return [];
      },
      scanned: () => [],
      changes: () => ({ events: [], isStale: false }),
      meet: () => undefined,
      part: () => undefined,
    },
    descriptors: createDescriptors(root),
    opens: null,
  });
  return { ...scanner, scans: () => scans };
};

/** Longer than any rest between two scans that take milliseconds. */
const LONG_MS = 60_000;

it('scans once more for a listener that comes while it scans', async () => {
  const scanner = create((scan) => {
    if (scan === 1) scanner.consider([listen(2), listen(3)]);
  });
  scanner.consider([listen(1)]);
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect(scanner.scans()).toBe(2);
});

it('scans once more when it is told to while it scans, not twice at once', async () => {
  const scanner = create((scan) => {
    if (scan === 1) void scanner.scan();
    expect(scanner.scans()).toBe(scan);
  });
  await scanner.scan();
  expect(scanner.scans()).toBe(1);
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect(scanner.scans()).toBe(2);
});

it('scans no more once it is stopped, whatever came while it scanned', async () => {
  const scanner = create(() => scanner.consider([listen(2)]));
  await scanner.scan();
  scanner.stop();
  await vi.advanceTimersByTimeAsync(LONG_MS);
  expect([scanner.scans(), vi.getTimerCount()]).toEqual([1, 0]);
});
