// A frame of lines around rows, and frames side by side; it knows nothing of what is in them.
import { EMPTY, fillLine, fitTo, type Line, line, span } from './text.js';

/** Rows in a frame of exactly `width` cells, with a title in its upper edge and a word at the right of it. */
export const box = (title: string, corner: string, rows: readonly Line[], width: number): Line[] => {
  const inside = width - 4;
  if (inside < 4) return [];
  const end = corner === '' ? '' : ` ${corner} `;
  const name = ` ${title} `;
  const room = width - 2 - end.length;
  const edge = name.length > room ? fitTo(name, room) : name.padEnd(room, '─');
  return [
    line(`┌${edge}${end}┐`),
    ...rows.map((row) => [span('│ '), ...fillLine(row, inside), span(' │')]),
    line(`└${'─'.repeat(width - 2)}┘`),
  ];
};

/** Two frames beside each other, one cell between them; the lower one is as high as the other. */
export const beside = (left: readonly Line[], right: readonly Line[], leftWidth: number): Line[] =>
  Array.from({ length: Math.max(left.length, right.length) }, (_, index) => [
    ...fillLine(left[index] ?? EMPTY, leftWidth),
    span(' '),
    ...(right[index] ?? EMPTY),
  ]);
