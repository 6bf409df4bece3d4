// Chooses how a run is shown (screen, lines, NDJSON, one explanation, a verdict, a report, metrics), and binds the screen's keys to what a source can do.
import type { CheckKind, ReportTo, RunRequest, View } from './args/request.js';
import type { Event } from './core/event.js';
import { createSightings, elsewhere, sight } from './core/state/otherports.js';
import type { State } from './core/state/state.js';
import type { Client } from './core/words/explain.js';
import { messageOf, UserError } from './errors.js';
import { createCheck, whyNoCheck } from './outputs/check.js';
import { createExplain } from './outputs/explain.js';
import { createLines } from './outputs/lines.js';
import { createNdjson } from './outputs/ndjson.js';
import type { Output } from './outputs/output.js';
import { createReport, type Sink, toFile, toStream } from './outputs/report/report.js';
import { writeSnapshot } from './outputs/snapshot.js';
import type { Source } from './source.js';

/** An output, or the screen, as a run sees it. */
export type Surface = Output & {
  readonly isScreen: boolean;
  /** It goes on when bpftrace ends, and a signal is its normal end. */
  readonly isService?: boolean;
  /** Says something where the user looks; absent = on stderr, at the end. */
  readonly tell?: (text: string) => void;
  /** How a run that did not fail ends; absent = 0. */
  readonly exitCode?: (state: State) => number;
  /** Gives the terminal back; synchronous, may be called again. */
  readonly close: () => void;
};

export type SurfaceOptions = {
  readonly request: RunRequest;
  readonly state: State;
  readonly source: Source;
  /** The user, or the reader of stdout, has had enough. */
  readonly onClosed: () => void;
  /** Takes an event of the user's into the run, as if it had come from the source. */
  readonly take: (event: Event) => void;
  /** Something to tell on stderr at the end. */
  readonly onNote: (note: string) => void;
  /** The same of something that makes the run a failure. */
  readonly onFailed: (why: string) => void;
};

/** Opens what the request asks for: the screen on a terminal, lines elsewhere, or as --output says. */
export const openSurface = async (options: SurfaceOptions): Promise<Surface> => {
  const { request, state, source } = options;
  const { view } = request;
  if (request.command === 'serve') {
    const { openService } = await import('./serve.js');
    return openService(request.listen, state, source);
  }
  if (view.explain !== null) return withDuration(openExplain(options, view.explain), options);
  if (view.check !== null) return withDuration(openCheck(options, view.check), options);
  if (view.report !== null) return withDuration(openReport(options, view.report), options);
  const kind = view.once ? 'lines' : (view.output ?? (canDraw() ? 'tui' : 'lines'));
  return withDuration(kind === 'tui' ? await openTui(options) : openText(options, kind), options);
};

/** A terminal that can place the cursor. */
const canDraw = (): boolean => process.stdout.isTTY === true && process.env.TERM !== 'dumb';

const openText = (options: SurfaceOptions, kind: 'lines' | 'ndjson'): Surface => {
  const { view } = options.request;
  const onFailure = failing(options);
  const output =
    kind === 'ndjson'
      ? createNdjson(process.stdout, onFailure)
      : createLines(process.stdout, { isQuiet: view.once }, onFailure);
  return {
    ...output,
    isScreen: false,
    take: (state, event) => {
      output.take(state, event);
      if (!options.source.isLive || view.once || process.stderr.isTTY !== true) return;
      if (event.kind === 'attaching')
        process.stderr.write(`reuseport-trace: attaching probes, ${state.meta?.rung ?? '-'} rung ...\n`);
      if (event.kind === 'attached') {
        const ports = view.ports.length === 0 ? 'every port' : `port ${view.ports.join(', ')}`;
        process.stderr.write(
          `reuseport-trace: tracing ${ports}, ${state.meta?.rung ?? '-'} rung. Ctrl-C ends.\n`,
        );
      }
    },
    close: () => undefined,
  };
};

/** What is done when stdout takes no more. */
const failing =
  (options: SurfaceOptions) =>
  (error: NodeJS.ErrnoException): void => {
    // `| head` has what it wanted; a disk that is full has not.
    if (error.code === 'EPIPE')
      options.onNote('stopped, because the reader of stdout closed it (--record FILE keeps everything)');
    else options.onFailed(`cannot write to stdout: ${error.message}`);
    options.onClosed();
  };

/** A run that ends with the explanation, or fails with a sentence on why there is none. */
const openExplain = (options: SurfaceOptions, client: Client): Surface => {
  const { source, onClosed } = options;
  const output = createExplain(process.stdout, { client, onDone: onClosed }, failing(options));
  return {
    ...output,
    isScreen: false,
    take: (state, event) => {
      output.take(state, event);
      // A connection that is made before this is not seen: whoever sits there should know.
      if (event.kind === 'attached' && source.isLive && process.stderr.isTTY === true) {
        process.stderr.write(`reuseport-trace: waiting for the next pick from ${client.text}\n`);
      }
    },
    end: async (state) => {
      await output.end(state);
      const missing = output.missing(state);
      if (missing === null) return;
      throw new UserError(
        `cannot explain a pick from ${client.text}: ${missing.why}`,
        missing.hint === null ? {} : { hint: missing.hint },
      );
    },
    close: () => undefined,
  };
};

/** A run that ends with a verdict, or fails when there is nothing to judge. */
const openCheck = (options: SurfaceOptions, kind: CheckKind): Surface => {
  const output = createCheck(process.stdout, kind, failing(options));
  return {
    ...output,
    isScreen: false,
    end: async (state) => {
      const why = whyNoCheck(state);
      if (why !== null)
        throw new UserError(`cannot check: ${why}`, { hint: 'ss -ltn   shows who listens where' });
      await output.end(state);
    },
    close: () => undefined,
  };
};

/** A run that ends with a report. What is told of a live run on a terminal meanwhile is how long that takes. */
const openReport = (options: SurfaceOptions, to: ReportTo): Surface => {
  const { request, source } = options;
  const sink =
    to.path === null ? toStream(process.stdout, failing(options)) : openReportFile(to.path, to.force);
  const output = createReport(sink, {
    format: to.format ?? (process.stdout.isTTY === true ? 'markdown' : 'html'),
    stopped: () => source.replay?.stopped()?.text ?? null,
  });
  return {
    ...output,
    isScreen: false,
    take: (state, event) => {
      output.take(state, event);
      if (event.kind === 'attached' && source.isLive && process.stderr.isTTY === true) {
        process.stderr.write(
          `reuseport-trace: watching for ${request.view.duration} s; Ctrl-C writes the report now\n`,
        );
      }
    },
    end: async (state) => {
      try {
        await output.end(state);
      } catch (error) {
        throw new UserError(`cannot write ${to.path}: ${messageOf(error)}`, { cause: error });
      }
    },
    close: () => undefined,
  };
};

const openReportFile = (path: string, force: boolean): Sink => {
  try {
    return toFile(path, force);
  } catch (error) {
    throw new UserError(`cannot write the report to ${path}: ${messageOf(error)}`, {
      hint: 'name a new file in a folder that you may write to, or say --force to write over a file',
      cause: error,
    });
  }
};

const openTui = async ({ request, state, source, onClosed, take }: SurfaceOptions): Promise<Surface> => {
  if (process.stdout.isTTY !== true) {
    throw new UserError('cannot draw the screen: stdout is not a terminal', {
      hint: 'leave out --output tui: elsewhere than on a terminal it prints lines',
      exitCode: 2,
    });
  }
  const { openScreen } = await import('./tui/screen.js');
  const sightings = createSightings();
  const screen = await openScreen({
    state: () => state,
    elsewhere: () => elsewhere(sightings, request.view.ports),
    input: process.stdin.isTTY === true ? process.stdin : null,
    output: process.stdout,
    useColor: request.view.color && (process.env.NO_COLOR ?? '') === '',
    ascii: request.view.ascii || !isUtf8() || process.env.TERM === 'linux',
    isReplay: !source.isLive,
    nowNs: () => source.nowNs?.() ?? state.nowNs,
    actions: {
      reset: () => take({ kind: 'reset', tsNs: state.nowNs }),
      restart: () => source.restart?.(),
      writeSnapshot: async (text, shown) => writeSnapshot(shown, text),
    },
  });
  void screen.closed.then(onClosed);
  return {
    isScreen: true,
    take: (_state: State, event: Event) => {
      sight(sightings, event);
      screen.redraw();
    },
    end: async () => {
      // A replay that has come to its end, like a bpftrace that has, stays to be read until q.
      screen.redraw();
      await screen.closed;
    },
    tell: screen.tell,
    dropped: () => 0,
    close: screen.close,
  };
};

/** The locale's encoding, as setlocale(3) decides it: the first of these that is set. */
const isUtf8 = (): boolean =>
  /utf-?8/i.test(process.env.LC_ALL || process.env.LC_CTYPE || process.env.LANG || '');

/** --once without --duration: one whole interval. */
const ONCE_SECONDS = 1;

/** Ends a live run after --duration, counted from the moment the probes are attached. A replay has it in its own time. */
const withDuration = (surface: Surface, { request, source, onClosed }: SurfaceOptions): Surface => {
  const seconds = durationOf(request.view);
  if (seconds === null || !source.isLive) return surface;
  let timer: NodeJS.Timeout | null = null;
  return {
    ...surface,
    take: (state, event) => {
      surface.take(state, event);
      if (event.kind !== 'attached') return;
      timer ??= setTimeout(() => {
        surface.close();
        onClosed();
      }, seconds * 1000);
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
      surface.close();
    },
  };
};

const durationOf = (view: View): number | null => view.duration ?? (view.once ? ONCE_SECONDS : null);
