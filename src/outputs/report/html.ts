// Writes a report as one HTML page that loads nothing: no script, no font, no picture from anywhere, which its policy forbids as well.
import { escapeHtml, escapeText } from '../../core/text/html.js';
import type { Column } from '../../members/column.js';
import type { Report, ReportedFinding } from './contents.js';
import type { Cell, ReportedGroup, ReportedRow } from './group.js';
import { STYLE } from './style.js';
import { px } from './svg.js';

/** Drawings of the run, as SVG. */
export type Drawings = {
  readonly timeline: string | null;
  /** By key of the group. */
  readonly waits: ReadonlyMap<string, { readonly svg: string; readonly more: number }>;
};

/** Style alone may be in the page; whatever a name could smuggle in would not run. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A whole page. */
export const toHtml = (report: Report, drawings: Drawings): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(`${report.headline} - ${report.subject}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${[...headOf(report), ...findingsOf(report), ...timelineOf(report, drawings), ...groupsOf(report, drawings), ...accountOf(report)].join('\n')}
</main>
</body>
</html>
`;

const paragraph = (text: string, style = ''): string =>
  `<p${style === '' ? '' : ` class="${style}"`}>${escapeHtml(text)}</p>`;

const headOf = ({ verdict, headline, subject, run, warnings }: Report): string[] => [
  '<header>',
  `<h1>reuseport-trace: ${escapeHtml(subject)}</h1>`,
  `<p class="verdict ${verdict}">${escapeHtml(headline)}</p>`,
  ...warnings.map((text) => paragraph(`! ${text}`, 'warning')),
  '<dl>',
  ...run.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`),
  '</dl>',
  '</header>',
];

const findingsOf = ({ findings, moreFindings }: Report): string[] => [
  '<section class="long">',
  '<h2>Findings</h2>',
  ...(findings.length === 0 ? [paragraph('Nothing was found.')] : findings.map(findingOf)),
  ...(moreFindings > 0 ? [paragraph(`${moreFindings} more were cleared before.`, 'faint')] : []),
  '</section>',
];

const findingOf = ({ finding, mark, when, text, doubt, advice, why }: ReportedFinding): string =>
  [
    `<div class="finding ${finding.severity}">`,
    `<p class="rule">${mark} ${finding.rule} <span class="faint">${finding.severity}, ${escapeHtml(when)}</span></p>`,
    paragraph(text),
    ...(doubt === null ? [] : [paragraph(`But: ${doubt}`)]),
    ...(advice === null ? [] : [`<p><b>Try:</b> ${escapeHtml(advice)}</p>`]),
    paragraph(why, 'faint'),
    '</div>',
  ].join('\n');

const timelineOf = ({ course }: Report, { timeline }: Drawings): string[] => [
  '<section>',
  '<h2>Time line</h2>',
  ...(timeline === null
    ? [paragraph('There is none: the probes were never attached, or the run ended at once.')]
    : [timeline, LEGEND]),
  '</section>',
  '<section class="long">',
  ...(course.entries.length === 0
    ? [paragraph('Nobody joined or left, and nothing was found.', 'faint')]
    : []),
  '<div class="wide"><table class="course">',
  ...course.entries.map(
    ({ clock, what, text }) =>
      `<tr><td>${clock}</td><td>${what}</td><td class="text">${escapeHtml(text)}</td></tr>`,
  ),
  '</table></div>',
  ...(course.more > 0 ? [paragraph(`${course.more} more: --output ndjson has them all.`, 'faint')] : []),
  '</section>',
];

const LEGEND =
  '<p class="faint">Bars above a line: picks a second. <svg width="10" height="10" viewBox="0 0 10 10"><path class="join" d="M1 9h8l-4-8z"/></svg> joined, <svg width="10" height="10" viewBox="0 0 10 10"><path class="leave" d="M1 1h8l-4 8z"/></svg> left. Bars below: from when to when a finding stood.</p>';

const groupsOf = ({ groups }: Report, { waits }: Drawings): string[] => [
  '<section class="long">',
  '<h2>Groups</h2>',
  ...(groups.length === 0 ? [paragraph('Nothing listened.')] : []),
  ...groups.flatMap((group) => [
    `<h3>${escapeHtml(group.name)}</h3>`,
    paragraph(group.facts.join(', ')),
    ...(group.judgement === null ? [] : [paragraph(`${group.judgement}.`)]),
    ...(group.called === null ? [] : [paragraph(group.called, 'faint')]),
    ...tableOf(group),
    ...waitsOf(group, waits.get(group.key)),
  ]),
  '</section>',
];

const tableOf = (group: ReportedGroup): string[] => [
  '<div class="wide"><table>',
  `<tr><th></th>${group.columns.map((column) => `<th${styleOf(column)}>${column.title}</th>`).join('')}</tr>`,
  ...group.rows.map((row) => rowOf(group, row)),
  '</table></div>',
  ...(group.more > 0 ? [paragraph(`${group.more} more: --output ndjson has them all.`, 'faint')] : []),
  ...(group.rows.some(({ share }) => share !== null) && group.fair !== null
    ? [paragraph(FAIR, 'faint')]
    : []),
  ...group.notes.map((note) => paragraph(note, 'faint')),
];

const FAIR =
  'SHARE: of the picks of those that listen; the line is the fair share, the band around it what chance gives (three standard deviations).';

const styleOf = ({ align, id }: Column): string =>
  align === 'right' ? ' class="number"' : id === 'comm' ? ' class="names"' : '';

const rowOf = (group: ReportedGroup, row: ReportedRow): string => {
  const cells = row.cells.map((cell, i) => {
    const column = group.columns[i];
    if (column === undefined) return '';
    const bar = column.id === 'share' ? barOf(group, row) : '';
    const called =
      column.id === 'comm' && row.called !== null ? `<small>${escapeHtml(row.called)}</small>` : '';
    return `<td${styleOf(column)}${titleOf(cell)}>${bar}${escapeHtml(cell.text)}${called}</td>`;
  });
  const style = row.mark === 'x' ? 'problem' : row.mark === '!' ? 'warning' : 'note';
  return `<tr><td class="mark ${style}">${row.mark}</td>${cells.join('')}</tr>`;
};

const titleOf = ({ why }: Cell): string => (why === null ? '' : ` title="${escapeText(why)}"`);

/** The largest share of a group fills its bar, the fair one at least four fifths of it. */
const barOf = ({ rows, fair, chance }: ReportedGroup, { share }: ReportedRow): string => {
  if (share === null) return '';
  const largest = rows.reduce((most, row) => Math.max(most, row.share ?? 0), 0);
  const scale = 100 / Math.max(largest, (fair ?? 0) * 1.25, 1e-9);
  const [from, until] = [Math.max(0, (fair ?? 0) - (chance ?? 0)), (fair ?? 0) + (chance ?? 0)];
  const mark = fair === null ? '' : `<path class="fair" d="M${px(fair * scale)} 0V12"/>`;
  const band =
    fair === null
      ? ''
      : `<rect class="band" x="${px(from * scale)}" y="0" width="${px((Math.min(until, 100 / scale) - from) * scale)}" height="12"/>`;
  return `<svg class="share" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">${band}<rect class="rate" x="0" y="2.5" width="${px(share * scale)}" height="7"/>${mark}</svg>`;
};

const waitsOf = (
  { rows }: ReportedGroup,
  drawn: { readonly svg: string; readonly more: number } | undefined,
): string[] => {
  if (drawn !== undefined)
    return [
      paragraph(
        'Waits from the end of the handshake to the return of accept(), each row on its own scale; the line is the median, the dashed one P99.',
        'faint',
      ),
      drawn.svg,
      ...(drawn.more > 0 ? [paragraph(`${drawn.more} more are not drawn.`, 'faint')] : []),
    ];
  const isUdp = rows[0]?.member.proto === 'udp';
  return [
    paragraph(
      isUdp
        ? 'No waits: how long a datagram waits in the receive queue is not traced.'
        : 'No waits: no accept was seen of a pick that was shown.',
      'faint',
    ),
  ];
};

const accountOf = ({ account }: Report): string[] => [
  '<section>',
  '<h2>How far these numbers go</h2>',
  ...account.map((text) => paragraph(text)),
  '</section>',
];
