// A run as text on stdout: lines, NDJSON, or one table at its end.
import { createLines } from '../outputs/lines.js';
import { createNdjson } from '../outputs/ndjson.js';
import { failing, type Mode, type ModeOptions, say, writing } from './mode.js';

export const openText = (options: ModeOptions, kind: 'lines' | 'once' | 'ndjson'): Mode => {
  const { stdout } = options.environment;
  const onFailure = failing(options);
  const isOnce = kind === 'once';
  const output =
    kind === 'ndjson' ? createNdjson(stdout, onFailure) : createLines(stdout, { isQuiet: isOnce }, onFailure);
  return {
    ...writing(output, isOnce || stdout.isTTY !== true),
    take: (state, event) => {
      output.take(state, event);
      if (isOnce) return;
      const rung = `${state.rung ?? '-'} rung`;
      const { ports } = options.view;
      if (event.kind === 'attaching') say(options, `attaching probes, ${rung} ...`);
      if (event.kind === 'attached')
        say(
          options,
          `tracing ${ports.length === 0 ? 'every port' : `port ${ports.join(', ')}`}, ${rung}. Ctrl-C ends.`,
        );
    },
  };
};
