// Bars and sparklines out of block characters, one string per call; it knows numbers and widths only.

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** A bar of `part / whole` in exactly `width` cells, in steps of 1/8 cell. */
export const bar = (part: number, whole: number, width: number): string => {
  if (width <= 0) return '';
  const eighths = whole > 0 ? Math.round(Math.min(1, Math.max(0, part / whole)) * width * 8) : 0;
  const full = '█'.repeat(Math.floor(eighths / 8));
  return `${full}${EIGHTHS[eighths % 8] ?? ''}`.padEnd(width);
};

/** A bar with `│` where `mark / whole` ends; a bar that goes past it covers it. */
export const markedBar = (part: number, mark: number, whole: number, width: number): string => {
  const drawn = bar(part, whole, width);
  if (whole <= 0 || width <= 0) return drawn;
  const at = Math.min(width - 1, Math.floor((mark / whole) * width));
  return drawn[at] === ' ' ? `${drawn.slice(0, at)}│${drawn.slice(at + 1)}` : drawn;
};

/** The newest `width` values, the largest of them at full height; zero is the lowest block. Short of values, blanks come first. */
export const sparkline = (values: readonly number[], width: number): string => {
  const shown = width > 0 ? values.slice(-width) : [];
  const largest = Math.max(0, ...shown);
  return shown
    .map((value) => LEVELS[largest > 0 ? Math.min(7, Math.floor((value / largest) * 7.999)) : 0] ?? ' ')
    .join('')
    .padStart(width);
};

/** Several histories added up, aligned at their newest value. */
export const addUp = (histories: readonly (readonly number[])[]): number[] => {
  const length = Math.max(0, ...histories.map((history) => history.length));
  const sums = new Array<number>(length).fill(0);
  for (const history of histories) {
    for (let i = 0; i < history.length; i++) {
      const at = length - history.length + i;
      sums[at] = (sums[at] ?? 0) + (history[i] ?? 0);
    }
  }
  return sums;
};
