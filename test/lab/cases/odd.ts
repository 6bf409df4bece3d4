// The function rungs on what is no ordinary connection to an ordinary group.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { churn } from '../workloads/churn.js';
import { packets } from '../workloads/packets.js';

/** Ports of their own for each rung. */
const bases = { fentry: 8620, kprobe: 9620 } as const;

/** Asked for by name: a busy host makes the guest's bpftrace lose details under so many listeners. */
export const cases: readonly Case[] = (['fentry', 'kprobe'] as const).map((rung) => ({
  ...caseOf(rung, [packets(bases[rung]), churn(bases[rung] + 10)]),
  isLong: true,
}));
