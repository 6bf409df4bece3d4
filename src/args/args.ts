// Subcommands and help, pure: words in, a request or the text to print out; it touches no file and starts nothing.
import { Command, CommanderError, Option } from 'commander';
import type { Rung } from '../core/event.js';
import { RUNGS } from '../core/rung.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import {
  type CheckOptions,
  PID,
  probeOptions,
  type ReplayOptions,
  type ReportOptions,
  recordingOf,
  recordOptions,
  reportOf,
  type ServeOptions,
  scopeOptions,
  type TraceOptions,
  timeOptions,
  viewOf,
  viewOptions,
} from './options.js';
import type { Request } from './request.js';
import { DEFAULT_LISTEN, listen, seconds, speedFactor } from './values.js';

/** How long a check watches: a stuck worker is found in five seconds, a skew after as many connections as it takes. */
const CHECK_SECONDS = 10;
/** How long a report of a live run watches: long enough for every finding but the rarest. */
const REPORT_SECONDS = 60;

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

const createProgram = (version: string, done: (request: Request) => void): Command => {
  const program = new Command('reuseport-trace')
    .description(
      'Shows which SO_REUSEPORT listener the kernel picks for each connection, and what is wrong with it.',
    )
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .helpOption('-h, --help')
    .addHelpText('after', EXAMPLES)
    .hook('preSubcommand', refuseEarlier);
  recordOptions(probeOptions(viewOptions(program))).action((options: TraceOptions, command: Command) =>
    done({
      command: 'trace',
      view: viewOf(command, options),
      rung: options.probe ?? null,
      record: recordingOf(command, options),
      budgetPerSecond: options.details,
    }),
  );
  timeOptions(
    viewOptions(
      program
        .command('replay')
        .description('Show a recording in any output.')
        .argument('<file...>', 'written by --record; of several parts the oldest first'),
    ),
  )
    .option('--speed <factor>', 'times as fast as it was; 0 = as fast as possible', speedFactor, 1)
    .action((paths: string[], options: ReplayOptions, command: Command) => {
      const view = viewOf(command, options);
      // One table at the end is not waited for.
      const speed = view.once ? Number.POSITIVE_INFINITY : options.speed;
      const { from = null, until = null } = options;
      done({ command: 'replay', view, recorded: { paths, speed, from, until } });
    });
  recordOptions(
    probeOptions(
      scopeOptions(program.command('serve').description('Serve metrics to Prometheus until stopped.')),
    ),
  )
    .addOption(
      new Option('--listen <address:port>', 'serve on this address')
        .argParser(listen)
        .default(DEFAULT_LISTEN, formatEndpoint(DEFAULT_LISTEN.host, DEFAULT_LISTEN.port)),
    )
    .action((options: ServeOptions, command: Command) =>
      done({
        command: 'serve',
        view: viewOf(command, { ...options, color: false }),
        listen: options.listen,
        rung: options.probe ?? null,
        record: recordingOf(command, options),
        budgetPerSecond: options.details,
      }),
    );
  recordOptions(
    probeOptions(
      scopeOptions(
        program
          .command('check')
          .description(
            'Say what is wrong, for scripts. Exit 0: healthy, 3: findings, 1: could not be checked.',
          )
          .argument('[file...]', 'a recording to judge in place of this host'),
      ),
    ),
  )
    .option(...PID)
    .option(
      '--duration <seconds>',
      `watch for this long (default: ${CHECK_SECONDS}; of a recording all of it)`,
      seconds,
    )
    .addOption(
      new Option('--output <kind>', 'how to print').choices(['lines', 'json', 'ndjson']).default('lines'),
    )
    .action((paths: string[], { output, ...options }: CheckOptions, command: Command) => {
      const view = { ...viewOf(command, { ...options, color: false }), check: output };
      const record = recordingOf(command, options, paths);
      done(
        paths.length > 0
          ? {
              command: 'replay',
              view,
              recorded: { paths, speed: Number.POSITIVE_INFINITY, from: null, until: null },
            }
          : {
              command: 'trace',
              view: { ...view, duration: view.duration ?? CHECK_SECONDS },
              rung: options.probe ?? null,
              record,
              budgetPerSecond: options.details,
            },
      );
    });
  recordOptions(
    probeOptions(
      timeOptions(
        scopeOptions(
          program
            .command('report')
            .description('Write what happened as one HTML page, or as Markdown for a ticket.')
            .argument('[file...]', 'a recording to tell of in place of this host'),
        ),
      ),
    ),
  )
    .option(...PID)
    .option(
      '--duration <seconds>',
      `watch for this long (default: ${REPORT_SECONDS}; of a recording all of it)`,
      seconds,
    )
    .addOption(
      new Option(
        '--format <kind>',
        'default: by the ending of FILE (.md: markdown); on a terminal markdown, else html',
      ).choices(['html', 'markdown']),
    )
    .option('-o, --output-file <file>', 'write to FILE, a new one (default: to stdout)')
    .action((paths: string[], options: ReportOptions, command: Command) => {
      const { from = null, until = null } = options;
      const view = { ...viewOf(command, { ...options, color: false }), report: reportOf(command, options) };
      const { record: path, force: _, ...kept } = options;
      const record = recordingOf(command, path === undefined ? kept : options, paths);
      if (paths.length === 0 && (from !== null || until !== null))
        command.error('error: --from and --until need a recording to read');
      done(
        paths.length > 0
          ? { command: 'replay', view, recorded: { paths, speed: Number.POSITIVE_INFINITY, from, until } }
          : {
              command: 'trace',
              view: { ...view, duration: view.duration ?? REPORT_SECONDS },
              rung: options.probe ?? null,
              record,
              budgetPerSecond: options.details,
            },
      );
    });
  program
    .command('doctor')
    .description(
      'Say what this host allows, which probes it gets, and what they cannot know. Exit 1: none works.',
    )
    .addOption(new Option('--output <kind>', 'how to print').choices(['lines', 'ndjson']).default('lines'))
    .addOption(
      new Option('--program <rung>', 'print only the bpftrace program of a rung, less what this kernel lacks')
        .choices(RUNGS)
        .conflicts('output'),
    )
    .action(({ output, program }: { output: 'lines' | 'ndjson'; program?: Rung }) =>
      done(program === undefined ? { command: 'doctor', output } : { command: 'program', rung: program }),
    );
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
  sudo reuseport-trace doctor                      # what this host allows

Exit status: 0 ok, 1 failed, 2 wrong usage; of check 3: something was found.
`;
