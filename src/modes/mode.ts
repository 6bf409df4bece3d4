// What a mode is: an output, or the screen, as a run sees it; and what each of them is given.
import type { View } from '../args/request.js';
import type { Event } from '../core/event.js';
import type { State } from '../core/state/state.js';
import type { Environment } from '../environment.js';
import type { Output } from '../outputs/output.js';
import type { Source } from '../source.js';

export type Mode = Output & {
  readonly isScreen: boolean;
  /** It goes on when bpftrace ends, and a signal is its normal end. */
  readonly isService: boolean;
  /** Nothing is seen of it before its end: of a recording that takes long, how far it is may be told. */
  readonly isSilent: boolean;
  /** Says something where the user looks; absent = on stderr, at the end. */
  readonly tell?: (text: string) => void;
  /** How a run that did not fail ends; absent = 0. */
  readonly exitCode?: (state: State) => number;
  /** Gives the terminal back; synchronous, may be called again. */
  readonly close: () => void;
};

export type ModeOptions = {
  readonly view: View;
  readonly environment: Environment;
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

/** A mode that writes to stdout, as most do; `isSilent` = at its end. */
export const writing = (output: Output, isSilent: boolean): Mode => ({
  ...output,
  isScreen: false,
  isService: false,
  isSilent,
  close: () => undefined,
});

/** What is done when stdout takes no more. */
export const failing =
  ({ onNote, onFailed, onClosed }: ModeOptions) =>
  (error: NodeJS.ErrnoException): void => {
    // `| head` has what it wanted; a disk that is full has not.
    if (error.code === 'EPIPE')
      onNote('stopped, because the reader of stdout closed it (--record FILE keeps everything)');
    else onFailed(`cannot write to stdout: ${error.message}`);
    onClosed();
  };

/** Says something on stderr at once, where somebody sits who waits for a live run. */
export const say = ({ environment: { stderr }, source }: ModeOptions, text: string): void => {
  if (source.isLive && stderr.isTTY === true) stderr.write(`reuseport-trace: ${text}\n`);
};
