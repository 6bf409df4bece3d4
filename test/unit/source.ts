// Sources that a test feeds: what a run gets in place of bpftrace.
import type { Event } from '../../src/core/event.js';
import type { Source } from '../../src/source.js';
import { ALL } from './events.js';

/** A live source of these events, which then waits until it is stopped; counts how often it was stopped and started again. */
export const liveSource = (
  events: readonly Event[],
  last: readonly Event[] = [],
): Source & { readonly stops: () => number; readonly restarts: () => number } => {
  let [stops, restarts] = [0, 0];
  let stopped: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  return {
    events: (async function* () {
      yield events;
      await until;
      yield last;
    })(),
    stop: () => {
      stops++;
      stopped();
    },
    restart: () => {
      restarts++;
    },
    isLive: true,
    nowNs: () => 0,
    tracerPids: () => [],
    scope: ALL,
    replay: null,
    stops: () => stops,
    restarts: () => restarts,
  };
};
