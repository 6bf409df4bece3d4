// Lines of styled text, cut and padded to exact cells; it knows no terminal beyond eight colours and no state.
import { clean } from '../core/text/format.js';

/** Colour only repeats what a mark or word says: red = problem, yellow = warning, cyan = a key. */
export type Style = {
  readonly bold?: boolean;
  readonly reverse?: boolean;
  readonly color?: 'red' | 'yellow' | 'cyan';
};

/** A stretch of text in one style. */
export type Span = { readonly text: string; readonly style: Style };

/** One row of the screen. */
export type Line = readonly Span[];

const NORMAL: Style = {};
export const BOLD: Style = { bold: true };

/** An empty row. */
export const EMPTY: Line = [];

export const span = (text: string, style: Style = NORMAL): Span => ({ text, style });

/** A row in one style. */
export const line = (text: string, style: Style = NORMAL): Line => [span(text, style)];

/**
 * A stranger's string in one cell per UTF-16 unit: Latin, Greek and Cyrillic letters stay; control characters, wide,
 * combining and right-to-left ones become `?`, because terminals do not agree on how many cells they take.
 */
export const cells = (text: string): string => clean(text).replace(OTHER, '?');

const OTHER = /[^\u0020-\u007e\u00a1-\u02af\u0370-\u03ff\u0400-\u0482\u048a-\u052f]/gu;

export const widthOf = (row: Line): number => row.reduce((sum, part) => sum + part.text.length, 0);

/** Exactly `width` cells; what does not fit ends in `…`. */
export const fitTo = (text: string, width: number, align: 'left' | 'right' = 'left'): string => {
  const short = cut(text, width);
  return align === 'left' ? short.padEnd(width) : short.padStart(width);
};

/** At most `width` cells, the end cut off. */
export const cut = (text: string, width: number): string => {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
};

/**
 * At most `width` cells, the middle cut out: both ends of an address or a command line tell something. `end` cells stay
 * where they can: the port of an address.
 */
export const cutMiddle = (text: string, width: number, end = text.length - text.lastIndexOf(':')): string => {
  if (text.length <= width) return text;
  if (width < 5) return cut(text, width);
  const tail = Math.max(Math.ceil((width - 1) / 2), Math.min(width - 2, end));
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
};

/** At most `width` cells of a row. */
export const cutLine = (row: Line, width: number): Line => {
  if (widthOf(row) <= width) return row;
  const kept: Span[] = [];
  let left = width;
  for (const part of row) {
    if (left <= 0) break;
    kept.push(span(part.text.length > left ? cut(part.text, left) : part.text, part.style));
    left -= part.text.length;
  }
  return kept;
};

/** Exactly `width` cells of a row, so that reverse reaches the edge. */
export const fillLine = (row: Line, width: number, style: Style = NORMAL): Line => {
  const short = cutLine(row, width);
  const missing = width - widthOf(short);
  return missing > 0 ? [...short, span(' '.repeat(missing), style)] : short;
};

/** `left` at the left edge and `right` at the right one; the left part gives way, then the right one. */
export const spread = (left: Line, right: Line, width: number): Line => {
  const end = cutLine(right, width);
  const room = width - widthOf(end);
  const start = cutLine(left, Math.max(0, room - 1));
  return [...start, span(' '.repeat(Math.max(0, room - widthOf(start)))), ...end];
};

/** A sentence in rows of at most `width` cells, broken at spaces where it can be. */
export const wrap = (text: string, width: number): string[] => {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = '';
    }
    row = row === '' ? word : `${row} ${word}`;
    while (row.length > width && width > 0) {
      rows.push(row.slice(0, width));
      row = row.slice(width);
    }
  }
  if (row !== '') rows.push(row);
  return rows;
};

/** A fraction in percent, with the decimals that tell small ones apart. */
export const percent = (fraction: number): string =>
  (100 * fraction).toFixed(Math.abs(fraction) < 0.01 ? 2 : 1);
