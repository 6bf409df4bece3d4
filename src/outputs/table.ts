// The table of groups and members as plain text of 80 columns: the closing summary, and what --once prints.

import type { Rung } from '../core/event.js';
import { type Group, livePicks } from '../core/state/group.js';
import {
  countsWakeUps,
  isFull,
  type Member,
  ownerOf,
  picksOf,
  takenOf,
  total,
} from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { clean, formatCount } from '../core/text/format.js';
import { namersOf } from '../core/words/identity.js';
import { countCauses, steeringText } from '../core/words/steering.js';
import type { Row } from '../members/column.js';
import { columnsFor } from '../members/columns.js';
import { membersOf, secondsOf, summaryFacts } from '../members/facts.js';
import { headingLine } from '../members/heading.js';
import { judged } from '../members/judged.js';
import { findingLines } from './findings.js';

/** The whole run in words and tables, without a line end at the end. */
export const formatTable = (state: State): string => {
  const members = membersOf(state);
  const causes = countCauses(state);
  const blocks = [...new Set(members.map((member) => member.group))].map((key) =>
    formatGroup(
      state,
      state.groups.get(key),
      members.filter((member) => member.group === key),
      steeringText(state.groups.get(key), causes.get(key)),
    ),
  );
  if (blocks.length === 0) blocks.push(emptyText(state));
  return [...blocks, [...findingLines(state), summaryLine(state)].join('\n')].join('\n\n');
};

const emptyText = (state: State): string => {
  const { ports } = state.scope;
  const where = ports.length === 0 ? 'anywhere' : `on port ${ports.join(', ')}`;
  return `Nothing listened ${where}.`;
};

const formatGroup = (
  state: State,
  group: Group | undefined,
  members: readonly Member[],
  steering: string | null,
): string => {
  const [first] = members;
  if (first === undefined) return '';
  const rung = state.rung;
  const head = headingLine(state, first, {
    members: members.filter((member) => member.closedNs === null).length,
    note: isPlain(group) ? ' without SO_REUSEPORT' : '',
    picks: members.reduce((sum, member) => sum + picksOf(member), 0),
    taken: members.reduce((sum, member) => sum + takenOf(member), 0),
  });
  const verdict = group === undefined ? [] : verdictLines(state, group);
  const ofAll = group === undefined ? 0 : livePicks(group);
  const namers = namersOf(members);
  const columns = columnsOf(members, rung);
  const rows = members.flatMap((member) => {
    const share = member.closedNs === null && ofAll > 0 ? picksOf(member) / ofAll : null;
    const row = { member, rung, share, fair: null };
    return [
      `${member.proto === 'tcp' && isFull(member) ? 'x ' : '  '}${columns.map((column) => column.cell(row)).join('')}`,
      ...joinNames(
        6,
        namers.apart.map((nameOf) => nameOf(member)),
      ),
    ];
  });
  const heading = `  ${columns.map(({ title }) => title).join('')}`;
  const chosen = steering === null ? [] : breakAfter(';', steering);
  return [
    head,
    ...joinNames(2, namers.inCommon),
    ...chosen,
    heading,
    ...rows,
    ...moves(members),
    ...verdict,
  ].join('\n');
};

const nameOf = (member: Member): string => {
  const owner = ownerOf(member);
  return owner === null ? `ino ${member.ino}` : `pid ${owner.pid}`;
};

/** From whom and to whom the kernel moved connections when a member closed. */
const moves = (members: readonly Member[]): string[] => {
  const named = (way: 'from' | 'to', counter: 'moved_from' | 'moved_to'): string[] =>
    members.flatMap((member) => {
      const moved = total(member.counters[counter]);
      if (moved === 0) return [];
      return [`${formatCount(moved)} ${way} ${nameOf(member)}`];
    });
  const parts = [...named('from', 'moved_from'), ...named('to', 'moved_to')];
  return parts.length === 0 ? [] : [`  moved when a listener closed: ${parts.slice(0, 4).join(', ')}`];
};

const joinNames = (indent: number, names: readonly (string | null)[]): string[] => {
  const text = ' '.repeat(indent) + names.filter((name) => name !== null).join('  ');
  return text.trim() === '' ? [] : [text.length <= 80 ? text : `${text.slice(0, 77)}...`];
};

/** What is to be said of the shares, in two lines when one is too long. */
const verdictLines = (state: State, group: Group): string[] => {
  const verdict = judged(state, group);
  return verdict === null ? [] : breakAfter(':', verdict.text);
};

/** Indented; in several lines where one is too long. */
const breakAfter = (mark: ':' | ';', text: string): string[] =>
  text.length <= 78
    ? [`  ${text}`]
    : text.split(`${mark} `).map((part, i, parts) => {
        const end = i === parts.length - 1 ? '' : mark;
        return `${i === 0 ? '  ' : '    '}${part}${end}`;
      });

const isPlain = (group: Group | undefined): boolean =>
  [...(group?.members.values() ?? [])].some((member) => member.reuseport === false);

type Placed = { readonly title: string; readonly cell: (row: Row) => string };

const ROOM = 78;

/**
 * The columns for which there is room, each padded. All of them are as wide as their widest text (pid 4194304, comm of 15,
 * 999,999, 65535/65535, 999.9ms) and fill 80 columns; with one more the comms give way, and then who yields.
 */
const columnsOf = (members: readonly Member[], rung: Rung | null): Placed[] => {
  const wanted = columnsFor(members, rung).flatMap(({ title, text, align, table }) => {
    if (table === undefined || (table.proto ?? members[0]?.proto) !== members[0]?.proto) return [];
    return [{ title, align, text: table.text ?? text, width: table.width, yields: table.yields === true }];
  });
  const widthOf = (columns: typeof wanted): number => columns.reduce((sum, { width }) => sum + width, 0);
  const excess = (columns: typeof wanted): number => Math.max(0, widthOf(columns) - ROOM);
  const narrowed = wanted.map((column) => {
    if (column.align === 'right') return column;
    const texts = members.map((member) => column.text({ member, rung, share: null, fair: null }).length);
    const least = 1 + Math.max(column.title.length, ...texts);
    return { ...column, width: Math.max(Math.min(column.width, least), column.width - excess(wanted)) };
  });
  const kept = excess(narrowed) === 0 ? narrowed : wanted.filter(({ yields }) => !yields);
  return kept.map(({ title, align, text, width }) => {
    const pad = (cell: string): string =>
      align === 'right' ? cell.padStart(width) : ` ${cell.padEnd(width - 1)}`;
    return { title: pad(title), cell: (row) => pad(text(row)) };
  });
};

const wakeUpsNote = (state: State): string[] =>
  membersOf(state).some((member) => countsWakeUps(member, state.rung))
    ? ['UDP on this rung: wake-ups, not datagrams (one may stand for several); what was received is exact.']
    : [];

const summaryLine = (state: State): string => {
  const facts = summaryFacts(state);
  const { picks, shown, sampledAway, lost } = facts;
  const counted = `${formatCount(picks)} picks in ${secondsOf(state).toFixed(1)} s`;
  // Counts come once a second, lines at once: in between, as where a recording was cut, there is no account.
  const account =
    shown + sampledAway + lost === picks
      ? ` = ${formatCount(shown)} shown + ${formatCount(sampledAway)} sampled away + ${formatCount(lost)} lost`
      : ` at the last count; ${formatCount(shown)} shown by now`;
  const run = `${facts.rung ?? '-'} rung, Linux ${clean(facts.kernel ?? '-')}, bpftrace ${clean(facts.bpftrace ?? '-')}`;
  return [`${counted}${account}`, ...wakeUpsNote(state), run].join('\n');
};
