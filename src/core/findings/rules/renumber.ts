// Renumbered groups: members joined or left while clients came, so that flows map to other members.

import { QUIET_NS, recent } from '../../state/burst.js';
import type { Condition } from '../../state/finding.js';
import type { Group } from '../../state/group.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { addressOf } from './subject.js';

/** n changed while clients came: their flows map to other members. */
export const renumberRule = {
  id: 'renumbered',
  severity: 'note',
  clearsNs: QUIET_NS,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.groups.values()].flatMap((group) => {
      const { renumbered, n } = group;
      const spell = recent(renumbered?.spell ?? null, state.nowNs);
      return renumbered === null || spell === null || n === null
        ? []
        : [describe(group, spell, { ...renumbered, to: n })];
    }),
} as const satisfies Rule;

/** Who of those before is still there. */
const stayed = (group: Group, before: ReadonlySet<number>): 'all' | 'some' | 'none' => {
  const left = [...before].filter((ino) => !group.members.has(ino)).length;
  return left === 0 ? 'all' : left === before.size ? 'none' : 'some';
};

const describe = (
  group: Group,
  { fromNs, lastNs, times }: { fromNs: number; lastNs: number; times: number },
  { from, to, before }: { from: number; to: number; before: ReadonlySet<number> },
): Condition => {
  // As long as nobody of before left, those who came stood behind them, and all places are as they were.
  const who = stayed(group, before);
  const moved = who === 'none' ? null : from !== to ? movedShare(from, to) : who === 'some' ? null : 0;
  const share =
    who === 'none'
      ? 'all members were replaced'
      : moved === null
        ? 'members changed places'
        : moved === 0
          ? `${group.proto === 'udp' ? 'flows' : 'clients'} go to the same members as before`
          : `about ${Math.round(100 * moved)}% of the ${group.proto === 'udp' ? 'flows change their member from one datagram to the next' : 'clients that come again go to another member'}`;
  return {
    group: group.key,
    ino: null,
    detail: '',
    sinceNs: fromNs,
    lastNs,
    text: `${addressOf(group)} n went ${from} -> ${to}${times === 1 ? '' : ` in ${times} changes`}: ${share}`,
    evidence: { from, to, changes: times, movedShare: moved === null ? null : Number(moved.toFixed(3)) },
    advice:
      group.proto === 'udp'
        ? 'Nothing is wrong where each datagram stands alone (DNS); QUIC and sessions break: choose with a BPF program that keeps its places.'
        : 'Nothing is wrong for single connections; for caches by client choose with a BPF program that keeps its places.',
    why: 'index = hash x n >> 32: another n gives other indexes, and the last socket moves into the place of one that leaves.',
    doubt: null,
  };
};

/**
 * The part of all hashes whose index is another one under another n, as long as the others keep their places: hash x a >> 32
 * is i on [i / a, (i + 1) / a), so what stays is where these overlap. From n to n + 1 it is one half, whatever n.
 */
export const movedShare = (a: number, b: number): number => {
  let stays = 0;
  for (let i = 0; i < Math.min(a, b); i++)
    stays += Math.max(0, Math.min((i + 1) / a, (i + 1) / b) - Math.max(i / a, i / b));
  return 1 - stays;
};
