import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { acceptOf, at, attached, count, listen, meta, pick, slot, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const fails = (ino: number, seconds: number, total: number, ret = -24, pid = 1000 + ino): Event[] => [
  { kind: 'unaccepted', tsNs: at(seconds), ino, pid, tid: pid, comm: 'nginx', ret },
  count(ino, 'failed', total, seconds),
];
const two: Event[] = [meta(), attached(1), listen(1), slot(1, 0, 2), listen(2), slot(2, 1, 2)];

describe('accept() that fails', () => {
  it('is told with its errno and how many descriptors there are', () => {
    const run = [
      ...two,
      ...fails(2, 2, 7),
      { kind: 'descriptors', tsNs: at(2), pid: 1002, open: 40, limit: 40 } as const,
      ...fails(2, 3, 51),
      tick(4),
    ];
    expect(said('accept-failed', run)).toEqual([
      'x tcp 0.0.0.0:8888 #1 pid 1002 nginx: accept() failed 51 times with EMFILE (40 of 40 descriptors open)',
    ]);
    expect(found('accept-failed', run)).toMatchObject([
      {
        ino: 2,
        evidence: { failed: 51, errno: 'EMFILE', pid: 1002, openDescriptors: 40, descriptorLimit: 40 },
        advice: expect.stringMatching(/prlimit --pid 1002/),
      },
    ]);
  });

  it('says better than stuck and ghost why nothing is taken', () => {
    const run = [
      ...two,
      ...Array.from({ length: 12 }, (_, i) => acceptOf(pick(1, 2 + i / 4), 1, 1001)),
      count(1, 'accepted', 12, 5),
      count(2, 'queue', 9, 2),
      ...[2, 3, 4, 5, 6, 7, 8, 9].flatMap((second) => [...fails(2, second, 50 * second), tick(second)]),
    ];
    expect(said('accept-failed', run)[0]).toMatch(/failed 450 times with EMFILE, 9 connections wait/);
    for (const rule of ['stuck', 'ghost'] as const) expect(said(rule, run)).toEqual([]);
  });

  it.each([
    [-23, /fs\.file-max/],
    [-12, /memory limit of its cgroup/],
    [-1, /security module or filter/],
  ])('advises what errno %d asks for', (ret, advice) =>
    expect(found('accept-failed', [...two, ...fails(2, 2, 1, ret), tick(3)])[0]?.advice).toMatch(advice),
  );

  it('is over ten seconds after the last failure', () => {
    const run = [...two, ...fails(2, 2, 3), ...beats(3, 14)];
    expect(said('accept-failed', run)).toEqual([]);
  });

  it('is nothing while none fails', () =>
    expect(said('accept-failed', [...two, count(2, 'failed', 0, 2), ...beats(3, 9)])).toEqual([]));
});
