// Whether the numbers of a run move: one answer for the health page, the page for people, and the metrics.
import type { State } from '../../core/state/state.js';

/** Ticks come once a second; a busy machine has been seen to hold one back for some seconds. */
const SILENT_NS = 15e9;

/** Why nothing is counted, or what is counted does not arrive; null = all is well. nowNs is CLOCK_MONOTONIC. */
export const whyIll = (state: State, nowNs: number): string | null => {
  if (state.status === 'attaching') return 'attaching probes';
  if (state.status === 'ended') return state.ended?.why.split('\n')[0] || 'bpftrace ended';
  // A bpftrace that hangs, or was stopped, is there and says nothing: its numbers stand still as if all were quiet.
  const silentNs = nowNs - (state.lastTickNs ?? state.attachedNs ?? nowNs);
  return silentNs > SILENT_NS ? `no tick for ${Math.floor(silentNs / 1e9)} s` : null;
};
