import { expect, it } from 'vitest';
import { createRing, dropOldest, push } from '../../../../src/core/state/ring.js';

it('keeps the newest entries and hands back those that go, a quarter at a time', () => {
  const ring = createRing<number>(8);
  const gone = Array.from({ length: 20 }, (_, i) => push(ring, i));
  expect(gone.map((items) => items.length).join('')).toBe('00000000202020202020');
  expect(gone.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(ring).toEqual({ capacity: 8, pushed: 20, items: [12, 13, 14, 15, 16, 17, 18, 19] });
});

it('never holds more than its capacity, and loses nothing', () => {
  for (const capacity of [1, 2, 3, 4, 60, 4096]) {
    const ring = createRing<number>(capacity);
    const seen: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      seen.push(...push(ring, i));
      if (ring.items.length > capacity) expect(ring.items).toHaveLength(capacity);
    }
    expect([...seen, ...ring.items]).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  }
});

it('drops the oldest key of a map or set that was added to, and none of one that has room', () => {
  const map = new Map([1, 2, 3].map((key) => [key, '']));
  const set = new Set([1, 2, 3]);
  for (const kept of [map, set]) {
    dropOldest(kept, 3);
    expect([...kept.keys()]).toEqual([1, 2, 3]);
    dropOldest(kept, 2);
    expect([...kept.keys()]).toEqual([2, 3]);
  }
});
