// View 6: what is wrong, worst first, then what was and is over; below it why, and what to try, for the selected one.

import { findings, pastFindings } from '../../core/findings/diagnosis.js';
import { seesFunctions } from '../../core/rung.js';
import { type Finding, markOf } from '../../core/state/finding.js';
import type { State } from '../../core/state/state.js';
import { formatDuration } from '../../core/text/format.js';
import { box } from '../box.js';
import { matches } from '../filter.js';
import { sentenceOf, styleOf } from '../finding.js';
import { clockOf } from '../logs.js';
import { goTo, type Model, select, selectedIndex } from '../model.js';
import { type Column, tableLines } from '../table.js';
import { cells, EMPTY, type Line, line, wrap } from '../text.js';
import { type Context, isNarrow, isShort, type View } from '../view.js';

/** Those that stand, worst first, then those that were cleared, the newest first. */
const shownFindings = (state: State, model: Model): Finding[] =>
  [...findings(state), ...pastFindings(state).reverse()].filter(
    (finding) =>
      (!model.isProblemsOnly || (finding.clearedNs === null && finding.severity !== 'note')) &&
      matches(model.filter, () => [finding.rule, finding.severity, finding.text, finding.advice]),
  );

/** A row that is a line between the two kinds; it cannot be selected. */
const CLEARED = 'cleared';
type Row = Finding | typeof CLEARED;

const withLine = (shown: readonly Finding[]): readonly Row[] => {
  const standing = shown.filter(({ clearedNs }) => clearedNs === null);
  const cleared = shown.slice(standing.length);
  return cleared.length === 0 ? standing : [...standing, CLEARED, ...cleared];
};

/** How long it has stood, or stood until it was cleared. */
const durationOf = ({ sinceNs, clearedNs }: Finding, nowNs: number): string =>
  formatDuration(Math.max(0, (clearedNs ?? nowNs) - sinceNs));

const columns = (context: Context): readonly Column<Row>[] => {
  const of =
    (text: (finding: Finding) => string) =>
    (row: Row): string =>
      row === CLEARED ? '' : text(row);
  return [
    {
      id: 'since',
      title: 'SINCE',
      align: 'left',
      width: 8,
      drop: 2,
      text: of(({ sinceNs }) => clockOf(context.state, sinceNs, false)),
    },
    {
      id: 'for',
      title: 'FOR',
      align: 'right',
      width: 7,
      drop: 1,
      text: of((finding) => durationOf(finding, context.nowNs)),
    },
    { id: 'rule', title: 'RULE', align: 'left', width: 8, widest: 13, drop: 0, text: of(({ rule }) => rule) },
    {
      id: 'what',
      title: 'WHAT',
      align: 'left',
      width: 20,
      widest: 400,
      drop: 0,
      text: of((finding) => sentenceOf(context, finding)),
    },
  ];
};

const body = (context: Context, height: number): Line[] => {
  const { state, model } = context;
  const shown = shownFindings(state, model);
  if (shown.length === 0) return nothing(context);
  const selected = selectedIndex(
    model,
    findingsView,
    shown.map(({ serial }) => serial),
  );
  const chosen = selected === null ? null : (shown[selected] ?? null);
  const rows = withLine(shown);
  const detail = chosen === null ? [] : detailLines(context, chosen);
  // The detail is what the view is for: the table keeps a few rows, the rest gives way.
  const least = Math.min(rows.length, isShort(context) ? 2 : 5) + 1;
  const panel = detail.slice(0, Math.max(0, height - least));
  const table = tableLines({
    columns: columns(context),
    rows,
    selected: chosen === null ? null : rows.indexOf(chosen),
    markOf: (row) => (row === CLEARED || row.clearedNs !== null ? ' ' : markOf(row)),
    sentenceOf: (row) => (row === CLEARED ? '-- cleared, newest first --' : null),
    sort: null,
    skipped: model.columnsSkipped,
    width: context.columns,
    height: Math.min(height - panel.length, rows.length + 1),
  });
  return [...table, ...panel];
};

/** An empty list must not look like a clean bill where the rung is blind. */
const nothing = ({ state, model, columns: width }: Context): Line[] => {
  const say = (text: string): Line[] => wrap(text, width - 2).map((row) => line(` ${row}`));
  if (model.filter !== '' || model.isProblemsOnly) return say('No finding matches: Esc shows all of them.');
  if (state.attachedNs === null) return say('Nothing is judged before the probes are attached.');
  const since = clockOf(state, state.attachedNs, false);
  return [
    ...say(`Nothing wrong was found since ${since}.`),
    ...(seesFunctions(state.rung)
      ? []
      : say('This rung does not see what is dropped, or refused by BPF programs: doctor says why.')),
  ];
};

/** The whole sentence, its numbers, how far they can be trusted, one thing to try, and the mechanism. */
const detailLines = (context: Context, finding: Finding): Line[] => {
  const { state, columns: width, nowNs } = context;
  const { clearedNs, severity, rule, doubt } = finding;
  const evidence = evidenceText(finding);
  const [advice, why] = [`try: ${cells(finding.advice)}`, `why: ${cells(finding.why)}`];
  const trust = doubt === null ? [] : [cells(doubt)];
  if (isNarrow(context) || isShort(context)) {
    const texts = [sentenceOf(context, finding), advice, ...trust, why];
    return texts.flatMap((text) => wrap(text, width - 1)).map((row) => line(` ${row}`));
  }
  const rows = [cells(finding.text), ...(evidence === '' ? [] : [evidence]), ...trust, advice, why];
  const until = clearedNs === null ? 'now' : clockOf(state, clearedNs, false);
  const when = `${clockOf(state, finding.sinceNs, false)} to ${until}, ${durationOf(finding, nowNs)}`;
  const lines = rows.flatMap((text, index) =>
    wrap(text, width - 4).map((row) => line(row, index === 0 && clearedNs === null ? styleOf(finding) : {})),
  );
  return [EMPTY, ...box(`${severity}: ${rule}`, when, lines, width)];
};

/** `queue 33   backlog 32`; what is not known is `-`. */
const evidenceText = ({ evidence }: Finding): string =>
  Object.entries(evidence)
    .map(([name, value]) => `${cells(name)} ${IDS.test(name) ? String(value ?? '-') : valueText(value)}`)
    .join('   ');

/** Numbers that name something are not grouped in thousands. */
const IDS = /(?:pid|uid|port|ino|id|index)$/i;

const valueText = (value: number | string | null): string => {
  if (value === null) return '-';
  if (typeof value === 'string') return cells(value);
  return Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(3)));
};

/** The member or group that a finding is about; a refused bind is among the binds. */
const open = (model: Model, state: State, row: string | number): Model => {
  const finding = shownFindings(state, model).find(({ serial }) => serial === row);
  if (finding === undefined) return model;
  if (finding.rule === 'bind-refused') return goTo(model, 'binds');
  const { group, ino } = finding;
  if (group === null)
    return { ...model, notice: 'It is about the run as a whole: there is no group to open.' };
  if ((state.groups.get(group)?.members.size ?? 0) === 0)
    return { ...model, notice: 'Nobody listens there any more: there is no group to open.' };
  const opened = {
    ...goTo({ ...model, group, filter: '', isProblemsOnly: false }, 'group'),
    openedFrom: 'findings',
  } as const;
  return ino === null ? opened : select(opened, String(ino));
};

export const findingsView: View = {
  name: 'findings',
  title: 'Findings',
  isOffered: () => true,
  rows: (state, model) => shownFindings(state, model).map(({ serial }) => serial),
  isLog: false,
  sortable: () => [],
  sort: null,
  open,
  body,
  corner: ({ state }) => `${findings(state).length} now, ${pastFindings(state).length} cleared`,
  hints: () => [
    ['Enter', 'Go there'],
    ['/', 'Filter'],
    ['e', 'Problems'],
    ['Space', 'Pause'],
    ['Esc', 'Back'],
    ['w', 'Save'],
  ],
};
