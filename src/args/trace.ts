// The command without a name: a live run, shown.
import type { Command } from 'commander';
import {
  type Done,
  type ProbeOptions,
  probeOptions,
  type RecordOptions,
  recordingOf,
  recordOptions,
  traceOf,
} from './options.js';
import { type ShowOptions, shownOf, showOptions } from './show.js';

/** --once without --duration: one whole interval. */
const ONCE_SECONDS = 1;

export const addTrace = (program: Command, done: Done): Command =>
  recordOptions(probeOptions(showOptions(program))).action(
    (options: ShowOptions & ProbeOptions & RecordOptions, command: Command) => {
      const view = shownOf(command, options);
      const seconds = view.show.kind === 'once' ? ONCE_SECONDS : null;
      done(traceOf(options, view, recordingOf(command, options), seconds));
    },
  );
