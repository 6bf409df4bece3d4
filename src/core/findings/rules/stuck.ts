// Members that nobody serves: what waits in an accept queue or a receive buffer is not taken.
import type { Condition } from '../../state/finding.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { overflowRule } from './overflow.js';
import { stuckQueues } from './queue.js';
import { stuckBuffers } from './udp.js';

/** Connections or datagrams wait and nobody takes them. */
export const stuckRule = {
  id: 'stuck',
  severity: 'problem',
  clearsNs: 5e9,
  supersedes: [overflowRule],
  conditions: (state: State): Condition[] => [...stuckQueues(state), ...stuckBuffers(state)],
} as const satisfies Rule;
