import { expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { attached, count, ended, malformed, meta, owners, slot, socket, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const lost = (events: number, by: 'perf' | 'missed' = 'perf'): Event => ({
  kind: 'lost',
  tsNs: 1,
  by,
  events,
});

it.each<[string, Event[], string[]]>([
  ['nothing', [], []],
  [
    'events',
    [lost(12_329)],
    ['! 12,329 events lost by bpftrace: the logs have gaps, the counters are exact'],
  ],
  ['probe runs that the kernel skipped', [lost(3, 'missed')], []],
  [
    'picks that were not counted',
    [
      attached(0),
      slot(1, 0, 2),
      ...beats(1, 8),
      count(1, 'picks', 5, 8.5),
      count(1, 'accepted', 6, 8.5),
      count(1, 'queue', 1, 8.5),
      lost(3, 'missed'),
      ...beats(9, 10),
    ],
    ['! 2 picks at most were not counted: the kernel skipped 3 probe runs'],
  ],
  [
    'one pick that was not counted',
    [
      attached(0),
      slot(1, 0, 2),
      ...beats(1, 8),
      count(1, 'picks', 5, 8.5),
      count(1, 'accepted', 6, 8.5),
      lost(1, 'missed'),
    ],
    ['! 1 pick at most was not counted: the kernel skipped 1 probe run'],
  ],
  [
    'holders that cannot be seen, because the tool has a pid namespace of its own',
    [{ ...meta(), hasOwnPids: true }, attached(0), socket(1), socket(2), owners(2, 7), socket(3)],
    [
      'i 2 sockets held by processes outside of the pid namespace of this tool: who they are is not seen before they accept or receive',
    ],
  ],
  ['holders that are not there', [meta(), attached(0), socket(1)], []],
  ['lines that make no sense', [malformed(2)], ['! 2 lines of bpftrace not understood and left out']],
])('lossy: %s', (_, events, expected) => expect(said('lossy', [...events, tick(9)])).toEqual(expected));

it('lossy is a note where bpftrace lost its last lines as it was asked to end', () => {
  const events = [attached(0), slot(1, 0, 2), count(1, 'picks', 9, 2), count(1, 'printed', 9, 2), tick(2)];
  expect(said('lossy', events)).toEqual([]);
  expect(said('lossy', [...events, ended(2.5, '')])).toEqual([
    'i 9 events lost by bpftrace as it ended: the last of the logs is missing, the counters are exact',
  ]);
  expect(said('lossy', [...events, tick(3), ended(3.5, '')])).toEqual([
    '! 9 events lost by bpftrace: the logs have gaps, the counters are exact',
  ]);
});

it('lossy is a note where it it is less than one in a hundred', () => {
  const counted = (picks: number): Event[] => [
    attached(0),
    slot(1, 0, 2),
    ...beats(1, 8),
    count(1, 'picks', picks, 8.5),
    count(1, 'accepted', picks + 2, 8.5),
    lost(3, 'missed'),
    tick(9),
  ];
  expect(found('lossy', counted(100)).map(({ severity }) => severity)).toEqual(['warning']);
  expect(found('lossy', counted(200)).map(({ severity }) => severity)).toEqual(['note']);
});

it('lossy stands for the rest of the run, as one finding for each kind', () => {
  const findings = found('lossy', [lost(1), malformed(1), ...beats(2, 300)]);
  expect(findings.map(({ detail, sinceNs }) => `${detail} ${sinceNs / 1e9}`)).toEqual([
    'events 2',
    'lines 2',
  ]);
});
