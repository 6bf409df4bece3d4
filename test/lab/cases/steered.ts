// The function rungs on groups that programs steer, and on connections that one leads to a group.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { dialled } from '../workloads/dialled.js';
import { handshakes } from '../workloads/handshakes.js';
import { steered } from '../workloads/steered.js';

/** Ports of their own for each rung. */
const bases = { fentry: 8600, kprobe: 9600 } as const;

export const cases: readonly Case[] = (['fentry', 'kprobe'] as const).map((rung) =>
  caseOf(rung, [steered(bases[rung]), handshakes(bases[rung] + 20), dialled(bases[rung] + 30)]),
);
