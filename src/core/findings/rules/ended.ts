// The end of bpftrace: from then on nothing is seen.
import type { Condition } from '../../state/finding.js';
import type { State } from '../../state/state.js';
import { clean } from '../../text/format.js';
import type { Rule } from '../rule.js';

/** bpftrace died: the numbers are frozen. */
export const endedRule = {
  id: 'ended',
  severity: 'problem',
  clearsNs: 0,
  supersedes: [],
  conditions: ({ status, ended, nowNs }: State): Condition[] => {
    if (status !== 'ended' || ended === null || ended.why === '') return [];
    return [
      {
        group: null,
        ino: null,
        detail: '',
        sinceNs: ended.tsNs,
        lastNs: nowNs,
        text: `${clean(ended.why.split('\n')[0] ?? '')}: the numbers are frozen`,
        evidence: { exitCode: ended.exitCode },
        advice: 'R on the screen restarts bpftrace; elsewhere start the tool again.',
        why: 'Nothing is seen of the kernel without bpftrace.',
        doubt: null,
      },
    ];
  },
} as const satisfies Rule;
