import { expect, it } from 'vitest';
import type { Event, OpenEvent } from '../../../../../src/core/event.js';
import { acceptOf, at, attached, listen, meta, NETNS, owners, pick, slot } from '../../../events.js';
import { beats, said } from './said.js';

const three: Event[] = [
  meta(),
  attached(1),
  ...[1, 2, 3].flatMap((ino, i) => [
    listen(ino),
    slot(ino, i, 3),
    owners(ino, 1000 + ino),
    acceptOf(pick(ino, 1.5 + ino / 100), 1),
  ]),
];
const open = (unread: readonly (readonly [number, number])[]): OpenEvent => ({
  kind: 'open',
  tsNs: at(5),
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  processes: [1001, 1002, 1003].map((pid) => ({ pid, connections: 20 })),
  unread: unread.map(([pid, connections]) => ({ pid, connections })),
  others: 0,
});

it('says of a worker that it accepts and does not read, while its siblings do', () =>
  expect(
    said('unread', [
      ...three,
      open([
        [1002, 18],
        [1003, 1],
      ]),
      ...beats(5, 7),
    ]),
  ).toEqual([
    'x tcp 0.0.0.0:8888 #1 pid 1002 nginx: 18 connections that it accepted hold bytes which it has not read for some seconds (20 open); its siblings read theirs',
  ]));

it.each<[string, OpenEvent]>([
  ['few are', open([[1002, 4]])],
  ['most of its connections are read', open([[1002, 5]])],
  [
    'all are as slow',
    open([
      [1001, 18],
      [1002, 18],
      [1003, 17],
    ]),
  ],
  ['none are', open([])],
])('says nothing when %s', (_, event) =>
  expect(said('unread', [...three, event, ...beats(5, 7)])).toEqual([]),
);
