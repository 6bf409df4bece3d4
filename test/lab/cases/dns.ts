// A real DNS server under the fentry rung, on the guest whose image has it.
import type { Case } from '../case.js';
import { caseOf } from '../workload.js';
import { dns } from '../workloads/dns.js';

export const cases: readonly Case[] =
  process.env.LAB_GUEST === 'trixie' ? [caseOf('fentry', [dns(8560)])] : [];
