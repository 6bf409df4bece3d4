// Dials from a listening port that failed at once, by the address they were dialled from; those that succeed are no affair of a group.

import type { DialEvent } from '../event.js';
import { foldMapped } from '../text/endpoint.js';
import { prolong } from './burst.js';
import { dropOldest } from './ring.js';
import { inScope, type State } from './state.js';

/** Processes that fail at once are few; a hostile one may have many names. */
const KEPT = 256;

export const onDial = (state: State, event: DialEvent): void => {
  const at = { ...event, laddr: foldMapped(event.laddr) };
  if (!event.isFailed || !inScope(state.scope, at)) return;
  const key = `${event.netns} ${at.laddr} ${event.lport} ${event.pid}`;
  const before = state.dials.get(key);
  state.dials.delete(key);
  state.dials.set(key, { spell: prolong(before?.spell ?? null, event.tsNs, 1), last: event });
  dropOldest(state.dials, KEPT);
};
