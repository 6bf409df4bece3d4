// Which member of a group a connection gets, where the hash decides; or in one sentence why that cannot be said.
import { scale } from '../core/cause.js';
import { seesFunctions } from '../core/rung.js';
import { type Group, inOrder } from '../core/state/group.js';
import type { Member } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { foldMapped, isIPv6, isWildcard } from '../core/text/endpoint.js';
import { formatCount } from '../core/text/format.js';
import { programName } from '../core/words/steering.js';
import { type Evident, evidenceOf } from './evidence.js';
import type { Tuple } from './jhash.js';
import type { Learner } from './learner.js';
import { TWO_SEEDS } from './target.js';
import { isOver, whyUnknown } from './unknown.js';

/** A group whose members can be told for any connection. */
export type Oracle = {
  readonly n: number;
  /** In the order of socks[]. */
  readonly members: readonly Member[];
  /** The index of a connection, with n members or another number of them; null = not known: only what one member gets is. */
  readonly indexOf: (tuple: Tuple, n?: number) => number | null;
};

/** The oracle; or that it may come with more picks or more time, or that it will not, each as the end of "cannot predict: ...". */
export type Judgement =
  | { readonly kind: 'ready'; readonly oracle: Oracle }
  | { readonly kind: 'pending' | 'never'; readonly why: string };

const never = (why: string): Judgement => ({ kind: 'never', why });
const pending = (why: string): Judgement => ({ kind: 'pending', why });

/** Picks of the group that are held against the hash: many enough to see what steers now and then. */
const CHECKED = 256;
/** What its own picks must say before the hash is believed to decide in a group: by chance they agree once in 1,000. */
const AGREED_BITS = 10;
/** A pick whose cause was told to be the hash leaves no doubt, and one more confirms it. */
const TOLD_BITS = AGREED_BITS / 2;

/** Begins to learn what is missing. */
export const judge = (state: State, group: Group, learner: Learner): Judgement => {
  const members = inOrder(group);
  const { n } = group;
  const steered = steeredBy(state, group);
  if (steered !== null) return never(steered);
  if (isIPv6(group.laddr) && !isWildcard(group.laddr)) return never(TWO_SEEDS);
  if (group.proto === 'udp' && !seesFunctions(state.rung))
    return never('of UDP the tracepoint rung sees neither datagrams nor their clients');
  if (members.some(({ peer }) => peer !== null))
    return never('a member is connected to one client, and the kernel passes over it');
  if (n === 0 || members.some(({ reuseport }) => reuseport === false))
    return never('a listener there is in no SO_REUSEPORT group, so nothing is chosen');
  if (n === null)
    return pending('no pick of it was seen yet, and only a pick tells the order of its members');
  const learned = learner.learn(state, group);
  if (n === 1 && learned.kind !== 'known') return inOrderKnown(members, n, null);
  if (learned.kind === 'known')
    return heldAgainstPicks(state, group, learner) ?? inOrderKnown(members, n, learned.hashOf);
  const why = whyUnknown(learned);
  return isOver(learned) ? never(why) : pending(why);
};

/** What is asked before the hash, as far as it is seen; null = nothing. */
const steeredBy = (state: State, group: Group): string | null => {
  if (group.program !== null) return `not the hash decides, but the group's ${programName(group.program)}`;
  return (state.lookups.get(group.netns)?.length ?? 0) > 0
    ? 'an sk_lookup program of its network namespace is asked before the hash'
    : null;
};

/** Why the group's own picks do not bear the hash out; null = they do. */
const heldAgainstPicks = (state: State, group: Group, learner: Learner): Judgement | null => {
  const own = evidenceOf(state, group.proto, group.netns)
    .evident.filter((each) => each.group === group.key)
    .slice(0, CHECKED);
  const others = own.filter((each) => !agrees(each, learner)).length;
  if (others > 0)
    return never(
      `of its last ${formatCount(own.length)} picks ${formatCount(others)} went elsewhere than the hash says: SO_INCOMING_CPU or a program decides at times`,
    );
  let bits = 0;
  for (const { pick } of own) bits += pick.cause === 'hash' ? TOLD_BITS : Math.log2(Math.max(1, pick.n));
  if (bits >= AGREED_BITS || group.n === 1) return null;
  const perPick = Math.log2(Math.max(2, group.n ?? 2));
  const picks = Math.ceil((AGREED_BITS - bits) / perPick);
  return pending(
    `${formatCount(picks)} more pick${picks === 1 ? ' is' : 's are'} needed to see that the hash decides in this group`,
  );
};

/** The index is that of the hash; where the kernel's reason was told, it is the hash. */
const agrees = ({ pick }: Evident, learner: Learner): boolean => {
  const hash = learner.hashOf(pick);
  return (
    hash !== null && pick.index === scale(hash, pick.n) && (pick.cause === null || pick.cause === 'hash')
  );
};

const inOrderKnown = (
  members: readonly Member[],
  n: number,
  hashOf: ((tuple: Tuple) => number) | null,
): Judgement =>
  members.length === n && members.every(({ index }, at) => index === at)
    ? {
        kind: 'ready',
        oracle: {
          n,
          members,
          indexOf: (tuple, other = n) => (other === 1 ? 0 : hashOf && scale(hashOf(tuple), other)),
        },
      }
    : pending('the index of a member is not known yet: the next picks tell');

/**
 * The address that a client dials: the group's own, or of a group on every address the one that its picks were for, the
 * newest from that client first; null = several, or none was seen.
 */
export const dialledOf = (state: State, group: Group, raddr: string | null): string | null => {
  if (!isWildcard(group.laddr)) return group.laddr.split('%')[0] ?? null;
  const dialled = new Set<string>();
  for (const entry of state.picks.items.toReversed()) {
    if (entry.kind !== 'pick' || state.members.get(entry.pick.ino)?.group !== group.key) continue;
    const laddr = foldMapped(entry.pick.laddr);
    if (isIPv6(laddr)) continue;
    if (foldMapped(entry.pick.raddr) === raddr) return laddr;
    dialled.add(laddr);
  }
  const [only = null, ...others] = dialled;
  return others.length === 0 ? only : null;
};
