// report: a page on what happened, on this host or in a recording.
import { type Command, Option } from 'commander';
import {
  type Done,
  judgeOptions,
  type PartOptions,
  type ProbeOptions,
  probeOptions,
  type RecordOptions,
  recordingOf,
  recordOptions,
  rereadOf,
  type ScopeOptions,
  scopeOptions,
  type TimeOptions,
  timeOptions,
  traceOf,
  viewOf,
} from './options.js';
import type { ReportTo } from './request.js';

/** How long a report of a live run watches: long enough for every finding but the rarest. */
const REPORT_SECONDS = 60;

type ReportOptions = ScopeOptions &
  PartOptions &
  ProbeOptions &
  RecordOptions &
  TimeOptions & { format?: 'html' | 'markdown'; outputFile?: string };

export const addReport = (program: Command, done: Done): Command => {
  const command = program
    .command('report')
    .description('Write what happened as one HTML page, or as Markdown for a ticket.')
    .argument('[file...]', 'a recording to tell of in place of this host');
  return judgeOptions(recordOptions(probeOptions(timeOptions(scopeOptions(command)))), REPORT_SECONDS)
    .addOption(
      new Option(
        '--format <kind>',
        'default: by the ending of FILE (.md: markdown); on a terminal markdown, else html',
      ).choices(['html', 'markdown']),
    )
    .option('-o, --output-file <file>', 'write to FILE, a new one (default: to stdout)')
    .action((paths: string[], options: ReportOptions, self: Command) => {
      const view = viewOf(options, { kind: 'report', to: reportOf(self, options) });
      // Without a recording to write, --force is that of the report.
      const { force: _, ...kept } = options;
      const record = recordingOf(self, options.record === undefined ? kept : options, paths);
      if (paths.length === 0 && (options.from !== undefined || options.until !== undefined))
        self.error('error: --from and --until need a recording to read');
      done(
        paths.length > 0 ? rereadOf(paths, view, options) : traceOf(options, view, record, REPORT_SECONDS),
      );
    });
};

const reportOf = (command: Command, options: ReportOptions): ReportTo => {
  const { outputFile: path = null, record, force = false } = options;
  if (force && path === null && record === undefined)
    command.error("error: --force needs '--output-file <file>' or '--record <file>'");
  const byEnding = path === null ? null : /\.(?:md|markdown)$/i.test(path) ? 'markdown' : 'html';
  return { format: options.format ?? byEnding, path, force };
};
