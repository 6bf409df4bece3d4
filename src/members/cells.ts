// The texts of cells that are more than a number, and why a cell is `-`.
import type { Proto } from '../core/event.js';
import { type Member, ownerOf, queueOf } from '../core/state/member.js';
import { clean, formatBytes } from '../core/text/format.js';
import type { Row } from './column.js';

/** Every digit, with commas; null is `-`. */
export const exact = (value: number | null): string =>
  value === null ? '-' : value.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** Who serves it: a comm; of several holders of whom none accepted, their comm and number; `-` unknown. */
export const nameText = (member: Member): string => {
  const owner = ownerOf(member);
  if (owner !== null) return clean(owner.comm);
  const [first] = member.holders;
  return first === undefined ? '-' : `${clean(first.comm)} x${member.holders.length}`;
};

/** A comm, or how many hold it. */
export const holdersText = ({ member }: Row): string => {
  const owner = ownerOf(member);
  if (owner !== null) return clean(owner.comm);
  return member.holders.length > 1 ? `${member.holders.length} holders` : '-';
};

export const whyNobody = ({ member: { holders } }: Row): string =>
  holders.length > 1
    ? `${holders.length} processes hold that socket, and none was seen to accept on it`
    : 'no process was found that holds that socket';

export const whyNoShare = ({ member }: Row): string =>
  member.closedNs === null
    ? 'nothing was picked'
    : 'it has left: its picks are no part of those that share now';

/** The descriptor in the process that serves the socket; `5+` where it has several. */
export const fdText = ({ member }: Row): string => {
  const fds = member.holders.find((holder) => holder.pid === ownerOf(member)?.pid)?.fds ?? [];
  const [first, ...others] = fds;
  if (first === undefined) return '-';
  return others.length === 0 ? String(first) : `${first}+`;
};

/** Connections, `96/511`, as Recv-Q and Send-Q of `ss`; of UDP bytes of the receive buffer, `12K/208K`. */
export const queuedText = (proto: Proto | undefined, queue: number | null, backlog: number | null): string =>
  queue === null && backlog === null ? '-' : halves(proto, queue, backlog);

/** The queue of a member. */
export const queueText = (member: Member): string =>
  member.peer === null ? queuedText(member.proto, queueOf(member), member.backlog) : 'connected';

/** The same, and what became of it. */
export const tableQueueText = ({ member }: Row): string => {
  if (member.closedNs !== null) return 'closed';
  return member.peer === null ? halves(member.proto, queueOf(member), member.backlog) : 'connected';
};

const halves = (proto: Proto | undefined, queue: number | null, backlog: number | null): string => {
  const written = proto === 'udp' ? formatBytes : (value: number | null) => String(value ?? '-');
  return `${written(queue)}/${written(backlog)}`;
};

export const queueExact = ({ member }: Row): string => {
  const written = member.proto === 'udp' ? formatBytes : exact;
  if (member.closedNs !== null)
    return member.queueAtClose === null ? '-' : `left with ${written(member.queueAtClose)}`;
  if (member.peer !== null) return `connected to ${clean(member.peer)}`;
  const queue = queueOf(member);
  return queue === null ? '-' : `${written(queue)}/${written(member.backlog)}`;
};

export const whyNoQueue = ({ member }: Row): string =>
  member.closedNs === null
    ? 'neither a pick nor /proc has told the length of its queue yet'
    : 'it has left, and how many were queued then was not seen';
