// The function rungs on UDP.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { udp } from '../workloads/udp.js';

/** Ports of their own for each rung. */
const bases = { fentry: 8500, kprobe: 9500 } as const;

export const cases: readonly Case[] = (['fentry', 'kprobe'] as const).map((rung) =>
  caseOf(rung, [udp(bases[rung])]),
);
