// Ports that several groups share: which of them gets what, since the kernel spreads within one group only.

import type { Condition } from '../../state/finding.js';
import { type Group, isApart, livePicks } from '../../state/group.js';
import type { State } from '../../state/state.js';
import { deviceOf, formatEndpoint, isIPv6, isWildcard, withoutDevice } from '../../text/endpoint.js';
import { clean, formatCount } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { addressOf, plural } from './subject.js';

/** Members of a new group join one after the other. */
const SETTLED_NS = 3e9;

/** The port has several groups. */
export const splitRule = {
  id: 'split',
  severity: 'warning',
  clearsNs: 5e9,
  supersedes: [],
  conditions: (state: State): Condition[] => {
    const ports = new Map<string, Group[]>();
    for (const group of state.groups.values()) {
      if (group.members.size === 0) continue;
      const port = `${group.proto} ${group.lport}`;
      const others = ports.get(port);
      if (others === undefined) ports.set(port, [group]);
      else others.push(group);
    }
    const shared = [...ports.values()].filter((groups) => groups.some(isSharing));
    return [
      ...shared.flatMap((groups) => [...inOneNetns(state, groups), ...overNetns(state, groups)]),
      ...beforeAll(state, shared.flat().filter(isSharing)),
    ];
  },
} as const satisfies Rule;

/** Ports where nobody sets SO_REUSEPORT are none of our business. */
const isSharing = (group: Group): boolean =>
  [...group.members.values()].some((member) => member.reuseport === true);

const inOneNetns = (state: State, groups: readonly Group[]): Condition[] =>
  [...new Set(groups.map((group) => group.netns))].flatMap((netns) => {
    const here = groups.filter((group) => group.netns === netns);
    return here.flatMap((group) => [
      ...besides(
        state,
        group,
        here.filter((other) => other !== group && canMeet(group, other)),
      ),
      ...within(state, group),
      ...onDevices(state, group, here),
    ]);
  });

/** Whether one packet may be for both: not when they are bound to two interfaces. */
const canMeet = (a: Group, b: Group): boolean => {
  const [one, other] = [deviceOf(a.laddr), deviceOf(b.laddr)];
  return one === null || other === null || one === other;
};

/** A group of every interface beside those of its own address that are bound to one: they go before it there. */
const onDevices = (state: State, group: Group, here: readonly Group[]): Condition[] => {
  if (deviceOf(group.laddr) !== null) return [];
  const bound = here.filter((other) => other !== group && withoutDevice(other.laddr) === group.laddr);
  if (bound.length === 0) return [];
  const names = bound.slice(0, 2).map((other) => formatEndpoint(other.laddr, other.lport));
  const more = bound.length > names.length ? ` and ${bound.length - names.length} more` : '';
  const orders = new Set(bound.map((other) => firstOf(group, other)));
  const [order] = orders;
  const sentence =
    orders.size > 1 || order === null || order === undefined
      ? 'whose socket the kernel meets first gets what comes by it, and which that is was not seen'
      : order === group
        ? 'what comes by it goes to this one all the same'
        : 'what comes by it is theirs';
  return condition(state, group, [group, ...bound], {
    severity: order === group ? 'warning' : 'note',
    detail: 'device',
    text: `${addressOf(group)} shares its port with sockets that are bound to an interface (${names.join(', ')}${more}): ${sentence}`,
    advice:
      order === group
        ? 'Let those that are bound to the interface listen last (of IPv6: first), or bind the others to interfaces, too.'
        : 'Nothing is wrong if that is meant; ip link names the interface by the number behind the %.',
    why:
      group.proto === 'udp'
        ? 'The lookup prefers a socket that is bound to the interface (SO_BINDTODEVICE) to one that is bound to none.'
        : 'The lookup takes the group of the first socket with SO_REUSEPORT that fits (inet_lhash2_lookup): of IPv4 the one that listened last, of IPv6 first.',
  });
};

/**
 * Which of two groups, of which one is bound to an interface, gets what comes by it; null = not known. Without SO_REUSEPORT, and of UDP,
 * scores are compared, and the interface counts. Else the first in the chain wins: of IPv4 the one that listened last, of
 * IPv6 the one that listened first (inet_hash, net/ipv4/inet_hashtables.c).
 */
const firstOf = (plain: Group, bound: Group): Group | null => {
  if (plain.proto === 'udp' || !isSharing(plain)) return bound;
  const [a, b] = [plain, bound].map(({ members }) => {
    const all = [...members.values()];
    const seen = all.flatMap(({ listener, seenNs }) => (listener === null ? [] : [seenNs]));
    return { seen, isOld: seen.length < all.length };
  });
  if (a === undefined || b === undefined) return null;
  if (isIPv6(plain.laddr)) {
    if (a.isOld || b.isOld) return a.isOld && b.isOld ? null : a.isOld ? plain : bound;
    return Math.min(...a.seen) < Math.min(...b.seen) ? plain : bound;
  }
  // Those that were there before the tool listened before all others.
  if (a.seen.length === 0 && b.seen.length === 0) return null;
  return Math.max(0, ...a.seen) > Math.max(0, ...b.seen) ? plain : bound;
};

/** A wildcard group beside others: told of the wildcard, for it is the one that gets less than one would think. */
const besides = (state: State, group: Group, others: readonly Group[]): Condition[] => {
  if (!isWildcard(group.laddr)) return [];
  const isSix = isIPv6(group.laddr);
  // `::` without IPV6_V6ONLY takes IPv4 too, so that an IPv4 address hides that part of it.
  const specific = others.filter((other) => !isWildcard(other.laddr) && isIPv6(other.laddr) === isSix);
  const four = isSix ? others.filter((other) => !isIPv6(other.laddr)) : [];
  const hidden = four.filter((other) => isWildcard(other.laddr));
  const beside = [specific, hidden, four].find((groups) => groups.length > 0) ?? [];
  if (beside.length === 0) return [];
  const names = beside.map((other) => formatEndpoint(other.laddr, other.lport));
  const listed =
    names.length > 2 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(' and ');
  const sentence =
    beside === hidden
      ? `${listed} is a group of its own and gets all IPv4, this one IPv6 only`
      : names.length === 1
        ? `${listed} is a group of its own and gets all that comes to that address`
        : `${listed} are groups of their own and get all that comes to those addresses`;
  return condition(state, group, [group, ...beside], {
    severity: specific.some((other) => deviceOf(other.laddr) === deviceOf(group.laddr)) ? 'warning' : 'note',
    detail: 'address',
    text: `${addressOf(group)} shares its port: ${sentence}`,
    advice:
      specific.length > 0
        ? 'Bind all workers to the same address if they are meant to share; the groups do not help each other.'
        : 'Nothing is wrong if both are meant; to share IPv4 and IPv6, bind all workers to [::] alone, without IPV6_V6ONLY.',
    why: 'The lookup takes the first group that fits, the exact address before the wildcard, and picks within it; 0.0.0.0 comes before [::].',
  });
};

/** One address with several groups: the kernel says that fewer are in the group than listen. */
const within = (state: State, group: Group): Condition[] => {
  const listening = [...group.members.values()].filter(
    (member) => member.reuseport === true && !isApart(group, member),
  ).length;
  if (group.n === null || group.n === 0 || group.n >= listening) return [];
  // What /proc and the kernel say of sockets that come and go is not of one moment.
  if (state.nowNs - newestNs(group) < SETTLED_NS) return [];
  const isUdp = group.proto === 'udp';
  return condition(state, group, [group], {
    detail: 'members',
    text: `${addressOf(group)} has ${plural(listening, isUdp ? 'socket' : 'listener')}, but the group last picked from has n = ${group.n}: they are several groups`,
    advice: `Compare their IPV6_V6ONLY, and whether some are bound to [::ffff:...]: ss -${isUdp ? 'u' : 't'}lnpe shows both.`,
    why: 'Only sockets of one address, device, uid and IPV6_V6ONLY share a group (inet_reuseport_add_sock).',
  });
};

const overNetns = (state: State, groups: readonly Group[]): Condition[] => {
  const spaces = new Set(groups.map((group) => group.netns)).size;
  const first = groups.find((group) => group.netns === state.meta?.hostNetns) ?? groups[0];
  if (spaces < 2 || first === undefined) return [];
  return condition(state, first, groups, {
    severity: 'note',
    detail: 'netns',
    text: `${first.proto} port ${first.lport} has groups in ${spaces} network namespaces: each gets what comes to its own`,
    advice: 'Nothing is wrong if these are containers of their own; --netns NAME shows one of them.',
    why: 'A group lives in one network namespace: sockets in another one never share its connections.',
  });
};

/** A namespace whose sk_lookup programs run before any of its groups is asked: told of the first group there. */
const beforeAll = (state: State, sharing: readonly Group[]): Condition[] =>
  [...state.lookups].flatMap(([netns, programs]) => {
    const groups = sharing.filter((group) => group.netns === netns);
    const [group] = groups;
    if (group === undefined) return [];
    const names = programs.map(({ id, name }) => `${name === '' ? '' : `"${clean(name)}" `}id ${id}`);
    const [noun, verb] = names.length === 1 ? ['program', 'chooses'] : ['programs', 'choose'];
    return condition(state, group, groups, {
      severity: 'note',
      detail: 'lookup',
      text: `${addressOf(group)}: sk_lookup ${noun} ${names.join(', ')} of this network namespace ${verb} before any group is asked`,
      advice: `See what it sends where: bpftool prog dump xlated id ${programs[0]?.id ?? 'N'}, and bpftool link for who attached it.`,
      why: 'A program of type SK_LOOKUP may give a packet to any socket, of another address, port or group, or to none.',
    });
  });

const condition = (
  state: State,
  group: Group,
  groups: readonly Group[],
  words: Pick<Condition, 'severity' | 'detail' | 'text' | 'advice' | 'why'>,
): Condition[] => {
  const sinceNs = Math.max(...groups.map(beganNs));
  if (state.nowNs - sinceNs < SETTLED_NS) return [];
  const picks = groups
    .slice(0, 8)
    .map((each) => `${formatEndpoint(each.laddr, each.lport)} ${formatCount(livePicks(each))}`);
  const about = { rule: 'split', group: group.key, ino: null, sinceNs, lastNs: state.nowNs } as const;
  return [{ ...about, ...words, evidence: { groups: groups.length, picks: picks.join(', ') }, doubt: null }];
};

/** When the last of its sockets came, or was connected, or n changed. */
const newestNs = ({ members, connected, changed }: Group): number => {
  let newest = changed?.tsNs ?? 0;
  for (const sockets of [members, connected])
    for (const { seenNs, connectedNs } of sockets.values())
      newest = Math.max(newest, seenNs, connectedNs ?? 0);
  return newest;
};

/** When its first member was seen. */
const beganNs = (group: Group): number => {
  let began = Number.POSITIVE_INFINITY;
  for (const { seenNs } of group.members.values()) began = Math.min(began, seenNs);
  return began;
};
