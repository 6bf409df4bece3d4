// What a report tells of one group: how its picks fell on its members, and why a number is missing.

import { findings } from '../../core/findings/diagnosis.js';
import { markOf } from '../../core/state/finding.js';
import { type Group, livePicks, skewOf } from '../../core/state/group.js';
import { type Member, picksOf } from '../../core/state/member.js';
import type { State } from '../../core/state/state.js';
import { namersOf } from '../../core/words/identity.js';
import { exact } from '../../members/cells.js';
import type { Column, Row } from '../../members/column.js';
import { columnsFor } from '../../members/columns.js';
import { memberFacts, membersOf } from '../../members/facts.js';
import { wordsOf } from '../../members/heading.js';
import { judged } from '../../members/judged.js';
import { nameOf, percent, plural, times } from './format.js';

export type ReportedGroup = {
  readonly key: string;
  readonly name: string;
  readonly facts: readonly string[];
  /** What is to be said of its shares; null = nobody shares. */
  readonly judgement: string | null;
  /** What all members are called. */
  readonly called: string | null;
  readonly columns: readonly Column[];
  readonly rows: readonly ReportedRow[];
  /** Members beyond those. */
  readonly more: number;
  /** What `-` stands for in which column. */
  readonly notes: readonly string[];
  readonly fair: number | null;
  /** Three standard deviations of a share; null with no picks. */
  readonly chance: number | null;
};

export type Cell = {
  readonly text: string;
  /** Why it is `-`; null = it is not. */
  readonly why: string | null;
};

export type ReportedRow = Row & {
  readonly cells: readonly Cell[];
  /** The worst that stands of it: `x`, `!`, `i`, or nothing. */
  readonly mark: string;
  /** What tells it from the others beside its comm. */
  readonly called: string | null;
};

/** A page with more is read by nobody; NDJSON has all of them. */
const MEMBERS_TOLD = 256;

export const groupOf = (state: State, key: string): ReportedGroup => {
  const rung = state.rung;
  const group = state.groups.get(key);
  const members = membersOf(state).filter((member) => member.group === key);
  const live = members.filter((member) => member.closedNs === null);
  const n = group?.members.size ?? 0;
  const ofAll = group === undefined ? 0 : livePicks(group);
  const fair = n > 1 ? 1 / n : null;
  const rows = members.slice(0, MEMBERS_TOLD).map((member): Row => {
    const share = member.closedNs === null && ofAll > 0 ? picksOf(member) / ofAll : null;
    return { member, share, fair, rung };
  });
  const standing = findings(state);
  const [first] = members;
  const columns = columnsFor(members, rung).filter(({ report }) => report !== undefined);
  const namers = namersOf(members);
  const join = (names: readonly (string | null)[]): string | null =>
    names.filter((name) => name !== null).join(', ') || null;
  const told = rows.map((row) => ({
    ...row,
    cells: columns.map((column) => cellOf(column, row)),
    mark: standing.filter(({ ino }) => ino === row.member.ino).map(markOf)[0] ?? '',
    called: join(namers.apart.map((name) => name(row.member))),
  }));
  const chance = fair === null || ofAll === 0 ? null : 3 * Math.sqrt((fair * (1 - fair)) / ofAll);
  return {
    key,
    name: first === undefined ? key : nameOf(state, first),
    facts: factsOf(group, members, live.length, fair, chance, rung),
    judgement: group === undefined ? null : (judged(state, group)?.text ?? null),
    called: join(namers.inCommon),
    columns,
    rows: told,
    more: members.length - rows.length,
    notes: notesOf(columns, told),
    fair,
    chance,
  };
};

const cellOf = ({ report }: Column, row: Row): Cell => {
  const text = report?.text(row) ?? '-';
  return { text, why: text === '-' ? (report?.why(row) ?? null) : null };
};

const sumOf = (members: readonly Member[]): number =>
  members.reduce((sum, member) => sum + picksOf(member), 0);

const factsOf = (
  group: Group | undefined,
  members: readonly Member[],
  live: number,
  fair: number | null,
  chance: number | null,
  rung: Row['rung'],
): string[] => {
  const [first] = members;
  if (first === undefined) return [];
  const words = wordsOf({ rung }, first);
  const isUdp = first.proto === 'udp';
  const facts = members.map((member) => memberFacts(member, rung));
  const taken = facts.reduce((sum, each) => sum + (isUdp ? (each.received ?? 0) : each.accepted), 0);
  const skew = group === undefined ? null : skewOf(group);
  const isPlain = members.some(({ reuseport, closedNs }) => reuseport === false && closedNs === null);
  return [
    plural(live, words.member) + (isPlain ? ' without SO_REUSEPORT' : ''),
    ...(members.length > live ? [`${exact(members.length - live)} left`] : []),
    `${exact(sumOf(members))} ${words.picks}`,
    `${exact(taken)} ${isUdp ? 'datagrams ' : ''}${words.taken}`,
    ...(fair === null
      ? []
      : [`fair share ${percent(fair)}${chance === null ? '' : ` ± ${percent(chance)}`}`]),
    ...(skew === null ? [] : [`skew ${times(skew)}`]),
  ];
};

/** `DROPS -: the tracepoint rung does not see it`, each reason once. */
const notesOf = (columns: readonly Column[], rows: readonly ReportedRow[]): string[] => {
  const titles = new Map<string, Set<string>>();
  for (const { cells } of rows) {
    for (const [i, { why }] of cells.entries()) {
      if (why === null) continue;
      const those = titles.get(why) ?? new Set();
      titles.set(why, those.add(columns[i]?.title ?? ''));
    }
  }
  return [...titles].map(([why, those]) => `${[...those].join(', ')} -: ${why}`);
};
