// What a mode is given, for its tests: a view, a fake process, and what it asked the run for.
import type { Show, View } from '../../../src/args/request.js';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState } from '../../../src/core/state/state.js';
import type { Mode, ModeOptions } from '../../../src/modes/mode.js';
import type { Source } from '../../../src/source.js';
import { fakeEnvironment } from '../environment.js';
import { ALL } from '../events.js';
import { liveSource } from '../source.js';

export const givenTo = (
  show: Show,
  change: Partial<Pick<View, 'ports' | 'duration'>> = {},
  fakes: Parameters<typeof fakeEnvironment>[0] & { readonly source?: Source } = {},
) => {
  const fake = fakeEnvironment(fakes);
  const state = createState(ALL);
  const asked: string[] = [];
  const view: View = {
    ports: [],
    family: null,
    proto: null,
    netns: null,
    pid: null,
    duration: null,
    ...change,
    show,
  };
  const options: ModeOptions = {
    view,
    environment: fake.environment,
    state,
    source: fakes.source ?? liveSource([]),
    onClosed: () => asked.push('closed'),
    take: (event) => asked.push(event.kind),
    onNote: (note) => asked.push(`note: ${note}`),
    onFailed: (why) => asked.push(`failed: ${why}`),
  };
  const feed = (mode: Mode, events: readonly Event[]): void => {
    for (const event of events) {
      apply(state, event);
      mode.take(state, event);
    }
  };
  return { ...fake, options, state, asked, feed };
};
