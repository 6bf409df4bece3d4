// Which member is meant, and why it cannot be reached.

import { isFull, type Member, queueOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatCount } from '../core/text/format.js';
import type { Oracle } from '../hash/predict.js';

/** A member by its index in socks[] or by a process that holds it. */
export type Wanted = { readonly index: number } | { readonly pid: number };

/** Its index; or why there is none, as the end of "cannot reach: ...". */
export const indexOf = (state: State, { n, members }: Oracle, wanted: Wanted): number | string => {
  const index = 'index' in wanted ? wanted.index : heldBy(state, members, wanted.pid);
  if (typeof index === 'string') return index;
  const member = members[index];
  if (member === undefined)
    return `there is no member #${index}: the group has ${n === 1 ? 'one, #0' : `${formatCount(n)}, #0 to #${n - 1}`}`;
  return isFull(member)
    ? `the accept queue of #${index} is full (${formatCount(queueOf(member))} of ${formatCount(member.backlog)}): a connection would be dropped`
    : index;
};

const isHeldBy = (member: Member, pid: number): boolean =>
  member.acceptor?.pid === pid || member.holders.some((holder) => holder.pid === pid);

const heldBy = (state: State, members: readonly Member[], pid: number): number | string => {
  const held = members.flatMap((member, index) => (isHeldBy(member, pid) ? [index] : []));
  const [only, ...others] = held;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined)
    return `process ${pid} holds several members: ${held.map((index) => `#${index}`).join(', ')} (choose by --index)`;
  return state.left.items.some((member) => isHeldBy(member, pid))
    ? `process ${pid} listens there no more`
    : `process ${pid} holds no member of that group`;
};
