import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  meta,
  owners,
  pick,
  slot,
  socket,
  tick,
} from '../../../events.js';
import { beats, found, said } from './said.js';

const one = (queue: number, backlog = 511): Event[] => [
  listen(1),
  slot(1, 0, 2, { queue, backlog }),
  listen(2),
];
const WHO = 'tcp 0.0.0.0:8888 #0 pid 1001 nginx';

describe('a queue that nobody serves', () => {
  it('is not stuck at three ticks, and is at the fourth', () => {
    expect(said('stuck', [...one(3), ...beats(2, 4)])).toEqual([]);
    expect(said('stuck', [...one(3), ...beats(2, 5)])).toEqual([
      `x ${WHO}: 3/511 queued, no accept() for 3 s`,
    ]);
  });

  it('is stuck whatever the ticks are late', () => {
    const late = [2, 2.999, 3.9985, 4.998].map(tick);
    expect(said('stuck', [...one(3), ...late])).toHaveLength(1);
  });

  it('names the one of 256 within five seconds of its first connection, with its pid', () => {
    const members = Array.from({ length: 256 }, (_, i) => 100 + i);
    const events: Event[] = [
      meta(),
      attached(0),
      tick(0),
      ...members.flatMap((ino, i) => [listen(ino, 0.5), slot(ino, i, 256)]),
    ];
    // Everybody is served, each second; of the four that come to member 228 after second 10 two are, and then nobody.
    for (let second = 1; second <= 15; second++) {
      for (const ino of members) {
        const isDead = ino === 228 && second > 10;
        events.push(count(ino, 'picks', second * 4, second));
        events.push(count(ino, 'accepted', isDead ? 42 : second * 4, second));
        events.push(count(ino, 'queue', isDead ? (second - 10) * 4 - 2 : 0, second));
      }
      events.push(tick(second));
    }
    const until = (seconds: number): Event[] => events.filter(({ tsNs }) => tsNs <= at(seconds));
    expect(said('stuck', until(13))).toEqual([]);
    expect(
      found('stuck', until(15)).map(({ ino, evidence, raisedNs }) => [ino, evidence.pid, raisedNs]),
    ).toEqual([[228, 1228, at(14)]]);
  });

  it.each<[string, Event[]]>([
    ['is served now and then', [...one(9), ...served(2, 30, 2)]],
    ['is served every five seconds, once that is known', [...one(9), ...served(2, 60, 5)]],
    ['is empty', [...one(0), ...beats(2, 20)]],
    ['was a burst', [...one(300), ...beats(2, 4), count(1, 'queue', 0, 4.5), ...beats(5, 8)]],
    ['is not watched: the ticks stood still', [...one(3), tick(2), tick(60), tick(60.6)]],
    ['is that of a listener that closed', [...one(3), ...beats(2, 9), close(1, 9.5), tick(10)]],
    ['was before bpftrace was away', [...one(3), ...beats(2, 4), ended(4.5), attached(20), ...beats(21, 25)]],
    [
      'is taken from unseen, as by io_uring',
      [
        meta(),
        ...one(1),
        tick(2),
        ...[3, 4, 5, 6, 7].flatMap((second) => [count(1, 'picks', 5 * second, second), tick(second)]),
      ],
    ],
  ])('is not stuck when it %s', (_, events) => expect(said('stuck', events)).toEqual([]));

  it('says since when, and that it is full', () => {
    const events = [...one(512), ...beats(2, 199)];
    expect(said('stuck', events)).toEqual([
      `x ${WHO}: 512/511 queued, no accept() for 3 min, full: its new clients hang`,
    ]);
    expect(said('overflow', events)).toEqual([]);
    expect(found('stuck', events)[0]).toMatchObject({
      sinceNs: at(2),
      raisedNs: at(5),
      evidence: { pid: 1001, queue: 512, backlog: 511, waitedMs: 197_000 },
    });
  });

  it('is doubted where accepts may go unseen, and where probe runs were skipped', () => {
    const doubt = (queue: number, ...events: Event[]) =>
      found('stuck', [...one(queue), ...events, ...beats(2, 9)])[0]?.doubt;
    expect(doubt(1, meta({ rung: 'fentry' }))).toBe(null);
    expect(doubt(1, meta({ rung: 'tracepoint' }))).toMatch(/io_uring/);
    expect(doubt(2, meta({ rung: 'tracepoint' }))).toBe(null);
    expect(doubt(1, meta(), tick(2), socket(1, { queue: 1, tsNs: at(3) }))).toBe(null);
    expect(doubt(1, meta(), count(1, 'accepted', 7))).toBe(null);
    expect(
      found('stuck', [
        meta({ rung: 'fentry' }),
        attached(0),
        tick(0),
        tick(8),
        ...one(3),
        { kind: 'lost', tsNs: at(8), by: 'missed', events: 2 },
        count(1, 'accepted', 7, 9),
        count(1, 'queue', 3, 9),
        ...beats(9, 15),
      ])[0]?.doubt,
    ).toBe('up to 2 of 2 picks and accepts were not counted');
  });

  it('that is moved connections nobody was woken for says so', () => {
    const [finding] = found('stuck', [...one(3), count(1, 'moved_to', 3), ...beats(2, 6)]);
    expect(finding?.why).toMatch(/moved here/);
  });
});

/** An accept every `every` seconds, ticks between. */
function served(from: number, to: number, every: number): Event[] {
  return beats(from, to).flatMap((beat, i) =>
    i > 0 && i % every === 0 ? [count(1, 'accepted', i, from + i), beat] : [beat],
  );
}

describe('a queue that is full', () => {
  it.each<[string, Event[], string[]]>([
    [
      'by one more than its backlog',
      [...one(512), tick(2)],
      [`x ${WHO}: queue full, 512/511 queued: new connections to it are dropped`],
    ],
    ['not by as many as its backlog', [...one(511), tick(2)], []],
    [
      'with what it dropped',
      [...one(512), count(1, 'dropped_syn', 40), count(1, 'dropped_ack', 2), tick(2)],
      [`x ${WHO}: queue full, 512/511 queued: new connections to it are dropped, 42 so far`],
    ],
    [
      'between two ticks',
      [...one(100), count(1, 'dropped_syn', 40), tick(2)],
      [`x ${WHO}: its queue was full, 100/511 queued: connections were dropped, 40 so far`],
    ],
    [
      'of several holders',
      [...one(512), owners(1, 7, 8), tick(2)],
      ['x tcp 0.0.0.0:8888 #0 ino 1: queue full, 512/511 queued: new connections to it are dropped'],
    ],
    [
      'of a process with an evil name',
      [...one(512), { ...acceptOf(pick(1)), comm: '\u001b[2J\n' }, tick(2)],
      ['x tcp 0.0.0.0:8888 #0 pid 1001 ?[2J?: queue full, 512/511 queued: new connections to it are dropped'],
    ],
    ['nowhere, of backlog zero and nothing queued', [...one(0, 0), tick(2)], []],
    ['nobody knows where: no backlog', [listen(1), count(1, 'queue', 5000), tick(2), tick(3)], []],
    ['for a moment, 11 seconds ago', [...one(512), tick(2), count(1, 'queue', 0), ...beats(3, 13)], []],
    [
      'for a moment, 10 seconds ago',
      [...one(512), tick(2), count(1, 'queue', 0), ...beats(3, 12)],
      [`x ${WHO}: queue full, 512/511 queued: new connections to it are dropped`],
    ],
  ])('%s', (_, events, expected) => expect(said('overflow', events)).toEqual(expected));

  it('counts what is dropped from the first of it on, and anew after a minute of quiet', () => {
    const drops = (total: number, second: number): Event[] => [
      count(1, 'dropped_syn', total, second),
      tick(second),
    ];
    const events = [...one(9), ...drops(10, 2), ...drops(30, 3)];
    expect(found('overflow', events)[0]?.sinceNs).toBe(at(2));
    expect(said('overflow', [...events, ...drops(37, 70)])).toEqual([
      `x ${WHO}: its queue was full, 9/511 queued: connections were dropped, 7 so far`,
    ]);
  });
});

describe('a queue at least half full', () => {
  it.each<[string, Event[], string[]]>([
    ['at three ticks is slow', [...one(256), ...beats(2, 4)], [`! ${WHO}: slow to accept, 256/511 queued`]],
    ['at two is a burst', [...one(256), ...beats(2, 3)], []],
    ['less one is not', [...one(255), ...beats(2, 9)], []],
    [
      'is slow although it is served',
      [...one(300), tick(2), count(1, 'accepted', 9, 3), tick(3), count(1, 'accepted', 20, 4), tick(4)],
      [`! ${WHO}: slow to accept, 300/511 queued`],
    ],
    [
      'that /proc saw is slow',
      [socket(1, { queue: 300 }), slot(1, 0, 2), count(1, 'queue', 300), ...beats(2, 4)],
      ['! tcp 0.0.0.0:8888 #0 ino 1: slow to accept, 300/511 queued'],
    ],
  ])('%s', (_, events, expected) => expect(said('overflow', events)).toEqual(expected));

  it('becomes worse when it is full, and is one finding', () => {
    const events = [...one(256), ...served(2, 4, 1), count(1, 'queue', 512, 5), ...served(5, 5, 1)];
    expect(found('overflow', events)).toMatchObject([{ severity: 'problem', raisedNs: at(4), serial: 1 }]);
  });

  it('is not shown to whoever asked for another process', () => {
    expect(said('overflow', [...one(512), tick(2)], { ...ALL, pid: 42 })).toEqual([]);
  });
});
