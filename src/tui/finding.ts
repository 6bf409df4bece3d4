// A finding's sentence on a screen: without what the header says already, names shorter where there is little room.

import type { Finding } from '../core/state/finding.js';
import { ownerOf } from '../core/state/member.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import type { Style } from './text.js';
import { cells } from './text.js';
import type { Context } from './view.js';

export const sentenceOf = ({ state, model, columns }: Context, finding: Finding): string => {
  const group = finding.group === null ? undefined : state.groups.get(finding.group);
  const member = finding.ino === null ? undefined : state.members.get(finding.ino);
  let text = cells(finding.text);
  if (group === undefined) return text;
  const address = `${group.proto} ${formatEndpoint(group.laddr, group.lport)} `;
  const owner = member === undefined ? null : ownerOf(member);
  if (columns < 60 && owner !== null && member?.index !== null) {
    text = text.replace(` pid ${owner.pid} ${cells(owner.comm)}:`, ':');
  }
  if (!text.startsWith(address)) return text;
  const rest = text.slice(address.length);
  if (model.group === finding.group) return rest;
  return columns < 100 ? `:${group.lport} ${rest}` : text;
};

/** The colour that repeats a finding's mark. */
export const styleOf = ({ severity }: Finding): Style =>
  severity === 'problem' ? { color: 'red' } : severity === 'warning' ? { color: 'yellow' } : {};
