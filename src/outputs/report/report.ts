// Follows a run and writes the report at its end, as HTML or Markdown, to a stream or a new file.

import { closeSync, rmSync, writeFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { State } from '../../core/state/state.js';
import { membersOf } from '../../members/facts.js';
import { openNew, removeFile } from '../../newfile.js';
import type { Output } from '../output.js';
import { createWriter } from '../writer.js';
import { reportOf } from './contents.js';
import { createHistory, follow, type History } from './history.js';
import { toHtml } from './html.js';
import { toMarkdown } from './markdown.js';
import { drawTimeline } from './timeline.js';
import { drawWaits } from './waits.js';

export type ReportOptions = {
  readonly format: 'html' | 'markdown';
  /** Why the recording ended early, once it has; null = it did not. */
  readonly stopped: () => string | null;
};

/** Where a report goes: all of it at once. */
export type Sink = (text: string) => Promise<void>;

export const createReport = (sink: Sink, { format, stopped }: ReportOptions): Output => {
  const history = createHistory();
  return {
    take: (state, event) => follow(history, state, event),
    end: (state) => sink(formatReport(state, history, format, stopped())),
    dropped: () => 0,
  };
};

/** The whole report. */
export const formatReport = (
  state: State,
  history: History,
  format: ReportOptions['format'],
  stopped: string | null,
): string => {
  const report = reportOf(state, history, stopped);
  if (format === 'markdown') return toMarkdown(report);
  const waits = report.groups.flatMap(({ key }) => {
    const drawn = drawWaits(membersOf(state).filter((member) => member.group === key));
    return drawn === null ? [] : [[key, drawn] as const];
  });
  return toHtml(report, { timeline: drawTimeline(state, history), waits: new Map(waits) });
};

export const toStream = (stream: Writable, onFailure: (error: NodeJS.ErrnoException) => void): Sink => {
  const writer = createWriter(stream, onFailure);
  return async (text) => {
    writer.line(text.trimEnd());
    await writer.flush();
  };
};

/** Makes the file now: that it cannot be written is said before a minute is watched. Throws what the system says. */
export const toFile = (path: string, force: boolean): Sink => {
  if (force) removeFile(path);
  const fd = openNew(path);
  // However the process ends: a report that was not written leaves nothing behind.
  const discard = (): void => rmSync(path, { force: true });
  process.once('exit', discard);
  return async (text) => {
    writeFileSync(fd, text);
    closeSync(fd);
    process.off('exit', discard);
  };
};
