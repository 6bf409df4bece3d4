// predict: which member each source port of a client gets.
import type { Show } from '../args/request.js';
import { formatPrediction } from '../outputs/prediction.js';
import { createWriter } from '../outputs/writer.js';
import { createAsking, openLearning } from './asking.js';
import { failing, type Mode, type ModeOptions, writing } from './mode.js';

type Predict = Extract<Show, { kind: 'predict' }>;

export const openPredict = (options: ModeOptions, { output, sources, to }: Predict): Mode => {
  const writer = createWriter(options.environment.stdout, failing(options));
  const learning = openLearning(options);
  let lines: readonly string[] = [];
  const asking = createAsking({
    ...learning,
    what: 'predict',
    question: { to, from: sources.raddr },
    dialled: null,
    onAnswer: (state, answer) => {
      lines = formatPrediction({ state, ...answer, sources }, output);
      options.onClosed();
    },
  });
  return {
    ...writing({ take: () => undefined, end: async () => undefined, dropped: writer.dropped }, true),
    take: (state, event) => {
      if (event.kind === 'tick') asking.ask(state);
    },
    end: async (state) => {
      await asking.end(state);
      await writer.all(lines);
    },
    close: learning.close,
  };
};
