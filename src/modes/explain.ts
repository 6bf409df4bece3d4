// A run that ends with the explanation of one pick, or fails with a sentence on why there is none.
import type { Client } from '../core/words/explain.js';
import { UserError } from '../errors.js';
import { createExplain } from '../outputs/explain.js';
import { failing, type Mode, type ModeOptions, say, writing } from './mode.js';

export const openExplain = (options: ModeOptions, client: Client): Mode => {
  const { environment, onClosed } = options;
  const output = createExplain(environment.stdout, { client, onDone: onClosed }, failing(options));
  return {
    ...writing(output, true),
    take: (state, event) => {
      output.take(state, event);
      // A connection that is made before this is not seen: whoever sits there should know.
      if (event.kind === 'attached') say(options, `waiting for the next pick from ${client.text}`);
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
  };
};
