// What a user can ask for: the words of a command line, understood. It reads none.
import type { Proto, Rung } from '../core/event.js';
import type { Moment } from '../core/text/moment.js';
import type { Client } from '../core/words/explain.js';

export type OutputKind = 'tui' | 'lines' | 'ndjson';
/** How `check` prints its verdict. */
export type CheckKind = 'lines' | 'json' | 'ndjson';

/** Where a report goes, and as what. */
export type ReportTo = {
  /** null = Markdown on a terminal, else HTML. */
  readonly format: 'html' | 'markdown' | null;
  /** null = stdout. */
  readonly path: string | null;
  /** Write where a file is already. */
  readonly force: boolean;
};

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
  /** Write a report on the run at its end instead of showing it; null = show it. */
  readonly report: ReportTo | null;
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
      readonly record: Recording | null;
      readonly budgetPerSecond: number;
    }
  | { readonly command: 'doctor'; readonly output: 'lines' | 'ndjson' }
  /** The program of a rung, to run by hand. */
  | { readonly command: 'program'; readonly rung: Rung }
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

/** What traces or replays, and goes on until it ends. */
export type RunRequest = Extract<Request, { command: 'trace' | 'replay' | 'serve' }>;
