import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { createState } from '../../../../src/core/state/state.js';
import { createHistory, follow } from '../../../../src/outputs/report/history.js';
import { ALL, at, attached, close, count, listen, meta, slot, socket, tick } from '../../events.js';

/** What is remembered of the events from number `first` on; those before only bring State there. */
const remember = (events: readonly Event[], first = 0) => {
  const state = createState(ALL);
  const history = createHistory();
  for (const [i, event] of events.entries()) {
    apply(state, event);
    if (i >= first || event.kind === 'meta') follow(history, state, event);
  }
  return {
    state,
    history,
    picks: [...history.series.values()].map(({ picks }) => picks.map((each) => Math.round(each * 1e6) / 1e6)),
  };
};
const sum = (all: readonly number[] = []): number => all.reduce((so, each) => so + each, 0);

const BEGIN = [meta(), socket(1, { tsNs: at(0.5) }), attached(1), slot(1, 0, 1)];

describe('picks by time', () => {
  it('are spread over the time in which they were counted', () => {
    const events = [
      ...BEGIN,
      tick(2),
      count(1, 'picks', 100, 3.4),
      tick(3.5),
      count(1, 'picks', 101, 4),
      tick(4),
    ];
    expect(remember(events).picks).toEqual([
      [0, 100 / 1.5, 100 / 3 + 1].map((each) => Math.round(each * 1e6) / 1e6),
    ]);
  });

  it('are all of them, however long the run', () => {
    const seconds = Array.from({ length: 5000 }, (_, i) => i + 2);
    const events = seconds.flatMap((second) => [count(1, 'picks', (second - 1) * 7, second), tick(second)]);
    const { history, picks } = remember([...BEGIN, ...events]);
    expect(picks[0]?.length).toBeLessThanOrEqual(240);
    expect(history.bucketNs).toBe(32e9);
    expect(sum(picks[0])).toBeCloseTo(35_000, 3);
    expect(picks[0]?.slice(0, 100).every((each) => Math.abs(each - 32 * 7) < 1e-6)).toBe(true);
  });

  it('are those since the time that is told of', () => {
    const events = [
      ...BEGIN,
      count(1, 'picks', 900, 2),
      tick(2),
      tick(3),
      count(1, 'picks', 950, 4),
      tick(4),
    ];
    expect(sum(remember(events).picks[0])).toBe(950);
    expect(sum(remember(events, 6).picks[0])).toBe(50);
  });

  it('go on after the counters were set to zero', () => {
    const events: Event[] = [
      ...BEGIN,
      count(1, 'picks', 9, 2),
      tick(2),
      { kind: 'reset', tsNs: at(2) },
      count(1, 'picks', 12, 3),
      tick(3),
    ];
    expect(sum(remember(events).picks[0])).toBe(12);
  });

  it('survive times that make no sense', () => {
    const times = [Number.MAX_SAFE_INTEGER, 0, at(5), Number.MAX_SAFE_INTEGER - 1];
    const events = times.flatMap((tsNs, i): Event[] => [
      { ...count(1, 'picks', 10 * (i + 1)), tsNs },
      { kind: 'tick', tsNs },
    ]);
    const { picks } = remember([...BEGIN, ...events]);
    expect(picks[0]?.length).toBeLessThanOrEqual(241);
    expect(sum(picks[0])).toBeCloseTo(40, 3);
  });
});

describe('joins and leaves', () => {
  const kinds = (events: readonly Event[], first = 0) =>
    remember(events, first).history.changes.map(({ kind, member, tsNs }) => [kind, member.ino, tsNs / 1e9]);

  it('are of those that came and went, not of those that were found', () => {
    const events = [...BEGIN, listen(2, 2), close(1, 3), tick(4)];
    expect(kinds(events)).toEqual([
      ['join', 2, 2],
      ['leave', 1, 3],
    ]);
  });

  it('count one that /proc does not list any more', () => {
    const events: Event[] = [
      ...BEGIN,
      {
        kind: 'scanned',
        tsNs: at(5),
        netns: [BEGIN[1] !== undefined && 'netns' in BEGIN[1] ? Number(BEGIN[1].netns) : 0],
      },
    ];
    expect(kinds(events)).toEqual([['leave', 1, 5]]);
  });

  it('are not of those that joined before the time that is told of', () => {
    const events = [
      ...BEGIN,
      listen(2, 2),
      tick(3),
      count(2, 'picks', 1, 3),
      listen(2, 3.5),
      tick(4),
      close(2, 4.5),
    ];
    expect(kinds(events, 5)).toEqual([['leave', 2, 4.5]]);
  });

  it('are kept up to a limit, and counted beyond it', () => {
    const events = Array.from({ length: 700 }, (_, i) => [listen(10 + i, 2), close(10 + i, 3)]).flat();
    const { history } = remember([...BEGIN, ...events]);
    expect([history.changes.length, history.unkept]).toEqual([1000, 400]);
  });
});
