import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../../src/core/event.js';
import {
  acceptOf,
  at,
  attached,
  count,
  listen,
  meta,
  owners,
  pick,
  slot,
  socket,
  tick,
} from '../../../events.js';
import { found, said } from './said.js';

/** Four members; 1 to 3 are served, at a rate of `each` a second; 4 gets connections that wait. */
const run = (
  seconds: number,
  options: { before?: Event[]; fourth?: (second: number) => Event[]; each?: number } = {},
) => {
  const each = options.each ?? 4;
  const events: Event[] = [meta({ rung: 'fentry' }), attached(0), tick(0), ...(options.before ?? born())];
  for (let second = 2; second <= seconds; second++) {
    for (const ino of [1, 2, 3]) {
      events.push(
        count(ino, 'picks', each * second, second),
        count(ino, 'established', each * second, second),
      );
      events.push(count(ino, 'accepted', each * second, second));
      events.push(acceptOf(pick(ino, second - 0.5, { n: 4, index: ino - 1 })));
    }
    events.push(...(options.fourth ?? waits)(second), tick(second));
  }
  return events;
};
const born = (): Event[] => [1, 2, 3, 4].flatMap((ino, i) => [listen(ino), slot(ino, i, 4)]);
const waits = (second: number): Event[] => [
  count(4, 'picks', second, second),
  count(4, 'established', second, second),
  count(4, 'queue', second, second),
];

describe('a member that nobody ever accepted on', () => {
  it('is called stuck at first, and then what it is', () => {
    expect(said('stuck', run(5))).toHaveLength(1);
    expect(said('ghost', run(7))).toEqual([]);
    expect(said('stuck', run(9))).toEqual([]);
    expect(said('ghost', run(9))).toEqual([
      'x tcp 0.0.0.0:8888 #3 pid 1004 nginx: nobody has accepted here ever, 9/511 queued, held by pid 1004 nginx; its siblings accepted 108',
    ]);
    expect(found('ghost', run(9))).toMatchObject([
      {
        ino: 4,
        sinceNs: at(1),
        raisedNs: at(8),
        evidence: { pid: 1004, queue: 9, siblingsAccepted: 108 },
        doubt: null,
      },
    ]);
  });

  it.each<[string, (ino: number) => number[], number]>([
    ['and only a master is left that holds the others too', () => [99], 1],
    ['and its holders serve the others', () => [1001, 1002, 1003], 1],
    ['and nobody is seen to hold it', (ino) => (ino === 4 ? [] : [99]), 1],
    ['but the process that should serve it may hang since', (ino) => [1000 + ino], 0],
    ['but one of its holders may, beside their master', () => [99, 1001, 1002, 1003, 1004], 0],
  ])('was there before the tool, %s', (_, pids, ghosts) => {
    const before = [1, 2, 3, 4].flatMap((ino, i) => [
      socket(ino),
      owners(ino, ...pids(ino)),
      slot(ino, i, 4),
    ]);
    const findings = found('ghost', run(9, { before }));
    expect(findings).toHaveLength(ghosts);
    expect(found('stuck', run(9, { before }))).toHaveLength(1 - ghosts);
    for (const { text, doubt } of findings) {
      expect(text).toMatch(/nobody has accepted here in 8 s, 9\/511 queued, held by/);
      expect(doubt).toMatch(/before the tool began/);
    }
  });

  it.each<[string, number[], string, number | null]>([
    ['held by workers that serve the others, as in nginx', [1001, 1002, 1003], 'Reload or restart', null],
    ['and by one that serves nobody', [1001, 1002, 1003, 4711], 'See why pid 4711 nginx', 4711],
    [
      'and by its master, which listens and never accepts',
      [1001, 1002, 1004, 4711],
      'See why pid 4711 nginx',
      4711,
    ],
    ['by its master alone', [99], 'pid 99 nginx alone keeps it open: end it if it is an old worker', 99],
    ['by nobody that can be seen', [], 'Look for its holder in another pid namespace', null],
  ])('%s', (_, pids, advice, pid) => {
    const before = [...born(), owners(3, 99, 1003), owners(4, ...pids)];
    const [finding] = found('ghost', run(9, { before }));
    expect(finding?.advice).toMatch(new RegExp(`^${advice}`));
    expect(finding?.evidence.pid).toBe(pid);
  });
});

describe('no ghost is', () => {
  it.each<[string, Event[]]>([
    [
      'a member that was accepted on once',
      run(20, { fourth: (s) => [...waits(s), count(4, 'accepted', 1, s)] }),
    ],
    ['one that was never picked', run(20, { fourth: () => [] })],
    ['one whose siblings are not served either', run(20, { each: 0 })],
    ['one of a group that hardly has work', run(4, { each: 1 })],
    [
      'a listener that stands alone',
      [
        meta(),
        listen(4),
        slot(4, 0, 1),
        ...Array.from({ length: 20 }, (_, i) => [...waits(i + 2), tick(i + 2)]).flat(),
      ],
    ],
  ])('%s', (_, events) => expect(said('ghost', events)).toEqual([]));
});
