// What tells members apart as people know them: container or unit, command line, thread; it draws nothing.

import type { ProcessEvent } from '../event.js';
import { type Member, ownerOf } from '../state/member.js';
import { clean } from '../text/format.js';
import { formatPlace } from '../text/place.js';

/** The process that serves a member; null = not known which, or nothing was read of it. */
export const processOf = (member: Member): ProcessEvent | null => {
  const owner = ownerOf(member);
  return member.holders.find(({ pid }) => pid === owner?.pid)?.process ?? null;
};

/** Container or unit, clean and short; of several holders of whom none has accepted, the one that all are in. null = not known. */
export const placeOf = (member: Member): string | null => {
  if (ownerOf(member) !== null) {
    const process = processOf(member);
    return process === null ? null : formatPlace(process);
  }
  return inCommon(member.holders, ({ process }) => (process === null ? null : formatPlace(process)));
};

/** Command line of the process that serves it, clean; null = not known, or no more than its comm. */
export const commandOf = (member: Member): string | null => {
  const command = processOf(member)?.command ?? null;
  return command === null || command === ownerOf(member)?.comm ? null : clean(command);
};

/** The thread that alone accepts on it, in words; null = several do, or none was seen. */
export const threadOf = ({ acceptor }: Member): string | null =>
  acceptor === null || acceptor.tid === null ? null : `thread ${acceptor.tid}`;

/** Whether any of them is served by a thread that is not its process's first one, so that threads tell more than pids. */
export const haveThreads = (members: readonly Member[]): boolean =>
  members.some(({ acceptor }) => acceptor !== null && (acceptor.tid ?? acceptor.pid) !== acceptor.pid);

/** The one name that all of them have; null when they differ or one has none. */
export const inCommon = <T>(all: readonly T[], nameOf: (each: T) => string | null): string | null => {
  const names = new Set(all.map(nameOf));
  const [only = null] = names;
  return names.size === 1 ? only : null;
};

/** Whether a name tells any two of them apart. */
export const areApart = <T>(all: readonly T[], nameOf: (each: T) => string | null): boolean =>
  new Set(all.map(nameOf)).size > 1;

/** What all of the members are called, to be said once, and what tells one from the others. */
export const namersOf = (
  members: readonly Member[],
): {
  readonly inCommon: readonly (string | null)[];
  readonly apart: readonly ((member: Member) => string | null)[];
} => {
  const namers = [placeOf, ...(haveThreads(members) ? [threadOf] : []), commandOf];
  return {
    inCommon: namers.map((nameOf) => inCommon(members, nameOf)),
    apart: namers.filter((nameOf) => areApart(members, nameOf)),
  };
};
