// The options that commands have in common, and what they come to.
import { type Command, Option } from 'commander';
import type { Rung } from '../core/event.js';
import type { Moment } from '../core/text/moment.js';
import type { Recording, Request, Show, View } from './request.js';
import { integer, moment, ports, seconds, size } from './values.js';

/** Picks shown a second by default: test/bench/details.ts measures what more of them cost. */
const DEFAULT_BUDGET = 250;
/** Where bpftrace's buffers begin to overflow (two CPUs, bpftrace 0.17). */
const HIGHEST_BUDGET = 30_000;

export type ScopeOptions = {
  port?: number[];
  ipv4?: boolean;
  ipv6?: boolean;
  tcp?: boolean;
  udp?: boolean;
  netns?: string;
};
/** Of commands that end by themselves, or show one process. */
export type PartOptions = { pid?: number; duration?: number };
export type ProbeOptions = { probe?: Rung; details: number };
export type RecordOptions = { record?: string; recordMax?: number; force?: boolean };
export type TimeOptions = { from?: Moment; until?: Moment };

/** Where a command hands its request over. */
export type Done = (request: Request) => void;

/** What to trace. */
export const scopeOptions = (command: Command): Command =>
  command
    .option('-P, --port <ports>', 'local ports, separated by commas; may be repeated (default: all)', ports)
    .option('-4, --ipv4', 'only IPv4')
    .option('-6, --ipv6', 'only IPv6')
    .option('-t, --tcp', 'only TCP')
    .option('-u, --udp', 'only UDP (default: both)')
    .option('--netns <name|pid|inode>', 'only this network namespace (default: all)');

export const PID = [
  '-p, --pid <pid>',
  'only sockets that this process holds',
  (text: string): number => integer('a process id', 1, 4_194_304)(text),
] as const;

/** How to trace. */
export const probeOptions = (command: Command): Command =>
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
      'most picks shown one by one a second; 0: counters only, which have no limit',
      integer('a rate', 0, HIGHEST_BUDGET),
      DEFAULT_BUDGET,
    );

/** What to keep beside any output of a live run. */
export const recordOptions = (command: Command): Command =>
  command
    .option('--record <file>', 'also write the events to FILE, for replay (.gz: packed)')
    .option(
      '--record-max <size>',
      'of the recording keep the newest SIZE, such as 500M, in several files',
      size,
    )
    .option('--force', 'write over FILE');

/** Which part of a recording. */
export const timeOptions = (command: Command): Command =>
  command.option('--from <time>', FROM, moment).option('--until <time>', UNTIL, moment);

const FROM = 'show it from there: seconds from its start (90, 1h30m) or a time of day (03:12)';
const UNTIL = 'show it until then';

/** Of a command that judges a run at its end: for how long it watches this host. */
export const judgeOptions = (command: Command, watched: number): Command =>
  command
    .option(...PID)
    .option(
      '--duration <seconds>',
      `watch for this long (default: ${watched}; of a recording all of it)`,
      seconds,
    );

export const viewOf = (options: ScopeOptions & PartOptions, show: Show): View => ({
  ports: [...new Set(options.port ?? [])],
  family: options.ipv4 === options.ipv6 ? null : options.ipv4 === true ? 4 : 6,
  proto: options.tcp === options.udp ? null : options.tcp === true ? 'tcp' : 'udp',
  netns: options.netns ?? null,
  pid: options.pid ?? null,
  duration: options.duration ?? null,
  show,
});

/** A live run; `seconds`: how long it is watched where nobody says. */
export const traceOf = (
  options: ProbeOptions,
  view: View,
  record: Recording | null,
  seconds: number | null = null,
): Request => ({
  command: 'trace',
  view: { ...view, duration: view.duration ?? seconds },
  rung: options.probe ?? null,
  record,
  budgetPerSecond: options.details,
});

/** A recording as fast as it can be read. */
export const rereadOf = (paths: readonly string[], view: View, part: TimeOptions = {}): Request => ({
  command: 'replay',
  view,
  recorded: {
    paths,
    speed: Number.POSITIVE_INFINITY,
    from: part.from ?? null,
    until: part.until ?? null,
  },
});

/** What to record of a live run; `paths` are recordings to read in its place. */
export const recordingOf = (
  command: Command,
  options: RecordOptions,
  paths: readonly string[] = [],
): Recording | null => {
  const { record, recordMax = null, force = false } = options;
  if (record !== undefined && paths.length > 0)
    command.error("error: option '--record <file>' cannot be used with a recording to read");
  if (record !== undefined) return { path: record, maxBytes: recordMax, force };
  if (recordMax !== null || force) command.error("error: --record-max and --force need '--record <file>'");
  return null;
};
