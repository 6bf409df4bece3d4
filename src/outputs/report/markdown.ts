// Writes a report as Markdown for a ticket. What strangers named stands in code, where nothing is a link, a mention or HTML.
import type { Report, ReportedFinding } from './contents.js';
import type { ReportedGroup } from './group.js';

/** The whole text. */
export const toMarkdown = (report: Report): string =>
  [
    `# ${report.headline}`,
    '',
    code(report.subject),
    '',
    ...report.warnings.map((text) => `- ${code(`! ${text}`)}`),
    ...report.run.map(([name, value]) => `- ${name}: ${code(value)}`),
    '',
    '## Findings',
    '',
    ...(report.findings.length === 0 ? ['Nothing was found.'] : block(report.findings.flatMap(findingLines))),
    ...(report.moreFindings > 0 ? ['', `${report.moreFindings} more were cleared before.`] : []),
    ...report.groups.flatMap(groupLines),
    '',
    '## Time line',
    '',
    ...courseLines(report),
    '',
    '## How far these numbers go',
    '',
    ...block(report.account.flatMap((text) => wrap(text, 0))),
    '',
  ].join('\n');

/** Code within a line: its fence is longer than any run of backticks in it (CommonMark 6.1). */
const code = (text: string): string => {
  const fence = '`'.repeat(longestRun(text) + 1);
  const room = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${room}${text}${room}${fence}`;
};

const longestRun = (text: string): number =>
  Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));

/** Lines of code, as they are. */
const block = (lines: readonly string[]): string[] => {
  const fence = '`'.repeat(Math.max(3, longestRun(lines.join('\n')) + 1));
  return [`${fence}text`, ...lines, fence];
};

/** A cell of a table: a bar would end it, in code as well (GFM 4.10). */
const cell = (text: string): string => code(text).replaceAll('|', '\\|');

/** Readers of tickets do not break lines of code. */
const COLUMNS = 96;

/** Lines of whole words; a longer word is not broken. */
const wrap = (text: string, indent: number): string[] => {
  const margin = ' '.repeat(indent);
  const lines: string[] = [];
  let line = margin;
  for (const word of text.split(' ')) {
    if (line !== margin && line.length + word.length >= COLUMNS) {
      lines.push(line);
      line = margin;
    }
    line += line === margin ? word : ` ${word}`;
  }
  return [...lines, line];
};

const findingLines = ({ finding, mark, when, text, doubt, advice, why }: ReportedFinding): string[] => [
  `${mark} ${finding.rule} (${finding.severity}, ${when})`,
  ...wrap(text, 2),
  ...(doubt === null ? [] : wrap(`but: ${doubt}`, 2)),
  ...(advice === null ? [] : wrap(`try: ${advice}`, 2)),
  ...wrap(`why: ${why}`, 2),
];

const groupLines = (group: ReportedGroup): string[] => [
  '',
  `## ${code(group.name)}`,
  '',
  `${group.facts.join(', ')}.${group.judgement === null ? '' : ` ${group.judgement}.`}`,
  '',
  ...(group.called === null ? [] : [code(group.called), '']),
  `| |${group.columns.map(({ title }) => ` ${title} |`).join('')}${hasNames(group) ? ' NAMES |' : ''}`,
  `|---|${group.columns.map(({ align }) => (align === 'right' ? '---:|' : '---|')).join('')}${hasNames(group) ? '---|' : ''}`,
  ...group.rows.map(({ mark, cells, called }) => {
    const names = hasNames(group) ? [called ?? '-'] : [];
    const columns = cells.map(({ text }, i) =>
      group.columns[i]?.align === 'right' && isOwn(text) ? text : cell(text),
    );
    return `| ${[mark, ...columns, ...names.map(cell)].join(' | ')} |`;
  }),
  ...(group.more > 0 ? ['', `${group.more} more: --output ndjson has them all.`] : []),
  ...(group.notes.length === 0 ? [] : ['', ...group.notes.map((note) => `- ${note}`)]),
];

/** Numbers and our own words. */
const isOwn = (text: string): boolean => /^[\w.,%/> -]*$/.test(text);

const hasNames = ({ rows }: ReportedGroup): boolean => rows.some(({ called }) => called !== null);

const courseLines = ({ course }: Report): string[] => {
  if (course.entries.length === 0) return ['Nobody joined or left, and nothing was found.'];
  return [
    ...block(course.entries.map(({ clock, what, text }) => `${clock} ${what.padEnd(5)} ${text}`)),
    ...(course.more > 0 ? ['', `${course.more} more: --output ndjson has them all.`] : []),
  ];
};
