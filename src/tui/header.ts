// Rows 1 and 2: what is traced, whether it is live, which view this is, and the rate. It judges nothing.

import type { PartEvent } from '../core/event.js';
import { groupPerSecond } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { totals } from '../core/state/totals.js';
import { formatCount, formatElapsed, formatRate } from '../core/text/format.js';
import { addUp, sparkline } from './bars.js';
import { clockOf } from './logs.js';
import { INTERVALS_MS } from './model.js';
import { groupName } from './rows.js';
import {
  BOLD,
  cells,
  cut,
  cutMiddle,
  type Line,
  line,
  type Span,
  type Style,
  span,
  spread,
  widthOf,
} from './text.js';
import { type Context, isNarrow } from './view.js';
import { VIEWS } from './views.js';

const WIDE = 100;
/** Silence of the one-second tick from which the numbers count as old. */
const STALE_NS = 3e9;

export const headerLines = (context: Context): Line[] =>
  isNarrow(context) ? [narrowTitle(context)] : [title(context), tabs(context)];

const narrowTitle = (context: Context): Line => {
  const [status] = statusOf(context);
  const right = status === undefined ? [] : [span(` ${status.text}`, status.style)];
  // Whose kernel it was, and when, matters more than the name of the tool.
  if (context.isReplay && context.model.frozen === null) {
    const room = context.columns - widthOf(right);
    return spread([span(cutMiddle(scopeText(context, true), Math.max(1, room)))], right, context.columns);
  }
  return spread(
    [span('reuseport-trace', BOLD), span(` ${cutMiddle(scopeText(context, true), 22)}`)],
    right,
    context.columns,
  );
};

const title = (context: Context): Line => {
  const { state, columns } = context;
  const isWide = columns >= WIDE;
  const gap = isWide ? '   ' : '  ';
  const meta = state.meta;
  const parts = [
    ...(meta === null || meta.host === '' || (context.isReplay && columns < 140)
      ? []
      : [cut(cells(meta.host), 20)]),
    ...(isWide && meta !== null && !context.isReplay ? [`Linux ${cut(cells(meta.kernel), 24)}`] : []),
    scopeText(context, false),
  ];
  const name = isWide && meta !== null ? `reuseport-trace ${cells(meta.version)}` : 'reuseport-trace';
  const elapsed = meta === null ? '--:--:--' : formatElapsed(context.nowNs - state.startNs);
  const lost = totals(state).lost;
  const right: Span[] = statusOf(context).flatMap((status) => [status, span(gap)]);
  if (isWide) {
    const lostText = `lost ${formatCount(Math.max(lost, state.lostPerf))}`;
    right.push(
      span(lostText, lost + state.lostPerf > 0 ? { color: 'yellow' } : {}),
      span(`${gap}up ${elapsed}`),
    );
    right.push(span(`${gap}${clockOf(state, context.nowNs, false)}`));
  } else {
    right.push(span(elapsed));
  }
  return spread([span(name, BOLD), span(gap + parts.join(gap))], right, columns);
};

const statusOf = (context: Context): Span[] => {
  const { live, model, nowNs } = context;
  const style: Style = { bold: true };
  const spans: Span[] = [];
  if (context.isReplay) spans.push(span(replayText(context), style));
  if (model.frozen !== null)
    return [...(isNarrow(context) ? [] : spans), span('PAUSED', { bold: true, reverse: true })];
  if (context.isReplay) return spans;
  if (live.status === 'ended') return [span('ENDED', { bold: true, color: 'red' })];
  if (live.status === 'attaching') {
    const sinceNs = live.ended?.tsNs ?? live.startNs;
    const seconds = live.meta === null ? '' : ` ${Math.max(0, Math.floor((nowNs - sinceNs) / 1e9))}s`;
    return [span(`ATTACHING${seconds}`, style)];
  }
  const silentNs = nowNs - (live.lastTickNs ?? live.attachedNs ?? nowNs);
  if (silentNs > STALE_NS)
    return [span(`STALE ${Math.floor(silentNs / 1e9)}s`, { bold: true, color: 'yellow' })];
  const awaited = partsThatAre(live, 'attaching');
  if (awaited !== '') return [span(`LIVE, attaching ${isNarrow(context) ? 'more' : awaited}`, style)];
  const out = partsThatAre(live, 'out');
  return [
    span(`LIVE ${(INTERVALS_MS[model.interval] ?? 1000) / 1000}s`, style),
    ...(out === '' ? [] : [span(isNarrow(context) ? ' (part)' : ` without ${out}`, { color: 'yellow' })]),
  ];
};

/** Parts of the probes that stand so, `bind udp`. */
const partsThatAre = ({ parts }: State, status: PartEvent['status']): string =>
  [...parts.values()]
    .filter((part) => part.status === status)
    .map(({ part }) => part)
    .join(' ');

/** Whose kernel, and when: nobody may take a recording for what happens now. */
const replayText = (context: Context): string => {
  const meta = context.state.meta;
  if (meta === null) return 'REPLAY';
  const date = new Date(meta.wallMs);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, '0'))
    .join('-');
  const room = context.columns >= WIDE ? 24 : isNarrow(context) ? 11 : 16;
  return `REPLAY ${cut(cells(meta.kernel), room)} ${day}`;
};

/** What is on the screen: one group, or what the user asked for. */
const scopeText = ({ state, model }: Context, isShort: boolean): string => {
  const group = model.group === null || model.view === 'binds' ? undefined : state.groups.get(model.group);
  if (group !== undefined) return isShort ? `:${group.lport}` : groupName(state, group);
  const { ports, family, pid, proto } = state.scope;
  const list = ports.map((port) => `:${port}`).join(',');
  const one = proto === undefined ? '' : `${proto} `;
  const where = ports.length === 0 ? `${one}all ports` : isShort ? list : `${one}${list}`;
  return `${where}${family === null ? '' : ` IPv${family}`}${pid === null ? '' : ` pid ${pid}`}`;
};

const tabs = (context: Context): Line => {
  const { state, model, columns } = context;
  const gap = columns >= WIDE ? 3 : 2;
  const offered = VIEWS.map((view, index) => ({ view, key: index + 1 })).filter(({ view }) =>
    view.isOffered(state),
  );
  const left = offered.flatMap(({ view, key }, index): Line => {
    const isCurrent = view.name === model.view;
    const text = `${key} ${isCurrent ? view.title.toUpperCase() : view.title}`;
    return [span(' '.repeat(index === 0 ? 1 : gap)), span(text, isCurrent ? BOLD : {})];
  });
  return spread(left, corner(context, columns - widthOf(left) - 1), columns);
};

/** What stands at the right of the views, in no more than `room` cells where it can be made shorter. */
const corner = (context: Context, room: number): Line => {
  const { state, live, model, columns } = context;
  if (model.frozen !== null) {
    const missed = countPicks(live) - countPicks(state);
    return line(`+${formatCount(Math.max(0, missed))} new${columns >= WIDE ? ' while paused' : ''}`, BOLD);
  }
  const view = VIEWS.find(({ name }) => name === model.view);
  const own = view?.corner(context) ?? null;
  if (own !== null) return line(own);
  const group = model.group === null ? undefined : state.groups.get(model.group);
  const groups = group === undefined ? [...state.groups.values()] : [group];
  const rates = groups.map(groupPerSecond).filter((rate) => rate !== null);
  const rate = rates.length === 0 ? null : rates.reduce((sum, value) => sum + value, 0);
  const histories = groups.flatMap((each) =>
    [...each.members.values()].map((member) => member.history.items),
  );
  const isWide = columns >= WIDE;
  const text = `${isWide ? 'picks ' : ''}${formatRate(rate)}/s`;
  const width = Math.max(0, Math.min(isWide ? 30 : 12, room - text.length - 1));
  const spark = sparkline(addUp(histories), width).trimStart();
  return line(`${text}${spark === '' ? '' : ` ${spark}`}`);
};

const countPicks = (state: State): number => totals(state).picks;
