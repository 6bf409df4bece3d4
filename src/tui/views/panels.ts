// What stands below the members in view 2, as far as there is room: last picks, rates, and the selected listener in detail.

import { countsWakeUps, type Member, total } from '../../core/state/member.js';
import { countBelow, type Latency } from '../../core/statistics/latency.js';
import { formatEndpoint } from '../../core/text/endpoint.js';
import { formatCount, formatDuration, formatRate } from '../../core/text/format.js';
import { commandOf, haveThreads, placeOf, threadOf } from '../../core/words/identity.js';
import { bar, sparkline } from '../bars.js';
import { beside, box } from '../box.js';
import { clockOf, hashText, newestPicks, outcomeOf } from '../logs.js';
import type { MemberRow } from '../rows.js';
import { topOf } from '../table.js';
import { BOLD, cells, cut, EMPTY, fitTo, type Line, line, percent } from '../text.js';
import type { Context } from '../view.js';

/** Rows of the detail panel without its frame. */
const DETAIL_ROWS = 12;
const SIDE_BY_SIDE = 110;
const MOST_PICKS = 8;

/** Picks first, the detail only where there is room for it too. */
export const panelLines = (
  context: Context,
  rows: readonly MemberRow[],
  chosen: MemberRow | null,
  room: number,
): Line[] => {
  if (context.columns < 60 || chosen === null || room < 4) return [];
  const hasDetail = room >= DETAIL_ROWS + 3 + 4;
  const forPicks = Math.min(MOST_PICKS, room - (hasDetail ? DETAIL_ROWS + 3 : 0) - 2);
  const picks = pickLines(context, chosen, forPicks);
  if (!hasDetail) return [EMPTY, ...picks];
  const width = context.columns;
  if (width < SIDE_BY_SIDE) return [EMPTY, ...detail(context, chosen, width), ...picks];
  const half = Math.floor((width - 1) / 2);
  return [
    EMPTY,
    ...beside(rates(context, rows, chosen, half), detail(context, chosen, width - half - 1), half),
    ...picks,
  ];
};

const pickLines = (context: Context, chosen: MemberRow, count: number): Line[] => {
  const { state, nowNs } = context;
  const found = newestPicks(
    state,
    count,
    ({ pick }) => state.members.get(pick.ino)?.group === chosen.member.group,
  );
  const isWide = context.columns >= SIDE_BY_SIDE;
  const lines = found.map((logged) => {
    const { pick } = logged;
    const { who, after, mark } = outcomeOf(state, logged, nowNs);
    const from = fitTo(formatEndpoint(cells(pick.raddr), pick.rport), isWide ? 24 : 21);
    const index = pick.index === null ? '#-' : `#${pick.index}`;
    const how = pick.hash === null ? index : `${hashText(pick.hash)} x ${pick.n} >> 32 = ${index}`;
    const text = `${clockOf(state, pick.tsNs)} ${from} ${fitTo(how, pick.hash === null ? 5 : 24)} ${who}`;
    const end =
      who === 'waiting' ? ` ${after}` : after === '-' ? '' : isWide ? ` after ${after}` : ` +${after}`;
    return line(
      `${mark}${text}${end}`,
      mark === '!' ? { color: 'yellow' } : mark === 'x' ? { color: 'red' } : {},
    );
  });
  // On the tracepoint rung UDP has no pick that could come.
  const isBlind = countsWakeUps(chosen.member, state.rung);
  const none = isBlind ? ' this rung does not see single datagrams' : ' none yet';
  return [line(' last picks (3 for all)', BOLD), ...(lines.length > 0 ? lines : [line(none)])];
};

const rates = ({ state }: Context, rows: readonly MemberRow[], chosen: MemberRow, width: number): Line[] => {
  const unit = countsWakeUps(chosen.member, state.rung) ? 'wake-ups/s' : 'picks/s';
  const top = topOf(rows.length, rows.indexOf(chosen), DETAIL_ROWS);
  const spark = Math.min(60, width - 4 - 5 - 8 - 2);
  const lines = rows.slice(top, top + DETAIL_ROWS).map(({ member, mark }) => {
    const index = fitTo(member.index === null ? '-' : `#${member.index}`, 5);
    const rate = fitTo(formatRate(member.perSecond), 7, 'right');
    return line(`${index}${sparkline(member.history.items, spark)} ${rate} ${mark}`);
  });
  const blank = Array.from({ length: DETAIL_ROWS - lines.length }, () => EMPTY);
  const title = `${unit} per ${chosen.member.proto === 'udp' ? 'socket' : 'listener'}, last 60 s, each to its own scale`;
  return box(title, '', [...lines, ...blank], width);
};

const detail = (context: Context, facts: MemberRow, width: number): Line[] => {
  const { member, owner, name } = facts;
  const index = member.index === null ? '' : `#${member.index}  `;
  const who = owner === null ? name : `pid ${owner.pid} ${name}`;
  const inside = width - 4;
  const clients = topClients(context, facts, inside);
  const waits = waitLines(member.waits, inside);
  const rows = [
    ...calledLines(facts, inside),
    line(shareText(facts)),
    line(lifeText(context, facts)),
    ...clients,
    ...waits,
  ].slice(0, DETAIL_ROWS);
  const blank = Array.from({ length: DETAIL_ROWS - rows.length }, () => EMPTY);
  return box(`${index}${who}  ino ${member.ino}`, '', [...rows, ...blank], width);
};

/** Where it runs, its thread and its command line, as far as they are known. */
const calledLines = ({ member }: MemberRow, width: number): Line[] => {
  const thread = haveThreads([member]) ? threadOf(member) : null;
  const names = [placeOf(member), thread, commandOf(member)];
  const text = names.filter((name) => name !== null).join('   ');
  return text === '' ? [] : [line(cut(cells(text), width))];
};

/** Fewer picks than this say nothing about a share. */
const FEW_PICKS = 200;

const shareText = ({ share, part, picks, member }: MemberRow): string => {
  if (share === null || member.index === null) return `picks ${formatCount(picks)}`;
  const all = picks / Math.max(share, Number.MIN_VALUE);
  const sigma = Math.sqrt((part * (1 - part)) / Math.max(1, all));
  const isFar = Math.abs(share - part) > 3 * sigma;
  const verdict = picks < FEW_PICKS || part === 1 ? '' : isFar ? '   beyond 3 sigma' : '   within chance';
  const of = picks === 0 ? '' : ` of ${formatCount(all)}`;
  return `share ${percent(share)}%${of}   fair ${percent(part)}%${verdict}`;
};

const lifeText = ({ state, nowNs }: Context, { member, taken, picks }: MemberRow): string => {
  if (member.proto === 'udp') return receiverText(member, taken);
  const last =
    member.lastAcceptNs === null
      ? 'no accept seen'
      : `last accept ${formatDuration(Math.max(0, nowNs - member.lastAcceptNs))} ago`;
  const since =
    state.attachedNs !== null && member.seenNs > state.attachedNs
      ? `   listens since ${clockOf(state, member.seenNs, false)}`
      : '';
  return `accepted ${formatCount(taken)} of ${formatCount(picks)}   ${last}${since}`;
};

const receiverText = (member: Member, taken: number): string => {
  if (member.peer !== null) return `connected to ${cells(member.peer)}: the kernel skips it in the group`;
  const { delivered, overflowed } = member.counters;
  const arrived = total(delivered) + total(overflowed);
  // The tracepoint rung knows neither.
  const of = arrived === 0 ? '' : ` of ${formatCount(total(delivered))} delivered`;
  return `received ${formatCount(taken)}${of}`;
};

const CLIENTS = 2;
const CLIENT_PICKS = 1000;

/** Address and port together: one address with many ports spreads evenly, a repeated pair always meets the same hash. */
const topClients = ({ state }: Context, { member }: MemberRow, width: number): Line[] => {
  const picks = newestPicks(state, CLIENT_PICKS, ({ pick }) => pick.ino === member.ino);
  const counts = new Map<string, number>();
  for (const { pick } of picks) {
    const client = formatEndpoint(cells(pick.raddr), pick.rport);
    counts.set(client, (counts.get(client) ?? 0) + 1);
  }
  const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, CLIENTS);
  if (top.length === 0) return [];
  const rows = top.map(([client, count]) => barLine(client, 26, count, picks.length, width));
  return [line(`top client addr:port of its last ${picks.length} picks shown`, BOLD), ...rows];
};

/** Edges are powers of two, where the buckets of core/statistics/latency end; the words round them. */
const WAITS = [
  ['< 1 ms', 0, 2 ** 20],
  ['1-16 ms', 2 ** 20, 2 ** 24],
  ['16-64 ms', 2 ** 24, 2 ** 26],
  ['64 ms-1 s', 2 ** 26, 2 ** 30],
  ['> 1 s', 2 ** 30, Number.POSITIVE_INFINITY],
] as const;

const waitLines = (waits: Latency, width: number): Line[] => {
  if (waits.count === 0) return [];
  const rows = WAITS.map(([label, from, to]) => {
    const upTo = to === Number.POSITIVE_INFINITY ? waits.count : countBelow(waits, to);
    return barLine(label, 12, upTo - (from === 0 ? 0 : countBelow(waits, from)), waits.count, width);
  });
  return [line('wait for accept()', BOLD), ...rows];
};

const barLine = (label: string, labelWidth: number, part: number, whole: number, width: number): Line => {
  const part100 = fitTo(`${Math.round((100 * part) / Math.max(1, whole))}%`, 4, 'right');
  return line(
    `  ${fitTo(label, labelWidth)} ${part100}  ${bar(part, whole, Math.max(0, width - labelWidth - 9))}`,
  );
};
