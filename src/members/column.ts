// What a column of the tables of members is: a number or a name of a member, how it is written, and where it is shown.
import type { Proto, Rung } from '../core/event.js';
import type { Member } from '../core/state/member.js';

/** A member among those of its group. */
export type Row = {
  readonly member: Member;
  readonly rung: Rung | null;
  /** Its part of the picks of the members that are there now, 0 to 1; null = it has left, or nothing was picked. */
  readonly share: number | null;
  /** 1 / n; null = nobody shares. */
  readonly fair: number | null;
};

export type Column = {
  readonly id: string;
  /** The same in every output. */
  readonly title: string;
  readonly align: 'left' | 'right';
  /** What it tells, in a few words for people. */
  readonly about: string;
  /** In few cells; `-` = unknown. */
  readonly text: (row: Row) => string;
  /** What it is sorted by, and what a metric has; null = unknown. Absent = it cannot be sorted by. */
  readonly value?: (row: Row) => number | string | null;
  /** Names and indexes are read from the first on; absent = numbers, from the largest. */
  readonly isAscending?: true;
  /** Whether it says anything of these members; absent = always. */
  readonly isNeeded?: (members: readonly Member[], rung: Rung | null) => boolean;
  /** Whether this rung can know it; absent = every rung. What it cannot know is not on the screen, and in a report with the reason. */
  readonly isKnown?: (members: readonly Member[], rung: Rung | null) => boolean;
  /** On the screen: least cells and most, and which goes first when it is narrow (0 = never). */
  readonly screen?: {
    readonly width: number;
    readonly widest?: number;
    readonly drop: number;
    /** Too long, it is cut in its middle. */
    readonly isCutInside?: true;
  };
  /** In the table of 80 columns: its cells, with the space before it. */
  readonly table?: {
    readonly width: number;
    /** Of no other protocol: the table of the other has no room. */
    readonly proto?: Proto;
    /** Where the text is another than on the screen. */
    readonly text?: (row: Row) => string;
    /** Goes where there is no room for all. */
    readonly yields?: true;
  };
  /** In a report: with every digit, and why it is `-`. */
  readonly report?: {
    readonly text: (row: Row) => string;
    readonly why: (row: Row) => string;
  };
  /** As a metric: `reuseport_member_` and this. */
  readonly metric?: {
    readonly name: string;
    readonly type: 'counter' | 'gauge';
    readonly help: string;
    /** Of members of no other protocol. */
    readonly proto?: Proto;
  };
};
