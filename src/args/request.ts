// What a user can ask for: the words of a command line, understood.
import type { Proto, Rung } from '../core/event.js';
import type { Moment } from '../core/text/moment.js';
import type { Sources } from '../core/text/sources.js';
import type { Client } from '../core/words/explain.js';

/** How `check` prints its verdict. */
export type CheckKind = 'lines' | 'json' | 'ndjson';

/** How the screen is drawn. */
export type Look = {
  readonly color: boolean;
  readonly ascii: boolean;
  /** Learn the hash from the start, and not only once somebody asks for one. */
  readonly learnHash?: true;
};

/** Where a report goes, and as what. */
export type ReportTo = {
  /** null = Markdown on a terminal, else HTML. */
  readonly format: 'html' | 'markdown' | null;
  /** null = stdout. */
  readonly path: string | null;
  /** Write where a file is already. */
  readonly force: boolean;
};

/** Where metrics are served. */
export type Listen = { readonly host: string; readonly port: number };

/** What is made of a run. */
export type Show =
  /** The screen on a terminal, lines elsewhere. */
  | ({ readonly kind: 'auto' } & Look)
  | ({ readonly kind: 'screen' } & Look)
  /** A line for each event, and a table at the end. */
  | { readonly kind: 'lines' }
  /** The table alone. */
  | { readonly kind: 'once' }
  | { readonly kind: 'ndjson' }
  /** The next pick from that client, explained; learnHash: once its hash is known. */
  | { readonly kind: 'explain'; readonly client: Client; readonly learnHash?: true }
  /** A verdict at the end. */
  | { readonly kind: 'check'; readonly output: CheckKind }
  /** A report at the end. */
  | { readonly kind: 'report'; readonly to: ReportTo }
  /** Which member each of these source ports gets. `to`: the address that is dialled; null = that of the group. */
  | {
      readonly kind: 'predict';
      readonly sources: Sources;
      readonly to: string | null;
      readonly output: 'lines' | 'ndjson';
    }
  /** Source ports that lead to one member; `connections` to open there, `from`: the client's address, null = this host's. */
  | {
      readonly kind: 'reach';
      readonly wanted: { readonly index: number } | { readonly pid: number };
      readonly from: string | null;
      readonly to: string | null;
      readonly connections: number;
      readonly output: 'lines' | 'ndjson';
    }
  /** Metrics until it is stopped. */
  | { readonly kind: 'serve'; readonly listen: Listen };

/** What to show of a run, live or recorded, and how. */
export type View = {
  readonly ports: readonly number[];
  readonly family: 4 | 6 | null;
  /** null = both. */
  readonly proto: Proto | null;
  /** As the user wrote it: a name, a pid or an inode; null = all namespaces. */
  readonly netns: string | null;
  readonly pid: number | null;
  /** Seconds; null = until stopped. */
  readonly duration: number | null;
  readonly show: Show;
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

/** What traces or replays, and goes on until it ends. */
export type RunRequest = Extract<Request, { command: 'trace' | 'replay' }>;
