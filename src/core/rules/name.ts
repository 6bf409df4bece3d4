// What a person calls a member or a group in the sentence of a finding.
import { formatEndpoint } from '../endpoint.js';
import { clean } from '../format.js';
import { type Member, ownerOf } from '../member.js';

/** `tcp 0.0.0.0:8888 #3 pid 1204 nginx`. */
export const nameOf = (member: Member): string => {
  const owner = ownerOf(member);
  const who = owner === null ? `ino ${member.ino}` : `pid ${owner.pid} ${clean(owner.comm)}`;
  const index = member.index === null ? '' : ` #${member.index}`;
  return `${member.proto} ${formatEndpoint(member.laddr, member.lport)}${index} ${who}`;
};
