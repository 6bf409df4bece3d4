// What a person calls a member, a group or the holders of a socket in the sentence of a finding; all of it clean.

import type { Group } from '../../state/group.js';
import { type Actor, type Member, ownerOf } from '../../state/member.js';
import { formatEndpoint } from '../../text/endpoint.js';
import { clean, formatCount } from '../../text/format.js';

/** `tcp 0.0.0.0:8888 #3 pid 1204 nginx`. */
export const nameOf = (member: Member): string => `${addressOf(member)}${shortName(member)}`;

/** ` #3 pid 1204 nginx`: where the address is said already. */
export const shortName = (member: Member): string => {
  const owner = ownerOf(member);
  const who = owner === null ? `ino ${member.ino}` : actorName(owner);
  return `${member.index === null ? '' : ` #${member.index}`} ${who}`;
};

/** `tcp 0.0.0.0:8888`: what the sentence on a group or member begins with. */
export const addressOf = ({ proto, laddr, lport }: Pick<Group, 'proto' | 'laddr' | 'lport'>): string =>
  `${proto} ${formatEndpoint(laddr, lport)}`;

/** `pid 1204 nginx`. */
export const actorName = ({ pid, comm }: Actor): string => `pid ${pid} ${clean(comm)}`;

/** `pid 1204 nginx, pid 1205 nginx and 3 more`. */
export const namesOf = (actors: readonly Actor[]): string => {
  const named = actors.slice(0, 2).map(actorName);
  const more = actors.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(' and ');
};

/** `1 socket`, `3,000 sockets`. */
export const plural = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
