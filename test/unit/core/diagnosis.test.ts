import { describe, expect, it } from 'vitest';
import { findings } from '../../../src/core/diagnosis.js';
import type { Event } from '../../../src/core/event.js';
import { markOf } from '../../../src/core/finding.js';
import type { Scope } from '../../../src/core/state.js';
import {
  ALL,
  acceptOf,
  attached,
  close,
  count,
  ended,
  listen,
  malformed,
  owners,
  pick,
  slot,
  stateOf,
  tick,
} from './events.js';

/** Mark, rule and text of each finding, a second after the last event of interest. */
const said = (events: readonly Event[], scope: Scope = ALL): string[] =>
  findings(stateOf(events, scope)).map((finding) => `${markOf(finding)} ${finding.rule}: ${finding.text}`);

const one = (queue: number, backlog = 511): Event[] => [listen(1), slot(1, 0, 1, { queue, backlog })];
const ticks = (...seconds: readonly number[]): Event[] => seconds.map(tick);
/** A tick each second. */
const beats = (from: number, to: number): Event[] =>
  Array.from({ length: to - from + 1 }, (_, i) => tick(from + i));

describe('a healthy run has no findings', () => {
  it.each<[string, Event[]]>([
    ['nothing at all', []],
    ['an idle listener', [...one(0), ...ticks(2, 3, 4, 20)]],
    ['a queue below half', [...one(255), ...ticks(2)]],
    [
      'a queue that someone serves',
      [...one(100), ...ticks(2), count(1, 'accepted', 5), ...ticks(9), count(1, 'accepted', 6), ...ticks(14)],
    ],
    ['a backlog of zero with nothing queued', [...one(0, 0), ...ticks(2)]],
    ['a listener whose backlog is not known', [listen(1), count(1, 'queue', 5000), tick(2), tick(3)]],
    ['bpftrace that ended because it was asked to', [...one(0), ended(3, '')]],
    ['a full listener that closed', [...one(512), ...ticks(2, 9), close(1, 10), tick(10)]],
  ])('%s', (_, events) => expect(said(events)).toEqual([]));
});

describe('what is wrong is said with its numbers', () => {
  it.each<[string, Event[], string[]]>([
    [
      'half a queue',
      [...one(256)],
      ['! overflow: tcp 0.0.0.0:8888 #0 pid 1001 nginx: slow to accept, 256/511 queued'],
    ],
    [
      'as many as the backlog: one more fits',
      [...one(511)],
      ['! overflow: tcp 0.0.0.0:8888 #0 pid 1001 nginx: slow to accept, 511/511 queued'],
    ],
    [
      'one more than the backlog',
      [...one(512)],
      [
        'x overflow: tcp 0.0.0.0:8888 #0 pid 1001 nginx: queue full, 512/511 queued: new connections to it are dropped',
      ],
    ],
    ['not served for less than five seconds', [...one(3), ...beats(2, 5)], []],
    [
      'not served for five seconds',
      [...one(3), ...beats(1, 6)],
      ['x stuck: tcp 0.0.0.0:8888 #0 pid 1001 nginx: 3/511 queued, nobody accepts for 5 s'],
    ],
    [
      'not served, and full',
      [...one(512), ...beats(1, 199)],
      [
        'x stuck: tcp 0.0.0.0:8888 #0 pid 1001 nginx: 512/511 queued, nobody accepts for 3 min, full: its new clients hang',
      ],
    ],
    [
      'a socket of several holders',
      [...one(512), owners(1, 7, 8)],
      [
        'x overflow: tcp 0.0.0.0:8888 #0 ino 1: queue full, 512/511 queued: new connections to it are dropped',
      ],
    ],
    [
      'a process name with escape sequences',
      [...one(512), { ...acceptOf(pick(1)), comm: '\u001b[2J\n' }],
      [
        'x overflow: tcp 0.0.0.0:8888 #0 pid 1001 ?[2J?: queue full, 512/511 queued: new connections to it are dropped',
      ],
    ],
    [
      'bpftrace that died',
      [attached(1), ended(2, 'bpftrace ended (SIGKILL)\nits last words')],
      ['x ended: bpftrace ended (SIGKILL): the numbers are frozen'],
    ],
    [
      'lost events',
      [{ kind: 'lost', tsNs: 1, by: 'perf', events: 12_329 }],
      ['! lossy: 12,329 events lost by bpftrace: the logs have gaps, the counters are exact'],
    ],
    ['probe runs that the kernel skipped', [{ kind: 'lost', tsNs: 1, by: 'missed', events: 3 }], []],
    [
      'picks that were not counted',
      [
        attached(0),
        slot(1, 0, 1),
        tick(1),
        tick(8),
        count(1, 'picks', 5),
        count(1, 'accepted', 6),
        count(1, 'queue', 1),
        { kind: 'lost', tsNs: 1, by: 'missed', events: 3 },
        tick(9),
      ],
      ['! lossy: 2 picks at most were not counted: the kernel skipped 3 probe runs'],
    ],
    ['malformed lines', [malformed(2)], ['! lossy: 2 lines of bpftrace not understood and left out']],
  ])('%s', (_, events, expected) => {
    const last = events.at(-1)?.kind === 'tick' || events.at(-1)?.kind === 'ended' ? [] : [tick(2)];
    expect(said([...events, ...last])).toEqual(expected);
  });

  it('with the worst first', () => {
    const rules = findings(
      stateOf([
        malformed(2),
        listen(1),
        slot(1, 0, 2, { queue: 300 }),
        listen(2),
        slot(2, 1, 2, { queue: 512 }),
        ended(9),
      ]),
    ).map((finding) => `${markOf(finding)} ${finding.rule} ${finding.ino ?? '-'}`);
    expect(rules).toEqual(['x ended -', 'x overflow 2', '! overflow 1', '! lossy -']);
  });

  it('with one thing to try, each', () => {
    const all = [...one(512), ...ticks(2, 9), malformed(2), ended(9)];
    expect(findings(stateOf(all)).filter(({ advice }) => advice === '')).toEqual([]);
  });

  it('and not of members of another process than the one asked for', () => {
    expect(said([...one(512), tick(2)], { ...ALL, pid: 42 })).toEqual([]);
  });
});
