// Draws how long connections waited for accept(), each member's distribution in a row, all over one logarithmic axis.

import { type Member, ownerOf } from '../../core/state/member.js';
import { countBelow, type Latency, quantile } from '../../core/statistics/latency.js';
import { clean, formatWait } from '../../core/text/format.js';
import { exact } from '../../members/cells.js';

import { drawing, LEFT, lineAt, px, RIGHT, rectAt, textAt } from './svg.js';

/** Members that are drawn; the table has their quantiles. */
const ROWS = 48;
const AXIS_HEIGHT = 24;
const ROW_HEIGHT = 34;
const BAR_HEIGHT = 26;
/** Right of the plot stands how many waits a row has. */
const PLOT_RIGHT = RIGHT - 90;
/** Powers of two from 1 us to 137 s are edges of the buckets, so that each count is exact. */
const [LOWEST, HIGHEST] = [10, 37];
const DECADES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];
const DECADE_NAMES = ['1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', '10s', '100s'];

/** null = no wait was seen. */
export const drawWaits = (
  members: readonly Member[],
): { readonly svg: string; readonly more: number } | null => {
  const timed = members.filter(({ waits }) => waits.count > 0);
  const rows = timed.slice(0, ROWS);
  if (rows.length === 0) return null;
  const [low, high] = rangeOf(rows.map(({ waits }) => waits));
  const xOf = (exponent: number): number => LEFT + ((exponent - low) / (high - low)) * (PLOT_RIGHT - LEFT);
  const height = AXIS_HEIGHT + rows.length * ROW_HEIGHT + 4;
  const grid = DECADES.flatMap((ns, i) => {
    const exponent = Math.log2(ns);
    if (exponent < low || exponent > high) return [];
    const x = xOf(exponent);
    const middle = Math.min(PLOT_RIGHT - 14, Math.max(LEFT + 14, x));
    return [
      lineAt(x, AXIS_HEIGHT - 6, x, height - 4, 'grid'),
      textAt(middle, 12, DECADE_NAMES[i] ?? '', { anchor: 'middle', style: 'faint' }),
    ];
  });
  const parts = [
    ...grid,
    textAt(RIGHT, 12, 'waits', { anchor: 'end', style: 'faint' }),
    ...rows.flatMap((member, i) => drawRow(member, AXIS_HEIGHT + i * ROW_HEIGHT, low, high, xOf)),
  ];
  return { svg: drawing(height, 'Waits for accept(), by member', parts), more: timed.length - rows.length };
};

/** Exponents of two between which all waits lie, and a decade at least. */
const rangeOf = (all: readonly Latency[]): [low: number, high: number] => {
  const isUsed = (exponent: number): boolean => all.some((waits) => binOf(waits, exponent) > 0);
  const used = Array.from({ length: HIGHEST - LOWEST + 2 }, (_, i) => LOWEST - 1 + i).filter(isUsed);
  const low = used[0] ?? LOWEST;
  return [low, Math.max((used.at(-1) ?? low) + 1, low + 4)];
};

/** Waits from 2^exponent ns on and below the next power; the first bin has all below, the last all beyond. */
const binOf = (waits: Latency, exponent: number): number => {
  const below = exponent < LOWEST ? 0 : countBelow(waits, 2 ** exponent);
  return (exponent >= HIGHEST ? waits.count : countBelow(waits, 2 ** (exponent + 1))) - below;
};

const drawRow = (
  member: Member,
  top: number,
  low: number,
  high: number,
  xOf: (exponent: number) => number,
): string[] => {
  const { waits } = member;
  const bins = Array.from({ length: high - low }, (_, i) => binOf(waits, low + i));
  const most = Math.max(...bins);
  const base = top + BAR_HEIGHT;
  const owner = ownerOf(member);
  const index = member.closedNs === null ? `#${member.index ?? '-'}` : 'left';
  const name = `${index} ${owner === null ? '-' : `${owner.pid} ${clean(owner.comm)}`}`;
  return [
    textAt(0, base - 4, name, { room: LEFT - 8 }),
    ...bins.flatMap((count, i) => {
      if (count === 0) return [];
      const [from, until] = [xOf(low + i), xOf(low + i + 1)];
      // A single wait is seen, however many there are beside it.
      const height = Math.max(1.5, (count / most) * (BAR_HEIGHT - 2));
      const hint = `${exact(count)} of ${exact(waits.count)} below ${formatWait(2 ** (low + i + 1))}`;
      return [rectAt(from + 0.5, base - height, until - from - 1, height, 'rate', hint)];
    }),
    ...[0.5, 0.99].flatMap((q) => {
      const ns = quantile(waits, q);
      if (ns === null) return [];
      const x = xOf(Math.min(high, Math.max(low, Math.log2(Math.max(1, ns)))));
      const style = q === 0.5 ? 'median' : 'tail';
      return [`<path class="${style}" d="M${px(x)} ${px(top)}V${px(base)}"/>`];
    }),
    lineAt(LEFT, base, PLOT_RIGHT, base, 'base'),
    textAt(RIGHT, base - 4, exact(waits.count), { anchor: 'end', room: 84, style: 'faint' }),
  ];
};
