// Options, subcommands and help, pure: words in, a request or the text to print out; it touches no file and starts nothing.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { formatEndpoint } from './core/endpoint.js';
import type { Proto, Rung } from './core/event.js';
import { type Client, parseClient } from './core/explain.js';
import { type Moment, parseMoment } from './core/moment.js';

export type OutputKind = 'tui' | 'lines' | 'ndjson';
/** How `check` prints its verdict. */
export type CheckKind = 'lines' | 'json' | 'ndjson';

/** What to show, common to live runs and replays. */
export type View = {
  readonly ports: readonly number[];
  readonly family: 4 | 6 | null;
  /** null = both. */
  readonly proto: Proto | null;
  /** As the user wrote it: a name, a pid or an inode; null = all namespaces. */
  readonly netns: string | null;
  readonly pid: number | null;
  /** null = tui on a terminal, lines otherwise. */
  readonly output: OutputKind | null;
  /** Seconds; null = until stopped. */
  readonly duration: number | null;
  readonly once: boolean;
  /** Whose next pick to explain instead of showing the run; null = nobody's. */
  readonly explain: Client | null;
  /** Print a verdict on the run at its end instead of showing it; null = show it. */
  readonly check: CheckKind | null;
  readonly color: boolean;
  readonly ascii: boolean;
};

export type Request =
  | {
      readonly command: 'trace';
      readonly view: View;
      /** null = the best that this host allows. */
      readonly rung: Rung | null;
      readonly record: Recording | null;
      readonly budgetPerSecond: number;
    }
  | { readonly command: 'replay'; readonly view: View; readonly recorded: Recorded }
  | {
      readonly command: 'serve';
      readonly view: View;
      readonly listen: Listen;
      readonly rung: Rung | null;
      readonly budgetPerSecond: number;
    }
  | { readonly command: 'doctor'; readonly output: 'lines' | 'ndjson' }
  /** Help, the version, or what is wrong with the arguments: to stdout with 0, to stderr with 2. */
  | { readonly command: 'print'; readonly text: string; readonly exitCode: 0 | 2 };

/** A recording to write. */
export type Recording = {
  readonly path: string;
  /** Most bytes on disk, in several files; null = one file without limit. */
  readonly maxBytes: number | null;
  /** Write where a file is already. */
  readonly force: boolean;
};

/** A recording to read. */
export type Recorded = {
  /** Parts of one run, oldest first. */
  readonly paths: readonly string[];
  /** 1 = as it was; Infinity = as fast as possible. */
  readonly speed: number;
  readonly from: Moment | null;
  readonly until: Moment | null;
};

/** Where metrics are served. */
export type Listen = { readonly host: string; readonly port: number };

/** Port 9475 of this host alone: metrics name processes, which is nobody else's business unless somebody says so. */
const DEFAULT_LISTEN: Listen = { host: '127.0.0.1', port: 9475 };

/** What traces or replays, and goes on until it ends. */
export type RunRequest = Extract<Request, { command: 'trace' | 'replay' | 'serve' }>;

/** How long a check watches: a stuck worker is found in five seconds, a skew after as many connections as it takes. */
const CHECK_SECONDS = 10;
/** Default details a second: far below the 30,000 printed lines a second that came through without loss on two CPUs. */
const DEFAULT_BUDGET = 1000;
/** Above this bpftrace's buffers overflow (measured on two CPUs, bpftrace 0.17). */
const HIGHEST_BUDGET = 30_000;
/** setTimeout takes 2^31 ms at most, 24 days. */
const LONGEST_SECONDS = 2_000_000;

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
    .addHelpText('after', EXAMPLES);
  probeOptions(viewOptions(program))
    .option('--record <file>', 'also write the events to FILE, for replay (.gz: packed)')
    .option(
      '--record-max <size>',
      'of the recording keep the newest SIZE, such as 500M, in several files',
      size,
    )
    .option('--force', 'write over FILE')
    .action((options: TraceOptions, command: Command) =>
      done({
        command: 'trace',
        view: viewOf(command, options),
        rung: options.probe ?? null,
        record: recordingOf(command, options),
        budgetPerSecond: options.details,
      }),
    );
  viewOptions(
    program
      .command('replay')
      .description('Show a recording in any output.')
      .argument('<file...>', 'written by --record; of several parts the oldest first'),
  )
    .option('--speed <factor>', 'times as fast as it was; 0 = as fast as possible', speedFactor, 1)
    .option('--from <time>', FROM, moment)
    .option('--until <time>', UNTIL, moment)
    .action((paths: string[], options: ReplayOptions, command: Command) => {
      const view = viewOf(command, options);
      // One table at the end is not waited for.
      const speed = view.once ? Number.POSITIVE_INFINITY : options.speed;
      const { from = null, until = null } = options;
      done({ command: 'replay', view, recorded: { paths, speed, from, until } });
    });
  probeOptions(
    scopeOptions(program.command('serve').description('Serve metrics to Prometheus until stopped.')),
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
        budgetPerSecond: options.details,
      }),
    );
  probeOptions(
    scopeOptions(
      program
        .command('check')
        .description('Say what is wrong, for scripts. Exit 0: healthy, 3: findings, 1: could not be checked.')
        .argument('[file...]', 'a recording to judge in place of this host'),
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
              record: null,
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
    .action((options: { output: 'lines' | 'ndjson' }) => done({ command: 'doctor', output: options.output }));
  return program;
};

type ViewOptions = {
  port?: number[];
  pid?: number;
  ipv4?: boolean;
  ipv6?: boolean;
  tcp?: boolean;
  udp?: boolean;
  netns?: string;
  output?: OutputKind;
  duration?: number;
  once?: boolean;
  explain?: Client;
  color: boolean;
  ascii?: boolean;
};
type TraceOptions = ViewOptions & {
  probe?: Rung;
  record?: string;
  recordMax?: number;
  force?: boolean;
  details: number;
};
type ReplayOptions = ViewOptions & { speed: number; from?: Moment; until?: Moment };
type ServeOptions = Pick<ViewOptions, 'port' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'netns'> & {
  listen: Listen;
  probe?: Rung;
  details: number;
};

type CheckOptions = Pick<
  ViewOptions,
  'port' | 'pid' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'netns' | 'duration'
> & {
  output: CheckKind;
  probe?: Rung;
  details: number;
};

/** What to trace. */
const scopeOptions = (command: Command): Command =>
  command
    .option('-P, --port <ports>', 'local ports, separated by commas; may be repeated (default: all)', ports)
    .option('-4, --ipv4', 'only IPv4')
    .option('-6, --ipv6', 'only IPv6')
    .option('-t, --tcp', 'only TCP')
    .option('-u, --udp', 'only UDP (default: both)')
    .option('--netns <name|pid|inode>', 'only this network namespace (default: all)');

const PID = [
  '-p, --pid <pid>',
  'only sockets that this process holds',
  (text: string): number => integer('a process id', 1, 4_194_304)(text),
] as const;

/** How to trace. */
const probeOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--probe <rung>', 'force one kind of probe (default: the best this host allows)').choices([
        'fentry',
        'kprobe',
        'tracepoint',
      ]),
    )
    .option(
      '--details <per-second>',
      'most detail lines a second; counters have no limit',
      integer('a rate', 1, HIGHEST_BUDGET),
      DEFAULT_BUDGET,
    );

const viewOptions = (command: Command): Command =>
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
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .option('--ascii', 'draw with ASCII only');

const viewOf = (command: Command, options: ViewOptions): View => {
  // An explanation is text, as lines are.
  if (options.explain !== undefined && (options.output ?? 'lines') !== 'lines') {
    command.error(
      `error: option '--explain <client>' cannot be used with option '--output ${options.output}'`,
    );
  }
  return {
    ports: [...new Set(options.port ?? [])],
    family: options.ipv4 === options.ipv6 ? null : options.ipv4 === true ? 4 : 6,
    proto: options.tcp === options.udp ? null : options.tcp === true ? 'tcp' : 'udp',
    netns: options.netns ?? null,
    pid: options.pid ?? null,
    output: options.output ?? null,
    duration: options.duration ?? null,
    once: options.once ?? false,
    explain: options.explain ?? null,
    check: null,
    color: options.color,
    ascii: options.ascii ?? false,
  };
};

const ports = (text: string, previous: number[] = []): number[] => [
  ...previous,
  ...text.split(',').map(integer('a port', 1, 65_535)),
];

const integer =
  (what: string, lowest: number, highest: number) =>
  (text: string): number => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= lowest && value <= highest) return value;
    throw new InvalidArgumentError(`'${text}' is not ${what} from ${lowest} to ${highest}.`);
  };

const seconds = (text: string): number => {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && value > 0 && value <= LONGEST_SECONDS) return value;
  throw new InvalidArgumentError(
    `'${text}' is not a number of seconds above 0 and up to ${LONGEST_SECONDS}.`,
  );
};

const client = (text: string): Client => {
  const value = parseClient(text);
  if (value !== null) return value;
  throw new InvalidArgumentError(`'${text}' is not like 10.0.0.1, 10.0.0.1:80, ::1 or [::1]:80.`);
};

/** An address of this host, with a port or at the default one. */
const listen = (text: string): Listen => {
  const value = parseClient(text);
  const [, six, four] = /^(?:\[(.+)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? [];
  if (value !== null) return { host: six ?? four ?? text, port: value.port ?? DEFAULT_LISTEN.port };
  throw new InvalidArgumentError(`'${text}' is not like 127.0.0.1:9475, 0.0.0.0:9475 or [::]:9475.`);
};

const FROM = 'show it from there: seconds from its start (90, 1h30m) or a time of day (03:12)';
const UNTIL = 'show it until then';

const moment = (text: string): Moment => {
  const value = parseMoment(text);
  if (value !== null) return value;
  throw new InvalidArgumentError(`'${text}' is not like 90, 1h30m, 03:12, 03:12:45 or '2026-11-23 03:12'.`);
};

const recordingOf = (command: Command, options: TraceOptions): Recording | null => {
  const { record, recordMax = null, force = false } = options;
  if (record !== undefined) return { path: record, maxBytes: recordMax, force };
  if (recordMax !== null || force) command.error("error: --record-max and --force need '--record <file>'");
  return null;
};

/** Below this the parts of a recording would hold little. */
const LEAST_SIZE = 8 << 20;

/** Bytes, in binary units as `ls -h` and logrotate have them. */
const size = (text: string): number => {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const bytes =
    digits === '' ? Number.NaN : Number(digits) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' ');
  if (bytes >= LEAST_SIZE && bytes <= Number.MAX_SAFE_INTEGER) return Math.floor(bytes);
  throw new InvalidArgumentError(`'${text}' is not a size of 8M or more, such as 500M or 2G.`);
};

/** 0 = as fast as possible. */
const speedFactor = (text: string): number => {
  const value = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text)) return value === 0 ? Number.POSITIVE_INFINITY : value;
  throw new InvalidArgumentError(`'${text}' is not a factor of 0 or more.`);
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
  sudo reuseport-trace doctor                      # what this host allows

Exit status: 0 ok, 1 failed, 2 wrong usage; of check 3: something was found.
`;
