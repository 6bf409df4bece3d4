// What chooses in a group in place of the hash, in words: its program, and which cause had which part of the shown picks.
import type { Cause, ProgramEvent } from '../event.js';
import type { Group } from '../state/group.js';
import type { State } from '../state/state.js';
import { clean, formatCount } from '../text/format.js';

/** bpf_prog_type (include/uapi/linux/bpf.h) of the programs that a group takes; a classic one is kept as 0. */
const PROGRAM_TYPES = new Map([
  [0, 'classic BPF'],
  [1, 'socket filter'],
  [21, 'sk_reuseport'],
]);

/** `sk_reuseport program id 81 "quic"`; a classic one has neither id nor name. */
export const programName = ({ type, id, name }: ProgramEvent): string =>
  [
    `${PROGRAM_TYPES.get(type) ?? `type ${type}`} program`,
    ...(id === 0 ? [] : [`id ${id}`]),
    ...(name === '' ? [] : [`"${clean(name)}"`]),
  ].join(' ');

const CAUSES: Readonly<Record<Cause, string>> = {
  bpf: 'the program',
  'bpf-fallback': 'the hash for want of a valid index',
  'bpf-refused': 'refused',
  'incoming-cpu': 'SO_INCOMING_CPU',
  'skipped-connected': 'the next after a connected one',
  hash: 'the hash',
};

/** How many of the picks in the log had which cause, by group; those whose cause is not known are left out. */
export const countCauses = (state: State): ReadonlyMap<string, ReadonlyMap<Cause, number>> => {
  const groups = new Map<string, Map<Cause, number>>();
  for (const entry of state.picks.items) {
    if (entry.kind !== 'pick' || entry.pick.cause === null) continue;
    const key = state.members.get(entry.pick.ino)?.group;
    if (key === undefined) continue;
    const causes = groups.get(key) ?? new Map<Cause, number>();
    groups.set(key, causes.set(entry.pick.cause, (causes.get(entry.pick.cause) ?? 0) + 1));
  }
  return groups;
};

/**
 * `chosen by sk_reuseport program id 81 "quic"; of 31 shown picks: the program 29, the hash for want of a valid index 2`;
 * null where the hash alone chooses, and where nothing is known.
 */
export const steeringText = (
  group: Group | undefined,
  causes: ReadonlyMap<Cause, number> | undefined,
): string | null => {
  const program = group?.program ?? null;
  const known = Object.entries(CAUSES).flatMap(([cause, words]) => {
    const count = causes?.get(cause as Cause) ?? 0;
    return count === 0 ? [] : [{ count, words }];
  });
  const all = known.reduce((sum, { count }) => sum + count, 0);
  const isHashAlone = causes === undefined || causes.get('hash') === all;
  if (program === null && isHashAlone) return null;
  const parts = known.map(({ count, words }) => `${words} ${formatCount(count)}`).join(', ');
  return [
    ...(program === null ? [] : [`chosen by ${programName(program)}`]),
    ...(all === 0 ? [] : [`of ${formatCount(all)} shown picks: ${parts}`]),
  ].join('; ');
};
