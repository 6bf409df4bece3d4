// Strangers in one group: members of different programs, or of one program in two versions, so that some clients get the wrong one.

import type { Condition } from '../../state/finding.js';
import { type Group, sharing } from '../../state/group.js';
import type { KnownHolder, Member } from '../../state/member.js';
import type { State } from '../../state/state.js';
import { clean, formatDuration } from '../../text/format.js';
import { formatPlace } from '../../text/place.js';
import type { Rule } from '../rule.js';
import { actorName, addressOf, plural } from './subject.js';

/** A restart in place takes less. */
const SETTLED_NS = 5e9;
/** Old workers that end with their last client take longer; ten minutes is no rolling restart any more. */
const ROLLING_NS = 600e9;

/** Members of one group are not of one program. */
export const strangersRule = {
  id: 'strangers',
  severity: 'warning',
  clearsNs: 5e9,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.groups.values()].flatMap((group) => {
      const members = sharing(group);
      if (members.length < 2) return [];
      const sinceNs = Math.max(...members.map(({ seenNs }) => seenNs));
      if (state.nowNs - sinceNs < SETTLED_NS) return [];
      return [
        ...(programs(state, group, members, sinceNs) ?? places(state, group, members, sinceNs) ?? []),
        ...drawn(state, group, members, sinceNs),
      ];
    }),
} as const satisfies Rule;

/** A program by which members can be told apart, and who of it serves one of them. */
type Program = { readonly name: string; readonly isOld: boolean; readonly holder: KnownHolder };

/** What an interpreter runs is its script. */
const INTERPRETER = /^(?:python|perl|ruby|node|nodejs|php|java|bash|sh|dash|deno|bun)[\d.]*$/;
const SCRIPT = /^[^-][^ ]*(?:\/|\.(?:py|pl|rb|js|mjs|cjs|ts|php|jar|sh)$)[^ ]*$/;

/** Of whoever accepts on it, else of all who hold it, where they are of one program; null = not known. */
const programOf = ({ acceptor, holders }: Member): Program | null => {
  const serving = holders.filter(({ pid }) => acceptor === null || pid === acceptor.pid);
  const programs = serving.map(nameOf);
  const [first] = programs;
  if (first === undefined || first === null) return null;
  return programs.every((each) => each?.name === first.name && each.isOld === first.isOld) ? first : null;
};

const nameOf = (holder: KnownHolder): Program | null => {
  const exe = holder.process?.exe ?? null;
  if (exe === null || exe === '') return null;
  const isOld = exe.endsWith(DELETED);
  const path = isOld ? exe.slice(0, -DELETED.length) : exe;
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (!INTERPRETER.test(file)) return { name: path, isOld, holder };
  const script = (holder.process?.command ?? '')
    .split(' ')
    .slice(1)
    .find((word) => SCRIPT.test(word));
  return { name: script === undefined ? path : `${path} ${script}`, isOld, holder };
};

const DELETED = ' (deleted)';

/** Different programs: `python3` with and without a script known may be one. */
const areStrangers = (a: Program, b: Program): boolean => {
  if (a.name === b.name) return false;
  const [one, other] = [a.name.split(' '), b.name.split(' ')];
  return one[0] !== other[0] || (one.length > 1 && other.length > 1);
};

const programs = (
  state: State,
  group: Group,
  members: readonly Member[],
  sinceNs: number,
): Condition[] | null => {
  const known = members.flatMap((member) => programOf(member) ?? []);
  const [first, ...others] = known;
  if (first === undefined) return null;
  const other = others.find((each) => areStrangers(first, each));
  const old = known.filter(({ isOld }) => isOld);
  const young = known.find(({ isOld }) => !isOld);
  if (other !== undefined) {
    const counts = [first, other].map((each) => known.filter((one) => one.name === each.name).length);
    const names = [first, other].map(
      (each, i) => `${fileOf(each)} (${actorName(each.holder)}, ${plural(counts[i] ?? 0, 'socket')})`,
    );
    return [
      condition(state, group, sinceNs, {
        detail: 'programs',
        text: `${addressOf(group)} is shared by different programs: ${names.join(' and ')}: each gets its part of what comes, whoever it was meant for`,
        evidence: {
          members: members.length,
          programs: new Set(known.map(({ name }) => name)).size,
          pid: first.holder.pid,
          otherPid: other.holder.pid,
        },
        advice: `End the one that is not meant to serve this port (ps -o pid,lstart,cmd -p ${first.holder.pid},${other.holder.pid}), or give it another.`,
      }),
    ];
  }
  if (old.length === 0 || young === undefined) return null;
  const [oldest] = old;
  const isRolling = state.nowNs - sinceNs < ROLLING_NS;
  return [
    condition(state, group, sinceNs, {
      ...(isRolling ? { severity: 'note' } : {}),
      detail: 'versions',
      text: `${addressOf(group)} is shared by two versions of ${fileOf(young)}: ${plural(old.length, 'socket')} of a program whose file was replaced (${oldest === undefined ? '-' : actorName(oldest.holder)}), for ${formatDuration(state.nowNs - sinceNs)}`,
      evidence: { members: members.length, old: old.length, pid: oldest?.holder.pid ?? null },
      advice: isRolling
        ? 'Nothing is wrong while a restart goes on; the old ones should end when their clients have gone.'
        : 'Restart or end the old processes: their clients still get the old version.',
    }),
  ];
};

/** One program in several containers or units that are no instances of one template: meant, or forgotten. */
const places = (
  state: State,
  group: Group,
  members: readonly Member[],
  sinceNs: number,
): Condition[] | null => {
  const names = new Set<string>();
  for (const member of members) {
    const process = programOf(member)?.holder.process ?? null;
    const place = process === null ? null : formatPlace(process);
    if (place === null) return null;
    names.add(place.replace(/@[^. ]*/, '@').replace(/[-_]?\d+$/, ''));
  }
  const [one, other] = names;
  if (one === undefined || other === undefined) return null;
  return [
    condition(state, group, sinceNs, {
      severity: 'note',
      detail: 'places',
      text: `${addressOf(group)} is shared by ${names.size} containers or units: ${clean(one)} and ${clean(other)}${names.size > 2 ? ' and more' : ''}`,
      evidence: { members: members.length, places: names.size },
      advice: 'Nothing is wrong if they are meant to share the port; else end the one that was forgotten.',
    }),
  ];
};

/** A UDP socket asked for any free port, and was given one that another process has. */
const drawn = (state: State, group: Group, members: readonly Member[], sinceNs: number): Condition[] => {
  const given = members.filter(({ isDrawn }) => isDrawn);
  const [first] = given;
  const holders = new Set(members.map(({ holders }) => holders[0]?.pid ?? 0));
  if (first === undefined || group.proto !== 'udp' || holders.size < 2) return [];
  const owner = first.holders[0];
  return [
    condition(state, group, sinceNs, {
      detail: 'drawn',
      text: `${addressOf(group)} was drawn by ${owner === undefined ? `ino ${first.ino}` : actorName(owner)} with bind() to port 0, and ${plural(members.length - 1, 'other socket')} of ${holders.size - 1 === 1 ? 'another process' : 'other processes'} ${members.length === 2 ? 'has' : 'have'} it, too: datagrams go to any of them`,
      evidence: {
        members: members.length,
        drawn: given.length,
        processes: holders.size,
        pid: owner?.pid ?? null,
      },
      advice:
        'Bind port 0 without SO_REUSEPORT: with it the kernel passes over no port that one of the same user shares.',
    }),
  ];
};

const fileOf = ({ name }: Program): string => clean(name.slice(0, 100));

const condition = (
  state: State,
  group: Group,
  sinceNs: number,
  words: Pick<Condition, 'detail' | 'text' | 'evidence' | 'advice'> & Pick<Partial<Condition>, 'severity'>,
): Condition => ({
  group: group.key,
  ino: null,
  sinceNs,
  lastNs: state.nowNs,
  why: 'Sockets with SO_REUSEPORT and one uid share a port whoever made them, and nobody is refused: even shares are no proof of health.',
  doubt: null,
  ...words,
});
