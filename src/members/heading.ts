// What stands above the members of a group, in every output: its name, how many they are, what they were given and what they took.
import type { Proto } from '../core/event.js';
import { countsWakeUps } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatEndpoint, formatProto } from '../core/text/endpoint.js';
import { formatCount } from '../core/text/format.js';
import { netnsName } from '../core/words/netns.js';

/** The words of a group's protocol, and of the rung that saw it. */
export type Words = {
  readonly member: 'listener' | 'socket';
  readonly picks: 'picks' | 'wake-ups';
  readonly taken: 'accepted' | 'received';
};

export const wordsOf = ({ rung }: Pick<State, 'rung'>, at: { readonly proto: Proto }): Words => ({
  member: at.proto === 'udp' ? 'socket' : 'listener',
  picks: countsWakeUps(at, rung) ? 'wake-ups' : 'picks',
  taken: at.proto === 'udp' ? 'received' : 'accepted',
});

/** `4 listeners`, `1 socket`. */
export const membersText = ({ member }: Words, count: number): string =>
  `${count} ${member}${count === 1 ? '' : 's'}`;

/** `tcp4 127.0.0.1:80`, and its network namespace where that is not the host's. */
export const nameParts = (
  state: State,
  { proto, laddr, lport, netns }: { proto: Proto; laddr: string; lport: number; netns: number },
): string[] => {
  const name = netnsName(state, netns);
  return [
    `${formatProto(proto, laddr)} ${formatEndpoint(laddr, lport)}`,
    ...(name === 'host' ? [] : [`netns ${name}`]),
  ];
};

/** `tcp4 127.0.0.1:80  4 listeners  picks 1,759  accepted 1,728`; `note` goes behind the number of members. */
export const headingLine = (
  state: State,
  at: Parameters<typeof nameParts>[1],
  group: { readonly members: number; readonly note: string; readonly picks: number; readonly taken: number },
): string => {
  const words = wordsOf(state, at);
  return [
    ...nameParts(state, at),
    `${membersText(words, group.members)}${group.note}`,
    `${words.picks} ${formatCount(group.picks)}`,
    `${words.taken} ${formatCount(group.taken)}`,
  ].join('  ');
};
