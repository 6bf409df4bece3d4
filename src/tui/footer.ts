// The rows below the view: findings in words, worst first, and the keys, a question or a notice in the last row.
import { markOf } from '../core/state/finding.js';
import { sentenceOf, styleOf } from './finding.js';
import { cells, cut, type Line, line, type Span, span } from './text.js';
import { type Context, isNarrow, isShort } from './view.js';
import { viewOf } from './views.js';

/** As many findings as the size allows; where a row is left, what to try against the worst. None where the view itself shows them. */
export const findingLines = (context: Context): Line[] => {
  if (context.model.view === 'findings') return [];
  const { columns } = context;
  const findings = context.findings.filter(({ severity }) => severity !== 'note');
  const most = isNarrow(context) || isShort(context) ? 1 : context.rows >= 36 ? 3 : 2;
  const [worst] = findings;
  if (worst === undefined) return most === 1 ? [] : [line('')];
  const shown = findings.slice(0, most);
  const rest = findings.length - shown.length;
  const lines = shown.map((finding, index) => {
    const more =
      index === shown.length - 1 && rest > 0 ? `  +${rest} more${isNarrow(context) ? '' : ' (6)'}` : '';
    const text = cut(`${markOf(finding)} ${sentenceOf(context, finding)}`, columns - more.length);
    return line(text + more, styleOf(finding));
  });
  if (lines.length < most) lines.push(line(`  try: ${cells(worst.advice)}`));
  return lines;
};

/** The last row. */
export const keyLine = (context: Context): Line => {
  const { model, columns, live } = context;
  if (model.prompt !== null) {
    const asks = model.prompt.asks === 'filter' ? 'filter' : 'n =';
    const keys = isNarrow(context) ? '' : '   Enter keeps  Esc clears';
    return [span(` ${asks}: `), span(cells(model.prompt.text)), span(' ', { reverse: true }), span(keys)];
  }
  if (model.notice !== null) return line(` ${cells(model.notice)}`, { bold: true });
  const view = viewOf(model.view);
  const hints: (readonly [string, string])[] = [
    ['q', 'Quit'],
    ['?', 'Help'],
  ];
  if (model.helpTop !== null) hints.splice(0, 2, ['?', 'Close'], ['Up Down', 'Scroll'], ['q', 'Quit']);
  else {
    if (live.status === 'ended' && !context.isReplay) hints.push(['R', 'Restart']);
    hints.push(
      ...view
        .hints(context.state)
        .map(([key, does]) =>
          key === 'Space' && model.frozen ? ([key, 'Resume'] as const) : ([key, does] as const),
        ),
    );
  }
  return hintSpans(hints, columns);
};

/** As many keys as fit whole. */
const hintSpans = (hints: readonly (readonly [string, string])[], columns: number): Line => {
  const spans: Span[] = [];
  let used = 0;
  for (const [key, does] of hints) {
    const lead = used === 0 ? (columns < 60 ? 0 : 1) : columns >= 100 ? 3 : 2;
    const length = lead + key.length + 1 + does.length;
    if (used + length > columns) break;
    spans.push(span(' '.repeat(lead)), span(key, { color: 'cyan' }), span(` ${does}`));
    used += length;
  }
  return spans;
};
