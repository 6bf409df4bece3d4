// The function rungs, each with every workload.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { causes } from '../workloads/causes.js';
import { counts } from '../workloads/counts.js';
import { losses } from '../workloads/losses.js';
import { refusals } from '../workloads/refusals.js';

export const cases: readonly Case[] = (['fentry', 'kprobe'] as const).map((rung) =>
  caseOf(rung, [counts(), causes(), refusals(), losses()]),
);
