import { expect, it } from 'vitest';
import type { DialEvent, Event } from '../../../../../src/core/event.js';
import { at, listen, NETNS, slot } from '../../../events.js';
import { beats, said } from './said.js';

const dial = (seconds: number, change: Partial<DialEvent> = {}): DialEvent => ({
  kind: 'dial',
  tsNs: at(seconds),
  ino: 50,
  netns: NETNS,
  laddr: '10.0.0.5',
  lport: 8888,
  raddr: '10.0.0.9',
  rport: 5060,
  isFailed: true,
  pid: 7,
  comm: 'kamailio',
  ...change,
});
const heard: Event[] = [listen(1), slot(1, 0, 1)];

it('says of connect() from a listening port that it failed, and how often', () =>
  expect(said('dial-failed', [...heard, dial(2), dial(3), ...beats(4, 5)])).toEqual([
    '! tcp 10.0.0.5:8888 connect() of pid 7 kamailio failed at once 2 times (EADDRNOTAVAIL), the last to 10.0.0.9:5060: such a connection exists, or is in TIME_WAIT',
  ]));

it.each<[string, Event[]]>([
  ['it succeeds', [...heard, dial(2, { isFailed: false }), ...beats(3, 4)]],
  ['nobody listens on that port', [dial(2), ...beats(3, 4)]],
  ['a minute is over', [...heard, dial(2), ...beats(3, 64)]],
])('is quiet when %s', (_, events) => expect(said('dial-failed', events)).toEqual([]));
