// The function rungs, each with every workload.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { causes } from '../workloads/causes.js';
import { counts } from '../workloads/counts.js';
import { devices } from '../workloads/devices.js';
import { edges } from '../workloads/edges.js';
import { findings } from '../workloads/findings.js';
import { losses } from '../workloads/losses.js';
import { refusals } from '../workloads/refusals.js';

/** Ports of their own for each rung: those of the first are in TIME_WAIT when the second begins. */
const bases = { fentry: 8000, kprobe: 9000 } as const;

export const cases: readonly Case[] = (['fentry', 'kprobe'] as const).map((rung) => {
  const base = bases[rung];
  return caseOf(rung, [
    counts(base),
    causes(base + 100),
    refusals(base + 200),
    losses(base + 300),
    edges(base + 400),
    devices(base + 440),
    findings(base + 450),
  ]);
});
