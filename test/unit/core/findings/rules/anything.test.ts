import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../../../src/core/apply.js';
import { COUNTERS, type Event } from '../../../../../src/core/event.js';
import { findingNews, findings } from '../../../../../src/core/findings/diagnosis.js';
import { RULES } from '../../../../../src/core/findings/rules/all.js';
import { type Finding, type FindingEvent, SEVERITIES } from '../../../../../src/core/state/finding.js';
import { createState } from '../../../../../src/core/state/state.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  malformed,
  meta,
  owners,
  pick,
  slot,
  socket,
  stateOf,
  tick,
} from '../../../events.js';
import { beats, said } from './said.js';

const ino = fc.integer({ min: 0, max: 6 });
const seconds = fc.integer({ min: 0, max: 90 });
const place = fc.record({
  laddr: fc.constantFrom('0.0.0.0', '127.0.0.1', '::'),
  lport: fc.constantFrom(8888, 80),
  netns: fc.constantFrom(1, 2),
});
const pid = fc.integer({ min: 1, max: 5 });
const refused = (s: number, where: { laddr: string; lport: number; netns: number }, ret: number): Event => ({
  kind: 'bind',
  tsNs: at(s),
  pid: 1,
  tid: 1,
  uid: 0,
  comm: 'x\u001b',
  fd: 3,
  proto: 'tcp',
  ...where,
  reuseport: s % 2 === 0,
  reuseaddr: false,
  ret,
  ino: 99,
});
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom<Event>(meta({ rung: 'fentry' }), meta({ rung: 'tracepoint' }), meta({ rung: null })),
  fc.tuple(ino, seconds, place).map(([i, s, where]) => listen(i, s, where)),
  fc.tuple(ino, seconds, fc.nat(9)).map(([i, s, queue]) => close(i, s, { queue })),
  fc
    .tuple(ino, fc.option(fc.nat(6)), fc.nat(7), fc.nat(20))
    .map(([i, index, n, queue]) => slot(i, index, n, { queue, backlog: queue % 9 })),
  fc
    .tuple(ino, seconds, fc.constantFrom('hash' as const, 'bpf-fallback' as const, null))
    .map(([i, s, cause]) => pick(i, s, { cause })),
  fc.tuple(ino, seconds, pid).map(([i, s, p]) => acceptOf(pick(i, s), 1, p)),
  fc.tuple(ino, fc.constantFrom(...COUNTERS), fc.nat(999), seconds).map(([i, c, n, s]) => count(i, c, n, s)),
  fc.tuple(ino, seconds).map(([i, s]) => socket(i, { queue: s })),
  fc.tuple(ino, fc.array(pid, { maxLength: 4 })).map(([i, pids]) => owners(i, ...pids)),
  fc
    .tuple(seconds, place, fc.constantFrom(-98, -13, 0, -22))
    .map(([s, where, ret]) => refused(s, where, ret)),
  fc
    .tuple(
      seconds,
      place,
      fc.array(fc.record({ pid, connections: fc.nat(200) }), { maxLength: 5 }),
      fc.nat(9),
    )
    .map(
      ([s, where, processes, others]): Event => ({ kind: 'open', tsNs: at(s), ...where, processes, others }),
    ),
  seconds.map(tick),
  fc.tuple(seconds, fc.integer({ min: 3, max: 12 })).map(([s]) => tick(s)),
  seconds.map(attached),
  seconds.map((s) => ended(s)),
  seconds.map((s): Event => ({ kind: 'reset', tsNs: at(s) })),
  seconds.map((s): Event => ({ kind: 'lost', tsNs: at(s), by: 'missed', events: s })),
  fc.constant(malformed(1)),
);

/** Ticks among the others, so that time goes on. */
const run: fc.Arbitrary<Event[]> = fc
  .array(fc.array(event, { maxLength: 6 }), { maxLength: 40 })
  .map((steps) => steps.flatMap((step, second) => [...step, tick(second)]));

const worstOf = (id: string) => RULES.find((rule) => rule.id === id)?.severity ?? 'note';

const isPlain = ({
  rule,
  severity,
  sinceNs,
  raisedNs,
  lastNs,
  text,
  advice,
  why,
  evidence,
}: Finding): boolean =>
  SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(worstOf(rule)) &&
  sinceNs <= raisedNs &&
  sinceNs <= lastNs &&
  !/NaN|undefined|Infinity|null|\[object/.test(`${text}${advice}${why}`) &&
  !/\p{Cc}/u.test(text + advice) &&
  Object.values(evidence).every((value) => typeof value !== 'number' || Number.isFinite(value));

describe('whatever comes, in any order', () => {
  it('findings are plain, are raised before they are cleared, and are those of a replay', () => {
    fc.assert(
      fc.property(run, (events) => {
        const state = createState(ALL);
        const news: FindingEvent[] = [];
        const standing = new Set<string>();
        for (const each of events) {
          apply(state, each);
          for (const event of findingNews(state)) {
            news.push(event);
            expect(standing.has(event.key)).toBe(event.status !== 'raised');
            if (event.status === 'raised') standing.add(event.key);
            if (event.status === 'cleared') standing.delete(event.key);
          }
        }
        const all = findings(state);
        expect(new Set(all.map(({ key }) => key))).toEqual(standing);
        expect([...all, ...news].filter((finding) => !isPlain(finding))).toEqual([]);
        expect(findings(stateOf(JSON.parse(JSON.stringify(events)) as Event[]))).toEqual(all);
      }),
      { numRuns: 400 },
    );
  });
});

describe('what looks like trouble and is none', () => {
  const served = (ino: number, from: number, to: number, total: (second: number) => number): Event[] =>
    Array.from({ length: to - from + 1 }, (_, i) => [
      count(ino, 'picks', total(from + i), from + i),
      count(ino, 'accepted', total(from + i), from + i),
      tick(from + i),
    ]).flat();
  const rules = ['stuck', 'ghost', 'overflow', 'skew', 'lost-at-close', 'bad-program', 'lossy'] as const;

  it.each<[string, Event[]]>([
    [
      'one member that has all',
      [meta(), listen(1), slot(1, 0, 1), tick(1), ...served(1, 2, 60, (s) => s * 1000)],
    ],
    [
      'members of which none was ever picked',
      [meta(), ...[1, 2, 3].flatMap((i) => [listen(i), slot(i, i - 1, 3)]), ...beats(1, 600)],
    ],
    [
      'counters that go back, because the inode was given to another socket',
      [
        meta(),
        attached(0),
        ...[1, 2].flatMap((i) => [listen(i), slot(i, i - 1, 2)]),
        ...served(1, 2, 9, (s) => s * 100),
        ...served(2, 10, 12, (s) => s * 80),
        close(1, 12.5),
        listen(1, 12.6),
        slot(1, 1, 2, { tsNs: at(12.7) }),
        count(1, 'picks', 3, 13),
        count(1, 'accepted', 3, 13),
        ...served(1, 13, 30, (s) => s - 10),
      ],
    ],
    [
      'a clock that stood still, with ticks at one time',
      [
        meta(),
        listen(1),
        slot(1, 0, 2, { queue: 3 }),
        listen(2),
        ...Array.from({ length: 50 }, () => tick(5)),
      ],
    ],
    [
      'an hour of sleep while connections waited, which are served afterwards',
      [
        meta(),
        ...[1, 2, 3].flatMap((i) => [listen(i), slot(i, i - 1, 3, { queue: 9 })]),
        tick(5),
        tick(3605),
        ...[1, 2, 3].flatMap((i) => [count(i, 'accepted', 9, 3606), count(i, 'queue', 0, 3606)]),
        ...beats(3606, 3620),
      ],
    ],
  ])('%s', (_, events) => {
    for (const rule of rules) expect(said(rule, events)).toEqual([]);
  });
});
