// Draws the time line of a run: picks a second of each group, who joined and left, and from when to when a finding stood.

import { findings, pastFindings } from '../../core/findings/diagnosis.js';
import { wallOf } from '../../core/state/clock.js';
import type { Finding } from '../../core/state/finding.js';
import { markOf } from '../../core/state/finding.js';
import type { State } from '../../core/state/state.js';
import { formatRate } from '../../core/text/format.js';
import { briefly } from './course.js';
import { clockAt, dateOf, nameOf, plural } from './format.js';
import type { History, Series } from './history.js';
import { drawing, LEFT, lineAt, px, RIGHT, rectAt, textAt } from './svg.js';

/** Groups and findings that are drawn; the tables below have more. */
const LANES = 12;
const BARS = 40;
const AXIS_HEIGHT = 24;
const LANE_HEIGHT = 52;
const PLOT_HEIGHT = 34;
const BAR_HEIGHT = 19;

/** null = there is no time to draw. */
export const drawTimeline = (state: State, history: History): string | null => {
  const { startNs } = history;
  if (startNs === null || state.nowNs <= startNs) return null;
  const xOf = (tsNs: number): number =>
    LEFT + Math.min(1, Math.max(0, (tsNs - startNs) / (state.nowNs - startNs))) * (RIGHT - LEFT);
  const lanes = lanesOf(state, history).slice(0, LANES);
  const bars = [...findings(state), ...pastFindings(state)]
    .sort((a, b) => a.raisedNs - b.raisedNs)
    .slice(-BARS);
  const barsTop = AXIS_HEIGHT + lanes.length * LANE_HEIGHT;
  const height = barsTop + bars.length * BAR_HEIGHT + 6;
  const grid = marksOf(state, startNs).flatMap(({ tsNs, text }) => {
    const x = xOf(tsNs);
    const half = (text.length * 7.5) / 2;
    return [
      lineAt(x, AXIS_HEIGHT - 6, x, height - 4, 'grid'),
      textAt(Math.min(RIGHT - half, Math.max(LEFT + half, x)), 12, text, {
        anchor: 'middle',
        style: 'faint',
      }),
    ];
  });
  const parts = [
    ...grid,
    ...lanes.flatMap((lane, i) => drawLane(state, history, lane, AXIS_HEIGHT + i * LANE_HEIGHT, xOf)),
    ...bars.flatMap((finding, i) => drawBar(state, finding, barsTop + i * BAR_HEIGHT, xOf)),
  ];
  const name = `Time line from ${clockAt(state, startNs)} to ${clockAt(state, state.nowNs)}: ${plural(lanes.length, 'group')}, ${plural(bars.length, 'finding')}`;
  return drawing(height, name, parts);
};

type Lane = { readonly key: string; readonly name: string; readonly series: Series | undefined };

/** Groups that are known and those that only joins and leaves tell of, the busiest first. */
const lanesOf = (state: State, history: History): Lane[] => {
  const names = new Map([...state.groups].map(([key, group]) => [key, nameOf(state, group)]));
  for (const { group, member } of history.changes)
    if (!names.has(group)) names.set(group, nameOf(state, member));
  const sum = ({ series }: Lane): number => (series?.picks ?? []).reduce((all, picks) => all + picks, 0);
  return [...names]
    .map(([key, name]): Lane => ({ key, name, series: history.series.get(key) }))
    .sort((a, b) => sum(b) - sum(a));
};

const drawLane = (
  state: State,
  history: History,
  { key, name, series }: Lane,
  top: number,
  xOf: (tsNs: number) => number,
): string[] => {
  const start = history.startNs ?? 0;
  const rates = (series?.picks ?? []).map((picks, i) => {
    const fromNs = start + i * history.bucketNs;
    const untilNs = Math.min(fromNs + history.bucketNs, state.nowNs);
    return { fromNs, untilNs, perSecond: untilNs > fromNs ? (picks / (untilNs - fromNs)) * 1e9 : 0 };
  });
  const most = rates.reduce((highest, { perSecond }) => Math.max(highest, perSecond), 0);
  const base = top + PLOT_HEIGHT;
  const [short, ...rest] = name.split(' netns ');
  const netns = rest.length === 0 ? '' : `netns ${rest.join(' ')}`;
  return [
    textAt(0, top + 12, short ?? '', { room: LEFT - 8 }),
    textAt(0, top + 28, `${most === 0 ? 'no picks' : `up to ${formatRate(most)}/s`}`, {
      room: LEFT - 8,
      style: 'faint',
    }),
    ...(netns === '' ? [] : [textAt(0, top + 44, netns, { room: LEFT - 8, style: 'faint' })]),
    ...rates.flatMap(({ fromNs, untilNs, perSecond }) => {
      const height = most === 0 ? 0 : (perSecond / most) * (PLOT_HEIGHT - 4);
      if (height === 0) return [];
      const hint = `${clockAt(state, fromNs)}: ${formatRate(perSecond)} picks/s`;
      return [rectAt(xOf(fromNs), base - height, xOf(untilNs) - xOf(fromNs) - 0.4, height, 'rate', hint)];
    }),
    lineAt(LEFT, base, RIGHT, base, 'base'),
    ...history.changes
      .filter(({ group }) => group === key)
      .map(({ tsNs, kind }) => {
        const [x, y] = [xOf(tsNs), base + 3];
        return kind === 'join'
          ? `<path class="join" d="M${px(x - 4)} ${px(y + 8)}h8l-4-8z"/>`
          : `<path class="leave" d="M${px(x - 4)} ${px(y)}h8l-4 8z"/>`;
      }),
  ];
};

const drawBar = (state: State, finding: Finding, top: number, xOf: (tsNs: number) => number): string[] => {
  const { raisedNs, clearedNs, severity } = finding;
  const [from, until] = [xOf(raisedNs), xOf(clearedNs ?? state.nowNs)];
  const end = clearedNs === null ? 'stands' : `until ${clockAt(state, clearedNs)}`;
  return [
    textAt(0, top + 13, `${markOf(finding)} ${finding.rule}${indexOf(state, finding)}`, {
      room: LEFT - 8,
      style: severity,
    }),
    // What came with the last look is a bar, too.
    rectAt(
      Math.min(from, RIGHT - 3),
      top + 4,
      Math.max(3, until - from),
      BAR_HEIGHT - 8,
      severity,
      `${briefly(finding)}, ${clockAt(state, raisedNs)}, ${end}`,
    ),
  ];
};

/** ` #1` of a member that is still there. */
const indexOf = (state: State, { ino }: Finding): string => {
  const member = ino === null ? undefined : state.members.get(ino);
  return member === undefined || member.closedNs !== null || member.index === null ? '' : ` #${member.index}`;
};

/** Seconds between two marks. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];
const MARKS = 6;

/** Round times of day, a handful. */
const marksOf = (state: State, startNs: number): { readonly tsNs: number; readonly text: string }[] => {
  const startMs = wallOf(state, startNs);
  if (startMs === null) return [];
  const seconds = (state.nowNs - startNs) / 1e9;
  const longest = STEPS.at(-1) ?? 86_400;
  const step =
    STEPS.find((each) => seconds / each <= MARKS) ?? Math.ceil(seconds / MARKS / longest) * longest;
  const offsetMs = new Date(startMs).getTimezoneOffset() * 60_000;
  const firstMs = Math.ceil((startMs - offsetMs) / (step * 1000)) * step * 1000 + offsetMs;
  const count = Math.max(0, Math.floor((startMs + seconds * 1000 - firstMs) / (step * 1000)) + 1);
  return Array.from({ length: Math.min(MARKS + 1, count) }, (_, i) => {
    const tsNs = startNs + (firstMs + i * step * 1000 - startMs) * 1e6;
    const clock = clockAt(state, tsNs);
    const date = dateOf(firstMs + i * step * 1000).slice(5);
    return {
      tsNs,
      text: step < 60 ? clock : step < 43_200 ? clock.slice(0, 5) : `${date} ${clock.slice(0, 5)}`,
    };
  });
};
