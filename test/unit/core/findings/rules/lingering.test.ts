import { expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { attached, count, listen, meta, slot, tick } from '../../../events.js';
import { said } from './said.js';

const two: Event[] = [meta(), attached(1), listen(1), slot(1, 0, 2), listen(2), slot(2, 1, 2)];
/** Each second both accept some; what is left in their queues then. */
const seconds = (to: number, queues: (second: number) => readonly [number, number], perSecond = 5): Event[] =>
  Array.from({ length: to - 1 }, (_, i) => i + 2).flatMap((second) => [
    ...[1, 2].flatMap((ino) => [
      count(ino, 'picks', perSecond * second, second),
      count(ino, 'accepted', perSecond * second, second),
      count(ino, 'queue', queues(second)[ino - 1] ?? 0, second),
    ]),
    tick(second),
  ]);

it('says of a queue that is never empty how many always wait, and that those of the siblings empty', () =>
  expect(said('lingering', [...two, ...seconds(20, () => [0, 3])])).toEqual([
    '! tcp 0.0.0.0:8888 #1 pid 1002 nginx: its queue was not empty for 18 s though it accepts: 3 connections always wait, and the queues of its siblings empty',
  ]));

it.each<[string, Event[]]>([
  ['the queue empties now and then', seconds(40, (second) => [0, second % 9 === 0 ? 0 : 3])],
  ['all are as long: the service is slow', seconds(20, () => [3, 3])],
  ['it is short', seconds(12, () => [0, 3])],
  ['so many come that one always waits', seconds(20, () => [0, 3], 500)],
  ['it grows: the worker is slow', seconds(20, (second) => [0, second])],
  [
    'it is worked off while nobody comes',
    [
      ...seconds(12, () => [0, 3]),
      ...Array.from({ length: 9 }, (_, i) => 13 + i).flatMap((second) => [
        count(2, 'accepted', 60 + second, second),
        count(2, 'queue', 3, second),
        tick(second),
      ]),
    ],
  ],
  ['it is half full: overflow tells', seconds(20, () => [0, 300])],
])('says nothing when %s', (_, events) => expect(said('lingering', [...two, ...events])).toEqual([]));
