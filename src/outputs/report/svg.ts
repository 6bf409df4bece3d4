// Drawings of a report in SVG: text that stays in the room it is given, whatever stands in it.
import { escapeText } from '../../core/text/html.js';

/** Units of a drawing; all drawings of a page are equally wide and have one size of letters. */
export const WIDTH = 760;
/** Left of the plot stands what each row is. */
export const LEFT = 200;
export const RIGHT = WIDTH - 8;
const LETTER = 12;
/** Widest letter of the usual monospace fonts, which have 0.6 of their size. */
const LETTER_WIDTH = 0.62 * LETTER;

/** A number of a drawing. */
export const px = (value: number): string => String(Math.round(value * 100) / 100);

/**
 * Text from x on, in no more than `room`: cut when it has ASCII letters alone, of known width; pressed together where
 * letters may have any width. With `anchor` it ends at x, or has its middle there.
 */
export const textAt = (
  x: number,
  y: number,
  text: string,
  options: { room?: number; anchor?: 'start' | 'middle' | 'end'; style?: string } = {},
): string => {
  const { room = WIDTH, anchor = 'start', style = '' } = options;
  const most = Math.max(1, Math.floor(room / LETTER_WIDTH));
  const fits = [...text].length <= most ? text : `${[...text].slice(0, most - 1).join('')}…`;
  const isPlain = /^[\x20-\x7e…]*$/.test(fits);
  const length = isPlain
    ? ''
    : ` textLength="${px([...fits].length * LETTER_WIDTH)}" lengthAdjust="spacingAndGlyphs"`;
  const where = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  const classes = style === '' ? '' : ` class="${style}"`;
  return `<text x="${px(x)}" y="${px(y)}"${where}${classes}${length}>${escapeText(fits)}</text>`;
};

export const lineAt = (x1: number, y1: number, x2: number, y2: number, style: string): string =>
  `<line class="${style}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`;

/** `hint` is shown where a pointer rests. */
export const rectAt = (
  x: number,
  y: number,
  width: number,
  height: number,
  style: string,
  hint = '',
): string => {
  const title = hint === '' ? '/>' : `><title>${escapeText(hint)}</title></rect>`;
  return `<rect class="${style}" x="${px(x)}" y="${px(y)}" width="${px(Math.max(0, width))}" height="${px(Math.max(0, height))}"${title}`;
};

/** A drawing with its name for those who cannot see it. */
export const drawing = (height: number, name: string, parts: readonly string[]): string =>
  `<div class="wide"><svg class="drawing" viewBox="0 0 ${WIDTH} ${px(height)}" role="img" aria-label="${escapeText(name)}">\n${parts.join('\n')}\n</svg></div>`;
