// What a view is and what it gets to draw from; it knows no view by name.

import type { Finding } from '../core/state/finding.js';
import type { Member } from '../core/state/member.js';
import type { Elsewhere } from '../core/state/otherports.js';
import type { State } from '../core/state/state.js';
import type { LearnedHash } from '../core/words/explain.js';
import type { Model, RowId, Sort, ViewName } from './model.js';
import type { Line } from './text.js';

/** What is learned beside the run; to ask is to begin to learn. */
export type Answers = {
  /** The hashes of picks that the kernel did not tell. */
  readonly hashes: (state: State) => LearnedHash;
  /** How this host gets a connection to a member, as lines; or why that cannot be said. */
  readonly reach: (state: State, member: Member) => readonly string[];
};

/** Everything one frame is made of. */
export type Context = {
  /** What is shown: the live State, or the one kept at the pause. */
  readonly state: State;
  /** The State that counts on during a pause. */
  readonly live: State;
  readonly model: Model;
  /** Of the shown State, worst first. */
  readonly findings: readonly Finding[];
  /** Size of the terminal. */
  readonly columns: number;
  readonly rows: number;
  /** The time now; that of the pause while paused. */
  readonly nowNs: number;
  readonly isReplay: boolean;
  /** Absent = nobody learns. */
  readonly answers?: Answers;
  /** Who listens on other ports, for when nobody does on those asked for. */
  readonly elsewhere: () => readonly Elsewhere[];
};

/** A key in the last row and what it does. */
export type Hint = readonly [key: string, does: string];

/** A column by which rows can be sorted. */
export type Sortable = { readonly id: string; readonly isAscending?: true };

export type View = {
  readonly name: ViewName;
  readonly title: string;
  /** Whether there is anything that it could show; its number key does nothing otherwise. */
  readonly isOffered: (state: State) => boolean;
  /** What can be selected, in the order shown. */
  readonly rows: (state: State, model: Model) => readonly RowId[];
  /** True for a log: the newest row is the last one, and f follows it. */
  readonly isLog: boolean;
  /** The columns that s < > walk, and the order before any was chosen; null = the order is given. */
  readonly sortable: (state: State, model: Model) => readonly Sortable[];
  readonly sort: Sort | null;
  /** Enter on a row. */
  readonly open: (model: Model, state: State, row: RowId) => Model;
  /** Everything between the rules, at most `height` rows. */
  readonly body: (context: Context, height: number) => Line[];
  /** The right end of row 2; null = the rate. */
  readonly corner: (context: Context) => string | null;
  readonly hints: (state: State) => readonly Hint[];
};

/** No room for the row of views, nor for long words. */
export const isNarrow = (size: { readonly columns: number }): boolean => size.columns < 60;

/** No room for rules and panels. */
export const isShort = (size: { readonly rows: number }): boolean => size.rows < 16;

/** Rows of the help overlay at this size. */
export const helpRows = (size: { readonly columns: number; readonly rows: number }): number =>
  size.rows - (isNarrow(size) ? 2 : 3);

/** Rows of the view at this size, for a page of movement. */
export const pageRows = (size: { readonly columns: number; readonly rows: number }): number =>
  Math.max(1, size.rows - (isShort(size) ? 6 : 10) + (isNarrow(size) ? 1 : 0));
