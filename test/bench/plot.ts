// Curves side by side in one SVG: x by its logarithm, y from 0 to the same top in all of them. It knows no benchmark.
import { escapeText } from '../../src/core/text/html.js';
import { px } from '../../src/outputs/report/svg.js';

export type Panel = {
  readonly title: string;
  /** At most two lines are told apart. x above 0. */
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
};

const [PANEL, PLOT, TOP, LEFT, BOTTOM] = [270, { width: 200, height: 130 }, 44, 36, 40];
/** Both readable on white and on black. */
const COLORS = ['#3b82c4', '#c4633b'] as const;
const STYLE = 'text{font:11px sans-serif;fill:#888}line{stroke:#8886}polyline{fill:none;stroke-width:2}';

const text = (x: number, y: number, words: string, anchor = 'middle'): string =>
  `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escapeText(words)}</text>`;

/** A standalone SVG document. */
export const plot = (title: string, panels: readonly Panel[]): string => {
  const all = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([, y]) => y)));
  const top = roundUp(Math.max(...all));
  const names = panels[0]?.lines.map(({ name }) => name) ?? [];
  const legend = names.map(
    (name, at) =>
      `<rect x="${LEFT + at * 90}" y="22" width="10" height="10" fill="${COLORS[at]}"/>${text(LEFT + 14 + at * 90, 31, name, 'start')}`,
  );
  const height = TOP + PLOT.height + BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PANEL * panels.length} ${height}" role="img" aria-label="${escapeText(title)}">`,
    `<style>${STYLE}</style>`,
    text(LEFT, 14, title, 'start'),
    ...legend,
    ...panels.map((panel, at) => `<g transform="translate(${at * PANEL} 0)">${drawn(panel, top)}</g>`),
    '</svg>\n',
  ].join('\n');
};

const drawn = ({ title, lines }: Panel, top: number): string => {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => Math.log10(x)));
  const [from, to] = [Math.min(...xs), Math.max(...xs)];
  const xAt = (x: number): number => LEFT + ((Math.log10(x) - from) / (to - from)) * PLOT.width;
  const yAt = (y: number): number => TOP + PLOT.height * (1 - y / top);
  const marks = [0, top / 2, top].map(
    (y) =>
      `<line x1="${LEFT}" x2="${LEFT + PLOT.width}" y1="${px(yAt(y))}" y2="${px(yAt(y))}"/>${text(LEFT - 4, yAt(y) + 4, String(y), 'end')}`,
  );
  const ticks = (lines[0]?.points ?? []).map(([x]) =>
    text(xAt(x), TOP + PLOT.height + 14, Math.round(x).toLocaleString('en-US')),
  );
  const curves = lines.map(({ points }, at) => {
    const line = points.map(([x, y]) => `${px(xAt(x))},${px(yAt(y))}`).join(' ');
    const dots = points.map(
      ([x, y]) => `<circle cx="${px(xAt(x))}" cy="${px(yAt(y))}" r="3" fill="${COLORS[at]}"/>`,
    );
    return `<polyline points="${line}" stroke="${COLORS[at]}"/>${dots.join('')}`;
  });
  return [...marks, ...ticks, ...curves, text(LEFT + PLOT.width / 2, TOP + PLOT.height + 32, title)].join('');
};

/** The next of 1, 2, 5, 10, 20, ... */
const roundUp = (value: number): number => {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * ([1, 2, 5, 10].find((step) => step * unit >= value) ?? 10);
};
