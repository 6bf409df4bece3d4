// predict: which member each source port of a client gets, on this host or in a recording.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSources, type Sources } from '../core/text/sources.js';
import {
  type Done,
  type PartOptions,
  type ProbeOptions,
  probeOptions,
  rereadOf,
  type ScopeOptions,
  scopeOptions,
  traceOf,
  viewOf,
} from './options.js';
import { address, seconds } from './values.js';

/** How long picks are waited for, beside the search. */
export const QUESTION_SECONDS = 30;

type PredictOptions = ScopeOptions &
  PartOptions &
  ProbeOptions & { to?: string; replay?: string[]; output: 'lines' | 'ndjson' };

export const addPredict = (program: Command, done: Done): Command => {
  const command = program
    .command('predict')
    .description('Say which member a client gets, by source port. Exit 1: that cannot be known.')
    .argument('<client>', 'ADDRESS, ADDRESS:PORT or ADDRESS:FROM-TO', sources);
  return askOptions(probeOptions(scopeOptions(command)))
    .option('--replay <file>', 'learn from a recording; of several parts the oldest first', collected)
    .action((client: Sources, options: PredictOptions, self: Command) => {
      const { to = null, output, replay = [] } = options;
      const view = viewOf(options, { kind: 'predict', sources: client, to, output });
      if (replay.length > 0) done(rereadOf(replay, view));
      else {
        onePort(self, options);
        done(traceOf(options, view, null, QUESTION_SECONDS));
      }
    });
};

/** What a question on the hash may say beside what it asks. */
export const askOptions = (command: Command): Command =>
  command
    .option('--to <address>', 'the address that is dialled (default: that of the group)', address)
    .option(
      '--duration <seconds>',
      `wait so long for picks to learn from (default: ${QUESTION_SECONDS})`,
      seconds,
    )
    .addOption(new Option('--output <kind>', 'how to print').choices(['lines', 'ndjson']).default('lines'));

/** A question is about one port. */
export const onePort = (command: Command, { port = [] }: ScopeOptions): void => {
  if (new Set(port).size !== 1) command.error("error: one '--port <port>' is needed");
};

const collected = (text: string, previous: string[] = []): string[] => [...previous, text];

const sources = (text: string): Sources => {
  const value = parseSources(text);
  if (value !== null) return value;
  throw new InvalidArgumentError(`'${text}' is not like 10.0.0.1, 10.0.0.1:40012 or 10.0.0.1:40000-40999.`);
};
