// A report of events, in both formats, and what stands in it: read back as somebody would who has nothing else.
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { createState, type Scope, type State } from '../../../../src/core/state/state.js';
import { createHistory, follow, type History } from '../../../../src/outputs/report/history.js';
import { formatReport } from '../../../../src/outputs/report/report.js';
import { ALL } from '../../events.js';

export type Told = {
  readonly state: State;
  readonly history: History;
  readonly html: string;
  readonly markdown: string;
};

export const tell = (events: readonly Event[], scope: Scope = ALL, stopped: string | null = null): Told => {
  const state = createState(scope);
  const history = createHistory();
  for (const event of events) {
    apply(state, event);
    follow(history, state, event);
  }
  const [html, markdown] = (['html', 'markdown'] as const).map((format) =>
    formatReport(state, history, format, stopped),
  );
  return { state, history, html: html ?? '', markdown: markdown ?? '' };
};

/** Text of an element, without its tags and entities. */
const textOf = (html: string): string =>
  html
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    .trim();

/** Rows of the tables of members, by cells; what stands small below a name is left out. */
export const htmlRows = (html: string): string[][] =>
  [...html.matchAll(/<tr><td class="mark[^>]*>(.*?)<\/td>(.*?)<\/tr>/gs)].map(([, mark = '', cells = '']) => [
    mark,
    ...[...cells.replace(/<small>.*?<\/small>/gs, '').matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(
      ([, cell = '']) => textOf(cell),
    ),
  ]);

/** The same of Markdown: headings and rules are not rows. `names`: a column of names is cut off. */
export const markdownRows = (markdown: string): string[][] =>
  markdown.split('\n## ').flatMap((section) => {
    const table = section.split('\n').filter((line) => line.startsWith('|'));
    const hasNames = table[0]?.endsWith(' NAMES |') === true;
    return table.slice(2).map((line) => {
      const cells = line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) =>
          cell
            .trim()
            .replaceAll('\\|', '|')
            .replace(/^(`+) ?(.*?) ?\1$/, '$2'),
        );
      return hasNames ? cells.slice(0, -1) : cells;
    });
  });

export const headingsOf = (html: string): string[][] =>
  [...html.matchAll(/<tr><th><\/th>(.*?)<\/tr>/gs)].map(([, row = '']) =>
    [...row.matchAll(/<th[^>]*>(.*?)<\/th>/g)].map(([, title = '']) => textOf(title)),
  );
