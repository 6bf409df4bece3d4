import { describe, expect, it } from 'vitest';
import { momentNs, parseMoment } from '../../../../src/core/text/moment.js';

const later = (seconds: number) => ({ kind: 'after', ns: seconds * 1e9 });
const clock = (seconds: number) => ({ kind: 'clock', ms: seconds * 1000 });
const date = (iso: string) => ({ kind: 'date', wallMs: Date.parse(iso) });

describe('a moment', () => {
  it.each<[string, object]>([
    ['0', later(0)],
    ['90', later(90)],
    ['+90', later(90)],
    ['1.5', later(1.5)],
    ['90s', later(90)],
    ['0.5s', later(0.5)],
    ['2m', later(120)],
    ['1h30m', later(5400)],
    ['1h2m3s', later(3723)],
    ['03:12', clock(11_520)],
    ['3:12', clock(11_520)],
    ['23:59:59.5', clock(86_399.5)],
    ['2026-11-23 03:12', date('2026-11-23T03:12')],
    ['2026-11-23T03:12:45.25', date('2026-11-23T03:12:45.25')],
    ['2026-11-23T03:12:45Z', date('2026-11-23T03:12:45Z')],
    ['2026-11-23T03:12+01:00', date('2026-11-23T02:12:00Z')],
  ])('%s', (text, moment) => expect(parseMoment(text)).toEqual(moment));

  it.each([
    '',
    '+',
    's',
    'h',
    '-5',
    '5x',
    '1m1h',
    '24:00',
    '03:60',
    '03:12:60',
    '1e3',
    '2026-13-01 03:12',
    'now',
  ])('is not %j', (text) => expect(parseMoment(text)).toBeNull());
});

describe('on the clock of the events', () => {
  const wallMs = new Date(2026, 10, 23, 22, 30, 40).getTime();
  const start = { tsNs: 5e12, wallMs };
  it.each<[string, number]>([
    ['90', 90],
    ['22:31', 20],
    ['22:30:41.5', 1.5],
    // Written without the seconds, it means the start.
    ['22:30', -40],
    ['21:31', -3580],
    // More than an hour before the start is the day after.
    ['21:29', 24 * 3600 - 3700],
    ['03:12', 4 * 3600 + 41 * 60 + 20],
    ['2026-11-23 22:30', -40],
    ['2026-11-25 22:30:40', 2 * 86_400],
  ])('%s is %d s after the start', (text, seconds) => {
    const moment = parseMoment(text);
    expect(moment === null ? null : (momentNs(moment, start) - start.tsNs) / 1e9).toBeCloseTo(seconds, 3);
  });
});
