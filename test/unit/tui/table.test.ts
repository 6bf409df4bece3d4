import { describe, expect, it } from 'vitest';
import {
  type Column,
  place,
  problemsFirst,
  sortRows,
  type Table,
  tableLines,
  topOf,
} from '../../../src/tui/table.js';
import { widthOf } from '../../../src/tui/text.js';

type Row = { readonly name: string; readonly size: number | null };

const COLUMNS: readonly Column<Row>[] = [
  {
    id: 'name',
    title: 'NAME',
    align: 'left',
    width: 6,
    widest: 12,
    drop: 0,
    text: ({ name }) => name,
    sortBy: ({ name }) => name,
  },
  {
    id: 'size',
    title: 'SIZE',
    align: 'right',
    width: 6,
    drop: 2,
    text: ({ size }) => String(size ?? '-'),
    sortBy: ({ size }) => size,
  },
  {
    id: 'bar',
    title: 'BAR',
    align: 'left',
    width: 4,
    widest: 10,
    isElastic: true,
    drop: 1,
    text: (_, width) => '#'.repeat(width),
  },
];
const ROWS: readonly Row[] = [
  { name: 'b', size: 1 },
  { name: 'a', size: null },
  { name: 'c', size: 3 },
];

const names = (width: number, skipped = 0): string[] =>
  place(COLUMNS, ROWS, width, skipped).map(({ column, width: cells }) => `${column.id}${cells}`);

const drawn = (change: Partial<Table<Row>>): string[] =>
  tableLines({
    columns: COLUMNS,
    rows: ROWS,
    selected: 1,
    markOf: () => ' ',
    sort: null,
    skipped: 0,
    width: 60,
    height: 10,
    ...change,
  }).map((row) => row.map(({ text }) => text).join(''));

describe('table', () => {
  it('drops the least important columns first and grows what can grow', () => {
    expect(names(18)).toEqual(['name6', 'size6', 'bar4']);
    expect(names(22)).toEqual(['name6', 'size6', 'bar8']);
    expect(names(17)).toEqual(['name6', 'bar10']);
    expect(names(8)).toEqual(['name6']);
    expect(names(2)).toEqual(['name6']);
  });

  it('passes over columns from the left when asked, only while some are hidden', () => {
    expect(names(13, 1)).toEqual(['name6', 'bar6']);
    expect(names(40, 1)).toEqual(['name6', 'size6', 'bar10']);
    expect(names(13, 9)).toEqual(['name6', 'bar6']);
  });

  it('grows a column to the text it holds', () => {
    const rows = [{ name: 'a long name', size: 1 }];
    expect(place(COLUMNS, rows, 60, 0)[0]?.width).toBe(11);
  });

  it('sorts both ways with what is unknown last', () => {
    const sorted = (isDescending: boolean): string =>
      sortRows(ROWS, COLUMNS, { column: 'size', isDescending })
        .map(({ name }) => name)
        .join('');
    expect(sorted(false)).toBe('bca');
    expect(sorted(true)).toBe('cba');
    expect(sortRows(ROWS, COLUMNS, null)).toBe(ROWS);
    expect(sortRows(ROWS, COLUMNS, { column: 'bar', isDescending: true })).toBe(ROWS);
  });

  it('puts problems first and leaves the rest as it was', () => {
    const marks = new Map([
      ['b', ' '],
      ['a', '!'],
      ['c', 'x'],
    ] as const);
    expect(problemsFirst(ROWS, ({ name }) => marks.get(name as 'a') ?? ' ').map(({ name }) => name)).toEqual([
      'c',
      'a',
      'b',
    ]);
  });

  it('draws header, mark, selection and order', () => {
    expect(
      drawn({
        markOf: ({ name }) => (name === 'c' ? 'x' : ' '),
        sort: { column: 'size', isDescending: true },
        width: 62,
      }),
    ).toEqual([
      '   NAME    SIZE▼ BAR',
      '   b           1 ##########',
      expect.stringMatching(/^ ▸ a {11}- ########## *$/),
      'x  c           3 ##########',
    ]);
  });

  it('fills the selected row to the edge and cuts nothing off elsewhere', () => {
    const lines = tableLines({
      columns: COLUMNS,
      rows: ROWS,
      selected: 0,
      markOf: () => ' ',
      sort: null,
      skipped: 0,
      width: 61,
      height: 9,
    });
    expect(lines.map(widthOf)[1]).toBe(61);
    expect(lines[1]?.every(({ style }) => style.reverse === true)).toBe(true);
  });

  it('survives no rows, no height and no selection', () => {
    expect(drawn({ rows: [], selected: null })).toEqual(['   NAME     SIZE BAR']);
    expect(drawn({ height: 0 })).toEqual([]);
    expect(drawn({ height: 1 })).toHaveLength(1);
  });

  it.each([
    [100, 0, 10, 0],
    [100, 50, 10, 45],
    [100, 99, 10, 90],
    [5, 4, 10, 0],
    [0, null, 10, 0],
  ])('of %i rows with row %s selected shows %i from %i on', (rows, selected, shown, top) => {
    expect(topOf(rows, selected, shown)).toBe(top);
  });
});
