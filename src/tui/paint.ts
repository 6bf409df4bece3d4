// Turns finished rows into what a terminal or a file takes: SGR codes or none, UTF-8 or ASCII. The last gate for strings.
import type { Line, Style } from './text.js';

export type Paint = { readonly useColor: boolean; readonly isAscii: boolean };

/** A row for a terminal. Bold and reverse stay without colour; nothing but our own SGR codes can pass. */
export const toSgr = (row: Line, paint: Paint): string => {
  let out = '';
  for (const { text, style } of row) {
    const safe = safeText(text, paint.isAscii);
    const codes = codesOf(style, paint.useColor);
    out += codes === '' ? safe : `\u001b[${codes}m${safe}\u001b[0m`;
  }
  return out;
};

/** Rows as a text file. */
export const toPlain = (rows: readonly Line[], isAscii: boolean): string =>
  `${rows
    .map((row) =>
      row
        .map((part) => safeText(part.text, isAscii))
        .join('')
        .trimEnd(),
    )
    .join('\n')}\n`;

const COLORS = { red: 31, yellow: 33, cyan: 36 } as const;

const codesOf = (style: Style, useColor: boolean): string => {
  const codes: number[] = [];
  if (style.bold === true) codes.push(1);
  if (style.reverse === true) codes.push(7);
  if (useColor && style.color !== undefined) codes.push(COLORS[style.color]);
  return codes.join(';');
};

/** Views clean what comes from outside; this holds even where one forgot. One cell stays one cell. */
const safeText = (text: string, isAscii: boolean): string => {
  const safe = text.replace(UNPRINTABLE, '?');
  return isAscii ? safe.replace(NOT_ASCII, (char) => ASCII.get(char) ?? '?') : safe;
};

/** Everything but letters of one cell and the signs this screen draws with. */
const UNPRINTABLE = /[^\u0020-\u007e\u00a1-\u02af\u0370-\u03ff\u0400-\u0482\u048a-\u052f─-╿▀-▟▲▸▼…]/g;
const NOT_ASCII = /[^\u0020-\u007e]/g;

/** One ASCII character for each sign drawn: fonts and terminals without block characters show `?` or nothing. */
const ASCII = new Map([
  ...pairs('█▉▊▋▌▍▎▏', '#:::::::'),
  ...pairs('▁▂▃▄▅▆▇', '_.--==#'),
  ...pairs('─│┌┐└┘', '-|++++'),
  ...pairs('▸▼▲…·±', '>v^~.~'),
]);

function pairs(from: string, to: string): [string, string][] {
  return [...from].map((char, index) => [char, to[index] ?? '?']);
}
