// The columns of members as the screen shows them, and the bar of shares, which nothing else draws.
import type { Member } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import type { Column as MemberColumn } from '../members/column.js';
import { columnsFor } from '../members/columns.js';
import { markedBar } from './bars.js';
import type { MemberRow } from './rows.js';
import type { Column } from './table.js';
import { cells, cutMiddle, percent } from './text.js';

/** Those that this rung can fill; names only where they tell the members of the group apart, else they stand above the table. */
export const memberColumns = (state: State, members: readonly Member[]): readonly Column<MemberRow>[] =>
  columnsFor(members, state.rung)
    .filter(({ isKnown }) => isKnown?.(members, state.rung) !== false)
    .flatMap((column) => [...drawn(column), ...(column.id === 'rate' ? SHARES : [])]);

const drawn = ({ id, title, align, text, value, isAscending, screen }: MemberColumn): Column<MemberRow>[] => {
  if (screen === undefined) return [];
  const { width, widest, drop, isCutInside } = screen;
  return [
    {
      ...{ id, title, align, width, drop },
      ...(widest === undefined ? {} : { widest }),
      text: (row, room) => {
        const written = cells(text(row));
        return isCutInside ? cutMiddle(written, room, 0) : written;
      },
      ...(value === undefined ? {} : { sortBy: value }),
      ...(isAscending ? { isAscending } : {}),
    },
  ];
};

const SHARES: readonly Column<MemberRow>[] = [
  {
    id: 'bar',
    title: 'SHARE│',
    align: 'left',
    width: 8,
    widest: 24,
    isElastic: true,
    drop: 3,
    text: ({ share, part, scale }, width) => markedBar(share ?? 0, part, scale, width),
  },
  {
    id: 'share',
    title: '%',
    align: 'right',
    width: 5,
    drop: 0,
    text: ({ share }) => (share === null ? '-' : percent(share)),
    sortBy: ({ share }) => share,
  },
];
