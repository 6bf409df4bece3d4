import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { findingNews, findings, pastFindings } from '../../../../src/core/findings/diagnosis.js';
import { RULES } from '../../../../src/core/findings/rules/all.js';
import { type Finding, type FindingEvent, keep, markOf } from '../../../../src/core/state/finding.js';
import { createState, type Scope } from '../../../../src/core/state/state.js';
import {
  ALL,
  attached,
  close,
  count,
  ended,
  listen,
  malformed,
  owners,
  slot,
  stateOf,
  tick,
} from '../../events.js';
import { beats } from './rules/said.js';

const pair = (queue: number): Event[] => [listen(1), slot(1, 0, 2, { queue }), listen(2)];

/** Everything that was raised, changed and cleared, with the second in which it was. */
const newsOf = (events: readonly Event[], scope: Scope = ALL): string[] => {
  const state = createState(scope);
  const news: FindingEvent[] = [];
  for (const event of events) {
    apply(state, event);
    news.push(...findingNews(state));
  }
  return news.map(({ tsNs, status, rule, severity }) => `${tsNs / 1e9} ${status} ${rule} ${severity}`);
};

describe('a finding', () => {
  it('that is a problem is not forgotten for more notes than are kept', () => {
    const { findings: kept } = createState(ALL);
    const cleared = (serial: number, severity: Finding['severity']) => ({ serial, severity }) as Finding;
    keep(kept, cleared(0, 'problem'));
    for (let serial = 1; serial <= 2000; serial++) keep(kept, cleared(serial, 'note'));
    expect(kept.history.length).toBe(512);
    expect(kept.history[0]?.serial).toBe(0);
    expect(kept.history[1]?.serial).toBe(2000 - 510);
  });

  it('is raised once, changes, and is cleared some time after its condition was last so', () => {
    expect(
      newsOf([
        ...pair(512),
        ...beats(2, 4),
        count(1, 'queue', 0, 4.5),
        ...beats(5, 20),
        count(1, 'queue', 512, 20.5),
        ...beats(21, 22),
      ]),
    ).toEqual(['2 raised overflow problem', '15 cleared overflow problem', '21 raised overflow problem']);
  });

  it('that comes and goes is one finding', () => {
    const flapping = beats(2, 40).flatMap((beat, i) => [
      count(1, 'queue', i % 8 === 0 ? 512 : 0, 2 + i),
      count(1, 'accepted', i, 2 + i),
      beat,
    ]);
    expect(newsOf([...pair(0), ...flapping])).toEqual(['2 raised overflow problem']);
  });

  it('gives way to one that says it better, and comes back with it', () => {
    expect(
      newsOf([
        ...pair(512),
        ...beats(2, 6),
        count(1, 'accepted', 1, 6.5),
        count(1, 'accepted', 2, 7.5),
        ...beats(7, 12),
      ]).slice(0, 3),
    ).toEqual(['2 raised overflow problem', '5 raised stuck problem', '5 cleared overflow problem']);
  });

  it('of a member is over when that has left', () => {
    expect(newsOf([...pair(512), tick(2), close(1, 2.5), tick(3)])).toEqual([
      '2 raised overflow problem',
      '3 cleared overflow problem',
    ]);
  });

  it('of a dead bpftrace is raised at once, and cleared when it is back', () => {
    expect(newsOf([attached(1), ended(2), attached(9)])).toEqual([
      '2 raised ended problem',
      '9 cleared ended problem',
    ]);
  });

  it('is told by the event that raised it, and by no other', () => {
    const state = stateOf([...pair(512), tick(2)]);
    expect(findingNews(state)).toHaveLength(1);
    apply(state, count(1, 'picks', 9));
    expect(findingNews(state)).toEqual([]);
  });

  it('has another serial when it comes again', () => {
    const state = stateOf([
      ...pair(512),
      tick(2),
      count(1, 'queue', 0, 2.5),
      ...beats(3, 20),
      count(1, 'queue', 512, 20.5),
      tick(21),
    ]);
    expect(findings(state)).toMatchObject([{ serial: 2, raisedNs: 21e9, clearedNs: null }]);
    expect(pastFindings(state)).toMatchObject([{ serial: 1, raisedNs: 2e9, clearedNs: 13e9 }]);
  });
});

describe('what is bounded', () => {
  it('the findings that stand, and the history', () => {
    const all: Event[] = Array.from({ length: 1200 }, (_, i) => i + 1).flatMap((ino) => [
      listen(ino),
      slot(ino, ino - 1, 1200, { queue: 600 }),
    ]);
    const state = stateOf([...all, tick(2)]);
    expect(findings(state)).toHaveLength(1024);
    for (let ino = 1; ino <= 1200; ino++) apply(state, close(ino, 3));
    apply(state, tick(4));
    expect(pastFindings(state).length).toBeLessThanOrEqual(512);
    expect(findings(state).filter(({ ino }) => ino !== null)).toEqual([]);
  });
});

describe('all that stands', () => {
  const events: Event[] = [
    malformed(2),
    listen(1),
    slot(1, 0, 2, { queue: 300 }),
    listen(2),
    slot(2, 1, 2, { queue: 512 }),
    ...[2, 3, 4].flatMap((second) => [
      count(1, 'accepted', second, second),
      count(2, 'accepted', second, second),
      tick(second),
    ]),
    ended(9),
  ];

  it('comes worst first', () => {
    const rules = findings(stateOf(events)).map(
      (finding) => `${markOf(finding)} ${finding.rule} ${finding.ino ?? '-'}`,
    );
    expect(rules).toEqual(['x ended -', 'x overflow 2', '! overflow 1', '! lossy -']);
  });

  it('has one thing to try and the mechanism, each', () => {
    for (const { rule, advice, why } of findings(stateOf(events))) {
      expect(RULES.map(({ id }) => id)).toContain(rule);
      expect([advice, why]).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\.$/)]);
    }
  });

  it('is of the members of the process that was asked for, and of the run', () => {
    const asked = { ...ALL, pid: 42 };
    expect(findings(stateOf(events, asked)).map(({ rule }) => rule)).toEqual(['ended', 'lossy']);
    const held = findings(stateOf([...events.slice(0, -1), owners(1, 42), tick(5)], asked));
    expect(held.map(({ rule, ino }) => `${rule} ${ino}`)).toEqual(['overflow 1', 'lossy null']);
  });

  it('is the same for the same events, in order and in time', () => {
    expect(newsOf(events)).toEqual(newsOf(events));
    expect(findings(stateOf(events))).toEqual(findings(stateOf(JSON.parse(JSON.stringify(events)))));
  });
});
