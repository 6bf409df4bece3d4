import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { at, count, listen, meta, NETNS, slot } from '../../../events.js';
import { beats, found, said } from './said.js';

const on = (laddr: string, ...inos: readonly number[]): Event[] =>
  inos.flatMap((ino, i) => [listen(ino, 1, { laddr }), slot(ino, i, inos.length, { laddr })]);

const lookup = (place: number | null, id: number, name: string, netns = NETNS): Event => ({
  kind: 'lookup',
  tsNs: at(1),
  netns,
  place,
  id,
  name,
});

describe('a port with several groups', () => {
  it.each<[string, Event[], string[]]>([
    [
      'an address beside the wildcard',
      [...on('0.0.0.0', 1, 2), ...on('127.0.0.1', 3, 4)],
      [
        '! tcp 0.0.0.0:8888 shares its port: 127.0.0.1:8888 is a group of its own and gets all that comes to that address',
      ],
    ],
    [
      'several addresses beside it',
      [...on('::', 1, 2), ...on('::1', 3), ...on('fe80::1', 4), ...on('fe80::2', 5)],
      [
        '! tcp [::]:8888 shares its port: [::1]:8888, [fe80::1]:8888 and 1 more are groups of their own and get all that comes to those addresses',
      ],
    ],
    [
      'IPv4 and IPv6',
      [...on('0.0.0.0', 1, 2), ...on('::', 3, 4)],
      [
        'i tcp [::]:8888 shares its port: 0.0.0.0:8888 is a group of its own and gets all IPv4, this one IPv6 only',
      ],
    ],
    [
      'an IPv4 address beside [::], which may take IPv4 too',
      [...on('127.0.0.1', 1, 2), ...on('::', 3, 4)],
      [
        'i tcp [::]:8888 shares its port: 127.0.0.1:8888 is a group of its own and gets all that comes to that address',
      ],
    ],
    [
      'several at one address',
      [...on('0.0.0.0', 1, 2, 3), slot(1, 0, 2), slot(2, 1, 2), slot(3, 0, 1)],
      [
        '! tcp 0.0.0.0:8888 has 3 listeners, but the group last picked from has n = 1: they are several groups',
      ],
    ],
    [
      'several network namespaces',
      [meta(), ...on('0.0.0.0', 1, 2), listen(3, 1, { netns: 7 }), listen(4, 1, { netns: 8 })],
      ['i tcp port 8888 has groups in 3 network namespaces: each gets what comes to its own'],
    ],
    [
      'a program that runs before any of them',
      [meta(), ...on('0.0.0.0', 1, 2), lookup(0, 7, 'first\u001b')],
      [
        'i tcp 0.0.0.0:8888: sk_lookup program "first?" id 7 of this network namespace chooses before any group is asked',
      ],
    ],
    [
      'several programs, of which only those told last are there',
      [meta(), lookup(0, 5, 'old'), ...on('0.0.0.0', 1, 2), lookup(0, 7, 'a'), lookup(1, 8, '')],
      [
        'i tcp 0.0.0.0:8888: sk_lookup programs "a" id 7, id 8 of this network namespace choose before any group is asked',
      ],
    ],
  ])('%s', (_, events, expected) => expect(said('split', [...events, ...beats(2, 4)])).toEqual(expected));

  it('says what each got, and since when', () => {
    const events = [
      ...on('0.0.0.0', 1),
      count(1, 'picks', 3),
      listen(2, 9, { laddr: '127.0.0.1' }),
      count(2, 'picks', 4000),
    ];
    expect(found('split', [...events, ...beats(9, 14)])).toMatchObject([
      {
        sinceNs: at(9),
        raisedNs: at(12),
        evidence: { groups: 2, picks: '0.0.0.0:8888 3, 127.0.0.1:8888 4,000' },
      },
    ]);
  });
});

describe('not split is', () => {
  it.each<[string, Event[]]>([
    ['one group', on('0.0.0.0', 1, 2, 3)],
    ['two addresses of the host', [...on('10.0.0.1', 1, 2), ...on('10.0.0.2', 3, 4)]],
    ['an address of IPv6 beside one of IPv4', [...on('::1', 1, 2), ...on('127.0.0.1', 3)]],
    ['two ports', [...on('0.0.0.0', 1), listen(2, 1, { laddr: '127.0.0.1', lport: 80 })]],
    [
      'what nobody shares',
      [listen(1, 1, { reuseport: false }), listen(2, 1, { laddr: '::', reuseport: false })],
    ],
  ])('%s', (_, events) => expect(said('split', [...events, ...beats(2, 9)])).toEqual([]));

  it.each<[string, Event[]]>([
    ['a namespace whose program has gone', [lookup(0, 7, 'a'), lookup(null, 0, '')]],
    ['a program of another namespace', [lookup(0, 7, 'a', NETNS + 1)]],
    ['what was there before bpftrace began anew', [lookup(0, 7, 'a'), { kind: 'attaching', tsNs: at(1) }]],
  ])('%s', (_, events) =>
    expect(said('split', [meta(), ...on('0.0.0.0', 1, 2), ...events, ...beats(2, 6)])).toEqual([]),
  );

  it('a group whose workers start one after the other', () => {
    expect(said('split', [...on('0.0.0.0', 1, 2), listen(3, 1, { laddr: '::' }), ...beats(2, 3)])).toEqual(
      [],
    );
  });
});
