// The options that commands have in common, and what they come to.
import { type Command, Option } from 'commander';
import type { Rung } from '../core/event.js';
import type { Moment } from '../core/text/moment.js';
import type { Client } from '../core/words/explain.js';
import type { CheckKind, Listen, OutputKind, Recording, ReportTo, View } from './request.js';
import { client, integer, moment, ports, seconds, size } from './values.js';

/** Picks shown a second by default: test/bench/details.ts measures what more of them cost. */
const DEFAULT_BUDGET = 250;
/** Where bpftrace's buffers begin to overflow (two CPUs, bpftrace 0.17). */
const HIGHEST_BUDGET = 30_000;

export type ViewOptions = {
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
export type RecordOptions = { record?: string; recordMax?: number; force?: boolean };
export type TraceOptions = ViewOptions & RecordOptions & { probe?: Rung; details: number };
export type ReplayOptions = ViewOptions & { speed: number; from?: Moment; until?: Moment };
export type ServeOptions = Pick<ViewOptions, 'port' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'netns'> &
  RecordOptions & { listen: Listen; probe?: Rung; details: number };

export type CheckOptions = Pick<
  ViewOptions,
  'port' | 'pid' | 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'netns' | 'duration'
> &
  RecordOptions & { output: CheckKind; probe?: Rung; details: number };

export type ReportOptions = Omit<CheckOptions, 'output'> &
  Pick<ReplayOptions, 'from' | 'until'> & {
    format?: 'html' | 'markdown';
    outputFile?: string;
  };

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

export const viewOptions = (command: Command): Command =>
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

export const viewOf = (command: Command, options: ViewOptions): View => {
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
    report: null,
    color: options.color,
    ascii: options.ascii ?? false,
  };
};

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

export const reportOf = (command: Command, options: ReportOptions): ReportTo => {
  const { outputFile: path = null, record, force = false } = options;
  if (force && path === null && record === undefined)
    command.error("error: --force needs '--output-file <file>' or '--record <file>'");
  const byEnding = path === null ? null : /\.(?:md|markdown)$/i.test(path) ? 'markdown' : 'html';
  return { format: options.format ?? byEnding, path, force };
};
