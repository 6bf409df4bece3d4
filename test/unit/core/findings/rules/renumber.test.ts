import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { movedShare } from '../../../../../src/core/findings/rules/renumber.js';
import { at, close, count, listen, slot, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const four = (picks: number): Event[] => [
  ...[1, 2, 3, 4].map((ino) => listen(ino)),
  ...[1, 2, 3, 4].flatMap((ino, i) => [slot(ino, i, 4), count(ino, 'picks', picks)]),
  tick(2),
];

describe('a change of n while clients come', () => {
  it.each<[string, Event[], string]>([
    [
      'one leaves',
      [close(2, 3)],
      'n went 4 -> 3: about 50% of the clients that come again go to another member',
    ],
    [
      'one joins',
      [listen(5, 3)],
      'n went 4 -> 5: about 50% of the clients that come again go to another member',
    ],
    [
      'several join',
      [listen(5, 3), listen(6, 3), listen(7, 4), listen(8, 4)],
      'n went 4 -> 8 in 4 changes: about 88% of the clients that come again go to another member',
    ],
    [
      'a worker is replaced',
      [listen(5, 3), close(1, 4)],
      'n went 4 -> 4 in 2 changes: members changed places',
    ],
    [
      'all are replaced, one after the other',
      [5, 6, 7, 8].flatMap((ino) => [listen(ino, 3), close(ino - 4, 4)]),
      'n went 4 -> 4 in 8 changes: all members were replaced',
    ],
    [
      'the last one is replaced, and nobody moves',
      [close(4, 3), listen(5, 4)],
      'n went 4 -> 4 in 2 changes: members changed places',
    ],
    [
      'one comes and goes, and nobody moves',
      [listen(5, 3), close(5, 4)],
      'n went 4 -> 4 in 2 changes: clients go to the same members as before',
    ],
    [
      'two come and go, and the later one moves',
      [listen(5, 3), listen(6, 3), close(5, 4), close(6, 4)],
      'n went 4 -> 4 in 4 changes: clients go to the same members as before',
    ],
  ])('%s', (_, events, expected) =>
    expect(said('renumbered', [...four(9), ...events, tick(5)])).toEqual([`i tcp 0.0.0.0:8888 ${expected}`]),
  );

  it('is told for a minute, from the first change on', () => {
    const events = [...four(9), close(2, 3), ...beats(3, 20), close(3, 20.5)];
    expect(found('renumbered', [...events, ...beats(21, 80)])).toMatchObject([
      { sinceNs: at(3), lastNs: at(20.5), evidence: { from: 4, to: 2, changes: 2 } },
    ]);
    expect(found('renumbered', [...events, ...beats(21, 81)])).toEqual([]);
  });
});

it.each<[string, Event[]]>([
  ['n is the same', [...four(9), ...beats(3, 9)]],
  ['nobody had come yet: the workers start', four(0)],
  ['all leave', [...four(9), ...[1, 2, 3, 4].map((ino) => close(ino, 3)), tick(4)]],
])('nothing is renumbered when %s', (_, events) => expect(said('renumbered', events)).toEqual([]));

it.each([
  [4, 4, 0],
  [4, 5, 0.5],
  [1, 2, 0.5],
  [128, 127, 0.5],
  [4, 8, 0.875],
  [65_535, 1, 1 - 1 / 65_535],
])('from n = %d to %d hashes move in the part %d', (a, b, expected) =>
  expect(movedShare(a, b)).toBeCloseTo(expected, 9),
);
