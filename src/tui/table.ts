// Columns as data, and rows of them on a screen of any width: which columns stay, how wide, sorted how. It reads no State.
import type { State } from '../core/state/state.js';
import type { Sort } from './model.js';
import { BOLD, cutMiddle, fillLine, fitTo, type Line, type Style, span } from './text.js';

export type Column<Row> = {
  readonly id: string;
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Least cells, and the most it may grow to when its text asks for them. */
  readonly width: number;
  readonly widest?: number;
  /** Takes cells that nobody asks for, up to `widest`: bars and sparklines. */
  readonly isElastic?: boolean;
  /** 0 = always there; of the others the highest goes first when the screen is narrow. */
  readonly drop: number;
  /** Text of a cell; a longer one is cut, an address in its middle. */
  readonly text: (row: Row, width: number) => string;
  readonly isAddress?: boolean;
  /** What the column sorts by; absent = it cannot be sorted by. null = unknown, always last. */
  readonly sortBy?: (row: Row) => number | string | null;
  /** Names and indexes are read from the first on; absent = numbers, from the largest. */
  readonly isAscending?: true;
  /** Whether it could hold anything but dashes; absent = it can. */
  readonly isOffered?: (state: State) => boolean;
};

export type Mark = 'x' | '!' | 'i' | ' ';

export type Table<Row> = {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly selected: number | null;
  readonly markOf: (row: Row) => Mark;
  /** A row that is a sentence, not cells; null = cells. */
  readonly sentenceOf?: (row: Row) => string | null;
  readonly sort: Sort | null;
  /** How many columns that can be dropped are passed over from the left. */
  readonly skipped: number;
  readonly width: number;
  /** Rows of screen, the header's included. */
  readonly height: number;
};

/** Header and the rows around the selected one. */
export const tableLines = <Row>(table: Table<Row>): Line[] => {
  if (table.height <= 0) return [];
  const shown = Math.max(0, table.height - 1);
  const top = topOf(table.rows.length, table.selected, shown);
  // Measured beyond what is seen, so that columns do not jump with every row scrolled.
  const measured = table.rows.slice(Math.max(0, top - MEASURED), top + shown + MEASURED);
  const isNarrow = table.width < 60;
  const lead = isNarrow ? 2 : 3;
  const placed = place(table.columns, measured, table.width - lead, table.skipped);
  const header =
    ' '.repeat(lead) + placed.map(({ column, width }) => title(column, width, table.sort)).join(' ');
  const lines: Line[] = [[span(header.trimEnd(), BOLD)]];
  table.rows.slice(top, top + shown).forEach((row, index) => {
    const isSelected = top + index === table.selected;
    lines.push(rowLine(table, placed, row, isSelected, lead));
  });
  return lines;
};

const MEASURED = 100;

/** First row shown: the selected one stays in the middle until an end of the table is reached. */
export const topOf = (count: number, selected: number | null, shown: number): number =>
  Math.max(0, Math.min(count - shown, (selected ?? 0) - Math.floor(shown / 2)));

/** Sorted by a column; what is equal keeps its order, what is unknown comes last either way. */
export const sortRows = <Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort | null,
): readonly Row[] => {
  const sortBy = columns.find((column) => column.id === sort?.column)?.sortBy;
  if (sort === null || sortBy === undefined) return rows;
  const sign = sort.isDescending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [sortBy(a), sortBy(b)];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    if (left === right) return 0;
    return left < right ? -sign : sign;
  });
};

/** x before ! before nothing, else as they were: for screens on which not all rows can be seen. */
export const problemsFirst = <Row>(rows: readonly Row[], markOf: (row: Row) => Mark): readonly Row[] =>
  [...rows].sort((a, b) => WEIGHTS.indexOf(markOf(a)) - WEIGHTS.indexOf(markOf(b)));

const WEIGHTS: readonly Mark[] = ['x', '!', 'i', ' '];

type Placed<Row> = { readonly column: Column<Row>; readonly width: number };

/** The columns that fitTo, each with its width. */
export const place = <Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  room: number,
  skipped: number,
): Placed<Row>[] => {
  const kept = keep(columns, room, skipped);
  let spare = room - least(kept);
  const widths = kept.map((column) => {
    const most = column.isElastic === true ? column.width : (column.widest ?? column.width);
    const asked = most > column.width ? Math.max(...rows.map((row) => column.text(row, most).length), 0) : 0;
    const width = Math.max(column.width, Math.min(most, asked, column.width + Math.max(0, spare)));
    spare -= width - column.width;
    return width;
  });
  return kept.map((column, index) => {
    const width = widths[index] ?? column.width;
    if (column.isElastic !== true) return { column, width };
    const more = Math.max(0, Math.min(spare, (column.widest ?? column.width) - width));
    spare -= more;
    return { column, width: width + more };
  });
};

const keep = <Row>(columns: readonly Column<Row>[], room: number, skipped: number): Column<Row>[] => {
  let kept = [...columns];
  for (let skip = 0; skip < skipped && least(kept) > room; skip++) {
    const passed = kept.find((column) => column.drop > 0);
    kept = kept.filter((column) => column !== passed);
  }
  // From the right where the user is walking through the columns, else by importance.
  while (least(kept) > room && kept.some((column) => column.drop > 0)) {
    const going =
      skipped > 0
        ? kept.findLast((column) => column.drop > 0)
        : kept.reduce((worst, column) => (column.drop > worst.drop ? column : worst));
    kept = kept.filter((column) => column !== going);
  }
  return kept;
};

const least = <Row>(columns: readonly Column<Row>[]): number =>
  columns.reduce((sum, column) => sum + column.width + 1, -1);

const title = <Row>(column: Column<Row>, width: number, sort: Sort | null): string => {
  const arrow = sort?.column === column.id ? (sort.isDescending ? '▼' : '▲') : '';
  return fitTo(`${column.title.slice(0, Math.max(0, width - arrow.length))}${arrow}`, width, column.align);
};

const rowLine = <Row>(
  table: Table<Row>,
  placed: readonly Placed<Row>[],
  row: Row,
  isSelected: boolean,
  lead: number,
): Line => {
  const mark = table.markOf(row);
  const style: Style = {
    ...(mark === 'x' ? { color: 'red' as const } : mark === '!' ? { color: 'yellow' as const } : {}),
    ...(isSelected ? { reverse: true } : {}),
  };
  const start = `${mark}${isSelected ? '▸' : ' '}`.padEnd(lead);
  const sentence = table.sentenceOf?.(row) ?? null;
  const text = sentence ?? placed.map(({ column, width }) => cell(column, row, width)).join(' ');
  const drawn: Line = [span(start + text, style)];
  return isSelected ? fillLine(drawn, table.width, style) : drawn;
};

const cell = <Row>(column: Column<Row>, row: Row, width: number): string => {
  const text = column.text(row, width);
  return fitTo(column.isAddress === true ? cutMiddle(text, width) : text, width, column.align);
};
