// A run that ends with a verdict, or fails when there is nothing to judge.

import type { CheckKind } from '../args/request.js';
import { UserError } from '../errors.js';
import { whyNoCheck } from '../members/verdict.js';
import { createCheck } from '../outputs/check.js';
import { failing, type Mode, type ModeOptions, writing } from './mode.js';

export const openCheck = (options: ModeOptions, kind: CheckKind): Mode => {
  const output = createCheck(options.environment.stdout, kind, failing(options));
  return {
    ...writing(output, true),
    exitCode: output.exitCode,
    end: async (state) => {
      const why = whyNoCheck(state);
      if (why !== null)
        throw new UserError(`cannot check: ${why}`, { hint: 'ss -ltn   shows who listens where' });
      await output.end(state);
    },
  };
};
