// The options that say how a run is shown, live or recorded, and what they come to.
import { type Command, Option } from 'commander';
import type { Client } from '../core/words/explain.js';
import { type PartOptions, PID, type ScopeOptions, scopeOptions, viewOf } from './options.js';
import type { Show, View } from './request.js';
import { client, seconds } from './values.js';

export type ShowOptions = ScopeOptions &
  PartOptions & {
    output?: 'tui' | 'lines' | 'ndjson';
    once?: boolean;
    explain?: Client;
    color: boolean;
    ascii?: boolean;
    learnHash?: boolean;
  };

export const showOptions = (command: Command): Command =>
  scopeOptions(command)
    .option(...PID)
    .addOption(
      new Option('--output <kind>', 'default: tui on a terminal, else lines').choices([
        'tui',
        'lines',
        'ndjson',
      ]),
    )
    .option('--duration <seconds>', 'end after this long', seconds)
    .option('--once', 'print one table after a second (or --duration) and end')
    .addOption(
      new Option('--explain <client>', 'explain the next pick from ADDRESS[:PORT] as text and end')
        .argParser(client)
        .conflicts('once'),
    )
    .option('--learn-hash', "learn the kernel's hash from the start; with --explain wait for it")
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .option('--ascii', 'draw with ASCII only');

export const shownOf = (command: Command, options: ShowOptions): View =>
  viewOf(options, showOf(command, options));

const showOf = (command: Command, options: ShowOptions): Show => {
  const { output, once, explain, color, ascii = false, learnHash = false } = options;
  const learning = learnHash ? ({ learnHash } as const) : {};
  // An explanation is text, as lines are.
  if (explain !== undefined && (output ?? 'lines') !== 'lines')
    command.error(`error: option '--explain <client>' cannot be used with option '--output ${output}'`);
  if (explain !== undefined) return { kind: 'explain', client: explain, ...learning };
  if (learnHash && (once === true || output === 'lines' || output === 'ndjson'))
    command.error("error: option '--learn-hash' is of the screen and of '--explain <client>'");
  if (once === true) return { kind: 'once' };
  if (output === 'lines' || output === 'ndjson') return { kind: output };
  return { kind: output === 'tui' ? 'screen' : 'auto', color, ascii, ...learning };
};
