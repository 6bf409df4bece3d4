import { expect, it } from 'vitest';
import type { Event, Holder } from '../../../../src/core/event.js';
import { createSightings, elsewhere, sight } from '../../../../src/core/state/otherports.js';

const socket = (ino: number, lport: number): Event => ({
  kind: 'socket',
  tsNs: 1,
  proto: 'tcp',
  netns: 1,
  laddr: '0.0.0.0',
  lport,
  ino,
  uid: 0,
  queue: 0,
});
const nginx: Holder = { pid: 1201, comm: 'nginx', fds: [6] };
const owners = (ino: number, ...holders: Holder[]): Event => ({ kind: 'owners', tsNs: 1, ino, holders });
const close = (ino: number, lport: number): Event => ({
  kind: 'close',
  tsNs: 2,
  ino,
  netns: 1,
  laddr: '0.0.0.0',
  lport,
  queue: 0,
  pid: 1201,
  comm: 'nginx',
});

const seen = (...events: readonly Event[]) => {
  const sightings = createSightings();
  for (const event of events) sight(sightings, event);
  return sightings;
};

it.each<[string, Event[], number[], unknown]>([
  ['nothing listens', [], [80], []],
  ['only the asked ports', [socket(1, 80)], [80], []],
  ['a listener without a known holder', [socket(1, 80)], [], [{ lport: 80, listeners: 1, holder: null }]],
  [
    'most listeners first, then by port',
    [socket(1, 9000), socket(2, 443), socket(3, 443), socket(4, 22), owners(1, nginx), owners(2, nginx)],
    [8888],
    [
      { lport: 443, listeners: 2, holder: nginx },
      { lport: 22, listeners: 1, holder: null },
      { lport: 9000, listeners: 1, holder: nginx },
    ],
  ],
  ['one that closed', [socket(1, 80), owners(1, nginx), close(1, 80)], [], []],
  ['one that is seen twice', [socket(1, 80), socket(1, 80)], [], [{ lport: 80, listeners: 1, holder: null }]],
  [
    'an owner list that is empty',
    [socket(1, 80), owners(1)],
    [],
    [{ lport: 80, listeners: 1, holder: null }],
  ],
])('names what listens elsewhere: %s', (_, events, without, expected) =>
  expect(elsewhere(seen(...events), without)).toEqual(expected),
);

it('forgets a socket that closed, with its holder', () => {
  const sightings = seen(socket(1, 80), owners(1, nginx), close(1, 80));
  expect([sightings.ports.size, sightings.holders.size]).toEqual([0, 0]);
});
