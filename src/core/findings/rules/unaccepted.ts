// accept() that fails for want of descriptors, memory or permission: the worker looks healthy, or just stuck, and serves nobody.

import type { Condition } from '../../state/finding.js';
import { type Failer, type Member, queueOf } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { errnoName } from '../../text/errno.js';
import { formatCount } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { doubtInCounts } from './doubt.js';
import { ghostRule } from './ghost.js';
import { overflowRule } from './overflow.js';
import { stuckRule } from './stuck.js';
import { actorName, nameOf } from './subject.js';

/** The last failure may have been counted a little late. */
const NOW_NS = 3e9;

/** accept() failed. */
export const unacceptedRule = {
  id: 'accept-failed',
  severity: 'problem',
  clearsNs: 10e9,
  supersedes: [ghostRule, stuckRule, overflowRule],
  conditions: (state: State): Condition[] => {
    const found: Condition[] = [];
    for (const member of state.members.values()) {
      const spell = member.counters.spells.failed;
      if (spell === null || member.closedNs !== null || state.nowNs - spell.lastNs > NOW_NS) continue;
      found.push(describe(state, member, spell));
    }
    return found;
  },
} as const satisfies Rule;

const describe = (
  state: State,
  member: Member,
  { fromNs, lastNs, times }: { fromNs: number; lastNs: number; times: number },
): Condition => {
  const failer = [...member.failers.values()].at(-1) ?? null;
  const errno = failer === null ? null : errnoName(failer.ret);
  const others =
    member.failers.size > 1 ? `, the last of them of ${failer === null ? '-' : actorName(failer)}` : '';
  const queue = queueOf(member) ?? 0;
  const waiting = queue === 0 ? '' : `, ${formatCount(queue)} connections wait`;
  return {
    group: member.group,
    ino: member.ino,
    detail: '',
    sinceNs: fromNs,
    lastNs,
    text: `${nameOf(member)}: accept() failed ${times === 1 ? 'once' : `${formatCount(times)} times`}${errno === null ? '' : ` with ${errno}${descriptorsOf(failer)}`}${others}${waiting}`,
    evidence: {
      failed: times,
      errno,
      pid: failer?.pid ?? null,
      openDescriptors: failer?.descriptors?.open ?? null,
      descriptorLimit: failer?.descriptors?.limit ?? null,
      queue: queueOf(member),
    },
    advice: adviceOn(failer),
    why: 'The kernel wants a free descriptor before it takes a connection from the queue; many servers then accept and close at once, and their clients get no answer.',
    doubt: doubtInCounts(state),
  };
};

/** ` (40 of 40 descriptors open)`. */
const descriptorsOf = (failer: Failer | null): string => {
  if (failer === null || failer.descriptors === null || failer.ret !== EMFILE) return '';
  const { open, limit } = failer.descriptors;
  return ` (${formatCount(open)} of ${limit === null ? 'any number of' : formatCount(limit)} descriptors open)`;
};

const [EMFILE, ENFILE, EPERM] = [-24, -23, -1];

const adviceOn = (failer: Failer | null): string => {
  switch (failer?.ret) {
    case EMFILE:
      return `Raise its limit (LimitNOFILE=, prlimit --pid ${failer.pid} --nofile=N), and see in /proc/${failer.pid}/fd what it keeps open.`;
    case ENFILE:
      return 'The whole host has no descriptor left: see /proc/sys/fs/file-nr, and raise fs.file-max.';
    case EPERM:
      return 'A security module or filter forbids accept(): see its sandbox and the audit log.';
    default:
      return 'The kernel has no memory for it: see the memory limit of its cgroup, and net.ipv4.tcp_mem.';
  }
};
