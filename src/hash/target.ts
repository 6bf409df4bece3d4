// Which group a question is about: the one that the kernel asks for a connection to that address and port.
import type { Group } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { formatEndpoint, formatProto, isIPv6, withoutDevice } from '../core/text/endpoint.js';
import { netnsName } from '../core/words/netns.js';

export type Question = {
  /** The address that the client dials; null = that of the group. */
  readonly to: string | null;
  /** The client's address. */
  readonly from: string | null;
};

/** inet6_ehashfn (net/ipv6/inet6_hashtables.c) hashes the addresses with a second secret (tcp_ipv6_hash_secret) before the first. */
export const TWO_SEEDS = 'the hash of IPv6 has two seeds, which cannot be learned in reasonable time';

/** The group, or why there is not one, as the end of "cannot predict: ...". */
export const targetOf = (state: State, { to, from }: Question): Group | string => {
  const at = state.scope.ports.map((port) => `port ${port}`).join(', ') || 'any port';
  const all = [...state.groups.values()].filter(({ members }) => members.size > 0);
  if (all.length === 0) return `nothing listens on ${at}`;
  const six = all.filter(({ laddr }) => isIPv6(laddr));
  const four = all.filter(({ laddr }) => !isIPv6(laddr) || withoutDevice(laddr) === '::');
  if (from !== null && isIPv6(from))
    return six.length === 0 ? `${from} is IPv6, and ${namesOf(state, all)} is not` : TWO_SEEDS;
  if (four.length === 0)
    return from === null ? TWO_SEEDS : `${from} is IPv4, and ${namesOf(state, all)} is not`;
  const asked = to === null ? four : dialled(four, to);
  const [only, ...others] = asked;
  if (only === undefined) return `nothing listens on ${to} there, but ${namesOf(state, four)}`;
  return others.length === 0
    ? only
    : `several groups have ${at}: ${namesOf(state, asked)} (choose by --to, --netns, --tcp or --udp)`;
};

/** The groups that the kernel asks for that address: those bound to it, else those on every IPv4 address, else on every one. */
const dialled = (groups: readonly Group[], to: string): readonly Group[] => {
  for (const laddr of [to, '0.0.0.0', '::']) {
    const bound = groups.filter((group) => withoutDevice(group.laddr) === laddr);
    if (bound.length > 0) return bound;
  }
  return [];
};

/** Names of groups for a sentence, four at most. */
const namesOf = (state: State, groups: readonly Group[]): string => {
  const names = groups.slice(0, 4).map((group) => {
    const netns = netnsName(state, group.netns);
    const where = netns === 'host' ? '' : ` in netns ${netns}`;
    return `${formatProto(group.proto, group.laddr)} ${formatEndpoint(group.laddr, group.lport)}${where}`;
  });
  return names.join(', ') + (groups.length > 4 ? ` and ${groups.length - 4} more` : '');
};
