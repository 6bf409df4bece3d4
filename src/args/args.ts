// Reads a command line: words in, a request or the text to print out. Each command has a file of its own.
import { Command, CommanderError } from 'commander';
import { addCheck } from './check.js';
import { addDoctor } from './doctor.js';
import type { Done } from './options.js';
import { addPredict } from './predict.js';
import { addReach } from './reach.js';
import { addReplay } from './replay.js';
import { addReport } from './report.js';
import type { Request } from './request.js';
import { addServe } from './serve.js';
import { addTrace } from './trace.js';

/** The commands, in the order of the help. */
const COMMANDS: readonly ((program: Command, done: Done) => Command)[] = [
  addTrace,
  addReplay,
  addServe,
  addCheck,
  addReport,
  addPredict,
  addReach,
  addDoctor,
];

/** Reads the arguments after the program's name. Never throws on wrong ones: they become a `print` with exit code 2. */
export const parseArgs = (argv: readonly string[], version: string): Request => {
  let text = '';
  let request: Request | null = null;
  const program = createProgram(version, (made) => {
    request = made;
  });
  const write = (part: string): void => {
    text += part;
  };
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  }
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0
      ? { command: 'print', text, exitCode: 0 }
      : {
          command: 'print',
          text: `reuseport-trace: ${text.replace(/^error: /, '')}${SEE_HELP}`,
          exitCode: 2,
        };
  }
  return request ?? { command: 'print', text: program.helpInformation(), exitCode: 2 };
};

const SEE_HELP = '  try: reuseport-trace --help\n';

/** The table of commands and options: --help, the manual page and the completions come from it. */
export const createProgram = (version: string, done: Done): Command => {
  const program = new Command('reuseport-trace')
    .description(
      'Shows which SO_REUSEPORT listener the kernel picks for each connection, and what is wrong with it.',
    )
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .helpOption('-h, --help')
    .addHelpText('after', EXAMPLES)
    .hook('preSubcommand', refuseEarlier);
  for (const add of COMMANDS) add(program, done);
  return program;
};

/** What stands before a command is an option of no command: `--port 443 check` would check every port and say so to nobody. */
const refuseEarlier = (program: Command, command: Command): void => {
  const early = program.options.find(
    (option) => program.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (early !== undefined)
    program.error(`error: option '${early.flags}' must come after '${command.name()}'`);
};

const EXAMPLES = `
Examples:
  sudo reuseport-trace --port 8888                 # live screen
  sudo reuseport-trace -P 80,443 --duration 10     # ten seconds, then a summary
  sudo reuseport-trace -P 53 --output ndjson | jq 'select(.kind=="member")'
  sudo reuseport-trace -P 8888 --record night.ndjson.gz
  sudo reuseport-trace -P 8888 --explain 10.0.0.1  # why its next connection goes where
  reuseport-trace replay night.ndjson.gz           # needs no root
  sudo reuseport-trace serve --port 8888           # metrics on 127.0.0.1:9475
  sudo reuseport-trace check --port 8888           # is anything wrong? exit 3 if so
  reuseport-trace report night.ndjson.gz -o night.html
  sudo reuseport-trace predict -P 8888 10.0.0.1:40000-40999
  sudo reuseport-trace reach -P 8888 --index 3 --connect
  sudo reuseport-trace doctor                      # what this host allows

Exit status: 0 ok, 1 failed, 2 wrong usage; of check 3: something was found.
`;
