import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import { at, attached, close, count, listen, meta, NETNS, slot, tick } from '../../../events.js';
import { beats, found, said } from './said.js';

const three = (rung: 'fentry' | 'tracepoint'): Event[] => [
  meta({ rung }),
  attached(0),
  ...[1, 2, 3].flatMap((ino, i) => [listen(ino), slot(ino, i, 3)]),
  tick(2),
];
const stopping = (ino: number, synQueue: number): Event => ({
  kind: 'stopping',
  tsNs: at(2.9),
  ino,
  netns: 1,
  queue: 0,
  synQueue,
  pid: 1,
  comm: 'nginx',
});

describe('connections lost when a listener closed', () => {
  it('on the tracepoint rung are those that were queued', () => {
    const [finding] = found('lost-at-close', [...three('tracepoint'), close(2, 3, { queue: 41 }), tick(3)]);
    expect(finding?.text).toBe(
      'tcp 0.0.0.0:8888 had 41 connections queued when #1 pid 1002 nginx closed: reset',
    );
    expect(finding?.doubt).toMatch(/tcp_migrate_req moved them/);
    expect(finding?.advice).toMatch(
      /^sysctl net.ipv4.tcp_migrate_req=1 .* would have given these 41 to the 2 listeners that stay/,
    );
    expect(finding?.evidence).toEqual({
      connections: 41,
      handshakes: null,
      moved: null,
      listenersClosed: 1,
      listenersLeft: 2,
    });
  });

  it.each<[string, number, Event[], string[]]>([
    [
      'off: all of them are reset',
      0,
      [close(2, 3, { queue: 41 })],
      ['x tcp 0.0.0.0:8888 lost 41 queued connections when #1 pid 1002 nginx closed'],
    ],
    ['on: they are moved', 1, [close(2, 3, { queue: 41 })], []],
    [
      'on, and nobody left to take them',
      1,
      [close(1, 3, { queue: 5 }), close(2, 3.1, { queue: 6 }), close(3, 3.2, { queue: 7 })],
      ['x tcp 0.0.0.0:8888 lost 7 queued connections when #0 pid 1003 nginx closed'],
    ],
  ])('on the tracepoint rung with net.ipv4.tcp_migrate_req %s', (_, migrateReq, events, expected) => {
    const sysctl: Event = { kind: 'sysctl', tsNs: at(0), netns: NETNS, migrateReq };
    const all = [...three('tracepoint'), sysctl, ...events, tick(4)];
    expect(said('lost-at-close', all)).toEqual(expected);
    for (const { doubt } of found('lost-at-close', all)) expect(doubt).toBe(null);
  });

  it('on the function rungs are those that were reset, with the handshakes under way', () => {
    const events = [
      ...three('fentry'),
      stopping(2, 3),
      close(2, 3, { queue: 41 }),
      count(2, 'killed', 41, 3.5),
      tick(7),
    ];
    const [finding] = found('lost-at-close', events);
    expect(finding).toMatchObject({ severity: 'problem', sinceNs: at(3), lastNs: at(3), doubt: null });
    expect(finding?.text).toBe(
      'tcp 0.0.0.0:8888 lost 41 queued connections and 3 handshakes when #1 pid 1002 nginx closed',
    );
  });

  it('are no handshakes that are under way yet, or that went to another member', () => {
    const events = [...three('fentry'), stopping(2, 3), close(2, 3, { queue: 0 })];
    expect(said('lost-at-close', [...events, tick(4), tick(5)])).toEqual([]);
    const moved = [count(2, 'requests_from', 2, 5.5), count(1, 'requests_to', 2, 5.5)];
    expect(said('lost-at-close', [...events, ...moved, tick(7)])).toEqual([
      'x tcp 0.0.0.0:8888 lost 0 queued connections and 1 handshake when #1 pid 1002 nginx closed, 2 moved to #0 pid 1001 nginx',
    ]);
  });

  it('are none where the tracepoint rung saw all of them move, whatever the setting of another namespace is', () => {
    const events = [...three('tracepoint'), close(2, 3, { queue: 5 })];
    expect(said('lost-at-close', [...events, count(2, 'moved_from', 5, 3.5), tick(4)])).toEqual([]);
    expect(said('lost-at-close', [...events, count(2, 'moved_from', 4, 3.5), tick(4)])).toEqual([
      'x tcp 0.0.0.0:8888 lost 1 queued connection when #1 pid 1002 nginx closed, 4 moved to others',
    ]);
  });

  it('are told from those that were moved', () => {
    const [finding] = found('lost-at-close', [
      ...three('fentry'),
      close(2, 3, { queue: 41 }),
      count(2, 'killed', 1, 3.5),
      count(2, 'moved_from', 40, 3.5),
      tick(4),
    ]);
    expect(finding?.text).toMatch(/lost 1 queued connection when .* closed, 40 moved to others$/);
    expect(finding?.advice).toMatch(/^Accept what is queued/);
  });

  it('of a reload are one finding', () => {
    const events = [
      ...three('tracepoint'),
      ...[1, 2, 3].map((ino) => close(ino, 2 + ino, { queue: ino })),
      tick(6),
    ];
    expect(said('lost-at-close', events)).toEqual([
      'x tcp 0.0.0.0:8888 had 6 connections queued when 3 listeners closed: reset',
    ]);
    expect(found('lost-at-close', events)[0]).toMatchObject({
      sinceNs: at(3),
      lastNs: at(5),
      advice: expect.stringMatching(/nobody was left/),
    });
  });

  it('are told for a minute', () => {
    const events = [...three('tracepoint'), close(2, 3, { queue: 41 })];
    expect(said('lost-at-close', [...events, ...beats(3, 63)])).toHaveLength(1);
    expect(said('lost-at-close', [...events, ...beats(3, 64)])).toEqual([]);
  });
});

it.each<[string, Event[]]>([
  ['a queue that was empty', [...three('tracepoint'), close(2, 3), tick(3)]],
  [
    'all that was queued was moved',
    [...three('fentry'), close(2, 3, { queue: 41 }), count(2, 'moved_from', 41, 3.5), tick(4)],
  ],
  ['nobody closed', [...three('tracepoint'), ...beats(3, 9)]],
])('nothing is lost at close when %s', (_, events) => expect(said('lost-at-close', events)).toEqual([]));
