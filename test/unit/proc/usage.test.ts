import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { usageOf } from '../../../src/proc/usage.js';

/** Of this kernel (6.18): a bpftrace, whose comm was changed to what a stranger may choose. */
const STAT =
  '417 (a) R 9 (b) S 1 417 417 0 -1 4194560 26377 0 12 0 151 34 0 0 20 0 2 0 8812 374288384 28618 18446744073709551615\n';

const usageIn = (stat: string, status: string) => {
  const root = mkdtempSync(join(tmpdir(), 'usage-'));
  try {
    mkdirSync(join(root, '417'));
    writeFileSync(join(root, '417', 'stat'), stat);
    writeFileSync(join(root, '417', 'status'), status);
    return usageOf(417, root);
  } finally {
    rmSync(root, { recursive: true });
  }
};

describe('usageOf', () => {
  it('adds user and system time, and takes resident memory', () => {
    expect(usageIn(STAT, 'Name:\tx\nVmRSS:\t  114472 kB\nThreads:\t2\n')).toEqual({
      cpuSeconds: 1.85,
      residentBytes: 114_472 * 1024,
    });
  });

  it.each([
    ['a zombie, which has no memory', STAT, 'State:\tZ (zombie)\n'],
    ['a line that is none', 'nonsense', 'VmRSS:\t1 kB\n'],
    ['nothing', '', ''],
  ])('is not known of %s', (_, stat, status) => expect(usageIn(stat, status)).toBeNull());

  it('is not known of a process that is gone', () => expect(usageOf(417, '/nonexistent')).toBeNull());

  it('is known of this process, and grows', () => {
    const before = usageOf(process.pid);
    for (let i = 0, until = performance.now() + 50; performance.now() < until; i++) Math.sqrt(i);
    const after = usageOf(process.pid);
    expect(after?.cpuSeconds ?? 0).toBeGreaterThan(before?.cpuSeconds ?? Number.POSITIVE_INFINITY);
    const { user, system } = process.cpuUsage();
    expect(Math.abs((after?.cpuSeconds ?? 0) - (user + system) / 1e6)).toBeLessThan(0.1);
  });
});
