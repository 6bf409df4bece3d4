// A run that ends with a report. What is told of a live run on a terminal meanwhile is how long that takes.
import type { ReportTo } from '../args/request.js';
import { messageOf, UserError } from '../errors.js';
import { createReport, type Sink, toFile, toStream } from '../outputs/report/report.js';
import { failing, type Mode, type ModeOptions, say, writing } from './mode.js';

export const openReport = (options: ModeOptions, { format, path, force }: ReportTo): Mode => {
  const { environment, source, view } = options;
  const { stdout } = environment;
  const sink = path === null ? toStream(stdout, failing(options)) : openFile(path, force);
  const output = createReport(sink, {
    format: format ?? (stdout.isTTY === true ? 'markdown' : 'html'),
    stopped: () => source.replay?.stopped()?.text ?? null,
  });
  return {
    ...writing(output, true),
    take: (state, event) => {
      output.take(state, event);
      if (event.kind === 'attached')
        say(options, `watching for ${view.duration} s; Ctrl-C writes the report now`);
    },
    end: async (state) => {
      try {
        await output.end(state);
      } catch (error) {
        throw new UserError(`cannot write ${path}: ${messageOf(error)}`, { cause: error });
      }
    },
  };
};

const openFile = (path: string, force: boolean): Sink => {
  try {
    return toFile(path, force);
  } catch (error) {
    throw new UserError(`cannot write the report to ${path}: ${messageOf(error)}`, {
      hint: 'name a new file in a folder that you may write to, or say --force to write over a file',
      cause: error,
    });
  }
};
