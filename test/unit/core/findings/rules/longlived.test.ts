import { describe, expect, it } from 'vitest';
import type { Event, OpenEvent } from '../../../../../src/core/event.js';
import {
  acceptOf,
  at,
  close,
  count,
  listen,
  meta,
  NETNS,
  owners,
  pick,
  slot,
  stateOf,
  tick,
} from '../../../events.js';
import { beats, found, said } from './said.js';

/** How many connections the processes 1001, 1002, ... have open. */
const open = (
  connections: readonly number[] | null,
  seconds = 5,
  change: Partial<OpenEvent> = {},
): OpenEvent => ({
  kind: 'open',
  tsNs: at(seconds),
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  processes: connections?.map((each, i) => ({ pid: 1001 + i, connections: each })) ?? null,
  others: 0,
  ...change,
});

/** Four members, each of a process of its own, with these picks at second 12. */
const four = (picks: readonly number[] = [60, 50, 55, 45]): Event[] => [
  meta(),
  ...picks.flatMap((_, i) => [listen(i + 1), slot(i + 1, i, 4), owners(i + 1, 1001 + i)]),
  tick(2),
  ...picks.map((each, i) => count(i + 1, 'picks', each, 4)),
  ...beats(4, 6),
];
const opensOf = (events: readonly Event[]): (number | null)[] =>
  [...stateOf(events).members.values()].map((member) => member.open);

const LONG = [12, 244, 70, 74];

describe('connections that stay open with one member, while picks are even', () => {
  it('are a skew with that cause, its numbers, and what to try', () => {
    const [finding, ...others] = found('skew', [...four(), open(LONG), tick(7)]);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'warning',
      ino: 2,
      detail: 'open',
      sinceNs: at(5),
      raisedNs: at(7),
      doubt: null,
      // Of 60, 50, 55 and 45 picks chi-square is 2.381 at 3 degrees of freedom: ln 0.4972 with scipy 1.17.
      evidence: { open: 244, groupOpen: 400, members: 4, ratio: 2.44, groupPicks: 210, picksLnP: -0.7 },
    });
    expect(finding?.evidence.cause).toBe('long-lived');
    expect(finding?.text).toMatch(
      /^tcp 0\.0\.0\.0:8888 #1 pid 1002 nginx: 61% of 400 open connections, 2\.44x its fair share \(p = \de-\d\d\): its own live long; of 210 picks nobody has more than 1\.14x \(p = 0\.5\)$/,
    );
    expect(finding?.advice).toMatch(/connect anew now and then/);
  });

  it('are a note when it is one that has few, as after a restart', () => {
    expect(said('skew', [...four(), open([100, 3, 120, 110]), tick(7)])).toEqual([
      expect.stringMatching(
        /^i .*#1 pid 1002 nginx: 1% of 333 open connections, 0\.04x .*: those of the others live longer/,
      ),
    ]);
  });

  it('are a note when the others were started after it', () => {
    const restarted = [
      ...four().flatMap((event) => (event.kind === 'tick' ? [] : [event])),
      ...[1, 3, 4].flatMap((ino, i) => [
        close(ino, 6 + i / 10),
        listen(10 + ino, 7 + i / 10),
        owners(10 + ino, 1000 + ino),
      ]),
      ...[2, 11, 13, 14].map((ino, i) => slot(ino, i, 4, { tsNs: at(8) })),
      ...beats(8, 9),
      ...[2, 11, 13, 14].map((ino) => count(ino, 'picks', 150, 10)),
      ...beats(10, 11),
      open(LONG, 12),
      tick(13),
    ];
    const [finding] = found('skew', restarted).filter(({ detail }) => detail === 'open');
    expect(finding).toMatchObject({ severity: 'note', ino: 2, evidence: { cause: 'started-later' } });
    expect(finding?.text).toMatch(/its fair share \(p = [^)]*\): the others were started after it$/);
    expect(finding?.advice).toMatch(/^Nothing: /);
  });

  it('are a note without a cause while picks are too few to tell', () => {
    const [finding] = found('skew', [...four([4, 5, 4, 4]), open(LONG), tick(7)]);
    expect(finding).toMatchObject({ severity: 'note', evidence: { cause: 'unknown', picksLnP: null } });
    expect(finding?.text).toMatch(/61% of 400 open .*: 17 picks so far, too few to tell why$/);
  });

  it('are over when they are even again, and not before', () => {
    const events = [...four(), open(LONG), tick(7)];
    expect(found('skew', [...events, open([40, 100, 40, 40], 8), tick(9)])).toHaveLength(1);
    expect(found('skew', [...events, open([90, 110, 100, 100], 8), tick(9)])).toEqual([]);
  });

  it('say how many are not seen', () => {
    const [finding] = found('skew', [...four(), open(LONG, 5, { others: 80 }), tick(7)]);
    expect(finding?.doubt).toBe('80 more are not held by the processes that serve the port');
  });
});

describe('nothing is said', () => {
  it.each<[string, Event[]]>([
    ['of even ones', [...four(), open([100, 90, 110, 95])]],
    ['of few', [...four(), open([0, 8, 0, 0])]],
    ['of what chance gives', [...four(), open([10, 20, 10, 12])]],
    ['while picks have a skew themselves', [...four([60, 300, 55, 45]), open(LONG)]],
    ['when they are too many to count', [...four(), open(LONG), open(null, 6)]],
    ['while a member does not accept', [...four(), open(LONG), count(1, 'queue', 9, 6), ...beats(7, 8)]],
    ['where most are handed over to others', [...four(), open(LONG, 5, { others: 401 })]],
  ])('%s', (_, events) =>
    expect(found('skew', [...events, tick(9)]).filter(({ detail }) => detail === 'open')).toEqual([]),
  );
});

describe('the connections of a process are of the member', () => {
  it.each<[string, Event[], (number | null)[]]>([
    ['that it alone holds', [open([1, 2, 3, 4])], [1, 2, 3, 4]],
    ['none where it has none', [open([0, 2])], [0, 2, 0, 0]],
    [
      'on which it accepts, whatever it holds',
      [
        ...[1, 2, 3, 4].map((ino) => owners(ino, 1, 1001, 1002, 1003, 1004)),
        ...[1, 2, 3, 4].map((ino) => acceptOf(pick(ino))),
        open([1, 2, 3, 4]),
      ],
      [1, 2, 3, 4],
    ],
    [
      'also when it is seen to accept only after the count',
      [
        ...[1, 2, 3, 4].map((ino) => owners(ino, 1, 1001, 1002, 1003, 1004)),
        open([1, 2, 3, 4]),
        ...[1, 2, 3, 4].map((ino) => acceptOf(pick(ino, 6))),
        tick(7),
      ],
      [1, 2, 3, 4],
    ],
    [
      'that is not known before it accepts',
      [...[1, 2, 3, 4].map((ino) => owners(ino, 1, 1001, 1002, 1003, 1004)), open([1, 2, 3, 4])],
      [null, null, null, null],
    ],
    [
      'not known where it serves several, as one with threads',
      [owners(1, 7), owners(2, 7), open([0, 0, 3, 4], 5), open([0, 0, 3], 6, {})],
      [null, null, 3, 0],
    ],
    ['nobody any more, of one that holds no listener', [open([1, 2, 3, 4, 50])], [1, 2, 3, 4]],
    [
      'unknown once it is left alone, for then nobody counts',
      [open([1, 2, 3, 4]), ...[1, 2, 3].map((ino) => close(ino, 6)), tick(7)],
      [1, 2, 3, null],
    ],
    ['unknown when there are too many', [open([1, 2, 3, 4]), open(null)], [null, null, null, null]],
    [
      'of another address, or namespace',
      [open([1], 5, { lport: 80 }), open([1], 5, { netns: 1 })],
      [null, null, null, null],
    ],
  ])('%s', (_, events, expected) => expect(opensOf([...four(), ...events])).toEqual(expected));
});
