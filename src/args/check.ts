// check: a verdict on this host, or on a recording.
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
  traceOf,
  viewOf,
} from './options.js';
import type { CheckKind } from './request.js';

/** How long a check watches: a stuck worker is found in five seconds, a skew after as many connections as it takes. */
const CHECK_SECONDS = 10;

type CheckOptions = ScopeOptions & PartOptions & ProbeOptions & RecordOptions & { output: CheckKind };

export const addCheck = (program: Command, done: Done): Command => {
  const command = program
    .command('check')
    .description('Say what is wrong, for scripts. Exit 0: healthy, 3: findings, 1: could not be checked.')
    .argument('[file...]', 'a recording to judge in place of this host');
  return judgeOptions(recordOptions(probeOptions(scopeOptions(command))), CHECK_SECONDS)
    .addOption(
      new Option('--output <kind>', 'how to print').choices(['lines', 'json', 'ndjson']).default('lines'),
    )
    .action((paths: string[], options: CheckOptions, self: Command) => {
      const view = viewOf(options, { kind: 'check', output: options.output });
      const record = recordingOf(self, options, paths);
      done(paths.length > 0 ? rereadOf(paths, view) : traceOf(options, view, record, CHECK_SECONDS));
    });
};
