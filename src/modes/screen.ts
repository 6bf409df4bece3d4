// The live screen: binds its keys to what a source can do.
import type { ReadStream, WriteStream } from 'node:tty';
import type { Look } from '../args/request.js';
import { createSightings, elsewhere, sight } from '../core/state/otherports.js';
import type { Environment, Terminal } from '../environment.js';
import { UserError } from '../errors.js';
import { writeSnapshot } from '../outputs/snapshot.js';
import { openScreen } from '../tui/screen.js';
import { createAnswers } from './answers.js';
import type { Mode, ModeOptions } from './mode.js';

export const openTui = async (options: ModeOptions, look: Look): Promise<Mode> => {
  const { view, environment, state, source, onClosed, take } = options;
  const { stdin, stdout, variables } = environment;
  if (!isTerminal(stdout)) {
    throw new UserError('cannot draw the screen: stdout is not a terminal', {
      hint: 'leave out --output tui: elsewhere than on a terminal it prints lines',
      exitCode: 2,
    });
  }
  const sightings = createSightings();
  let refresh = (): void => undefined;
  const answers = createAnswers({
    isLive: source.isLive,
    isEager: look.learnHash === true,
    onChange: () => refresh(),
  });
  const screen = await openScreen({
    state: () => state,
    elsewhere: () => elsewhere(sightings, view.ports),
    input: isTerminal(stdin) ? stdin : null,
    output: stdout,
    useColor: look.color && (variables.NO_COLOR ?? '') === '',
    ascii: look.ascii || !isUtf8(variables) || variables.TERM === 'linux',
    isReplay: !source.isLive,
    answers,
    nowNs: () => source.nowNs?.() ?? state.nowNs,
    actions: {
      reset: () => take({ kind: 'reset', tsNs: state.nowNs }),
      restart: () => source.restart?.(),
      writeSnapshot: async (text, shown) => writeSnapshot(shown, text),
    },
  });
  refresh = screen.refresh;
  void screen.closed.then(answers.stop).then(onClosed);
  return {
    isScreen: true,
    isService: false,
    isSilent: false,
    take: (now, event) => {
      sight(sightings, event);
      answers.take(now, event);
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

/** isTTY is of tty.ReadStream and tty.WriteStream alone. */
const isTerminal = <T extends Terminal>(stream: T): stream is T & ReadStream & WriteStream =>
  stream.isTTY === true;

/** The locale's encoding, as setlocale(3) decides it: the first of these that is set. */
const isUtf8 = ({ LC_ALL, LC_CTYPE, LANG }: Environment['variables']): boolean =>
  /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
