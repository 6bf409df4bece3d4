import { expect, it } from 'vitest';
import { createStanding } from '../../../src/live/stalled.js';
import { count, tick } from '../events.js';

it('asks once about a queue that stood still from tick to tick, and again after it has moved', () => {
  const standing = createStanding();
  const events = [
    count(1, 'queue', 2),
    tick(1),
    tick(2),
    tick(3),
    count(1, 'queue', 3),
    tick(4),
    tick(5),
    count(1, 'queue', 0),
    tick(6),
    tick(7),
  ];
  const asked = events.filter((event) => standing.hasStoodStill(event)).map((event) => event.tsNs / 1e9);
  expect(asked).toEqual([2, 5]);
});
