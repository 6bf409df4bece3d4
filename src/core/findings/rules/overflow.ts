// Members without room: an accept queue or a receive buffer is full, or on its way there.
import type { Condition } from '../../state/finding.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { fullQueues } from './queue.js';
import { fullBuffers } from './udp.js';

/** Connections or datagrams are dropped because the queue is full, or it is on its way there. */
export const overflowRule = {
  id: 'overflow',
  severity: 'problem',
  clearsNs: 10e9,
  supersedes: [],
  conditions: (state: State): Condition[] => [...fullQueues(state), ...fullBuffers(state)],
} as const satisfies Rule;
