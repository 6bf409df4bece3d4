// A run that ends with the explanation of one pick, or fails with a sentence on why there is none.
import type { Show } from '../args/request.js';
import { UserError } from '../errors.js';
import { createHashes } from '../hash/explained.js';
import { createExplain } from '../outputs/explain.js';
import { openLearning } from './asking.js';
import { failing, type Mode, type ModeOptions, say, writing } from './mode.js';

type Explain = Extract<Show, { kind: 'explain' }>;

export const openExplain = (options: ModeOptions, { client, learnHash }: Explain): Mode => {
  const { environment, onClosed } = options;
  const { learner, close } = openLearning(options);
  const learning = { hashes: createHashes(learner), isPatient: learnHash === true, settled: learner.settled };
  const output = createExplain(environment.stdout, { client, learning, onDone: onClosed }, failing(options));
  return {
    ...writing(output, true),
    close,
    take: (state, event) => {
      output.take(state, event);
      // A connection that is made before this is not seen: whoever sits there should know.
      if (event.kind === 'attached') say(options, `waiting for the next pick from ${client.text}`);
    },
    end: async (state) => {
      await output.end(state);
      learner.stop();
      const missing = output.missing(state);
      if (missing === null) return;
      throw new UserError(
        `cannot explain a pick from ${client.text}: ${missing.why}`,
        missing.hint === null ? {} : { hint: missing.hint },
      );
    },
  };
};
