// SO_REUSEPORT that is set and not in use, or missing: one socket is there for one process or for many.
import type { Condition } from '../../state/finding.js';
import type { Group } from '../../state/group.js';
import { type Member, picksOf, takenOf, total } from '../../state/member.js';
import type { State } from '../../state/state.js';
import type { Rule } from '../rule.js';
import { doubtInLog } from './doubt.js';
import { addressOf, nameOf } from './subject.js';

/** Workers start one after the other, and one may be alone for a moment while all are replaced. */
const ALONE_NS = 5e9;

/** SO_REUSEPORT is set and not in use, or missing: one socket for all. */
export const sharingRule = {
  id: 'not-sharing',
  severity: 'warning',
  clearsNs: 5e9,
  supersedes: [],
  conditions: (state: State): Condition[] =>
    [...state.groups.values()].flatMap((group) => [
      ...(group.proto === 'udp' ? unshared(state, group) : []),
      ...alone(state, group),
    ]),
} as const satisfies Rule;

const alone = (state: State, group: Group): Condition[] => {
  const [member, ...others] = group.members.values();
  if (member === undefined || others.length > 0 || member.reuseport !== true) return [];
  // Where the kernel has more in the group than we know of, it is not alone.
  if (group.n !== null && group.n > 1) return [];
  // Many frameworks set it always: one process alone did not mean to share.
  if (member.holders.length < 2) return [];
  const sinceNs = Math.max(member.seenNs, group.changed?.tsNs ?? 0);
  return state.nowNs - sinceNs < ALONE_NS ? [] : [describe(state, group, member, sinceNs)];
};

const describe = (state: State, group: Group, member: Member, sinceNs: number): Condition => {
  const holders = member.holders.length;
  // Workers that a reload replaced have accepted, and hold it no more.
  const accepting = member.holders.filter(({ pid }) => member.acceptors.has(pid)).length;
  const server = serverOf(member);
  // A master that holds what its one worker accepts on is ordinary.
  const isOneQueue = accepting > 1;
  const what = isOneQueue
    ? `one socket on which ${accepting} processes accept`
    : `one socket that ${holders} processes hold`;
  return {
    severity: isOneQueue && server?.isMeant !== true ? 'warning' : 'note',
    group: group.key,
    ino: member.ino,
    detail: '',
    sinceNs,
    lastNs: state.nowNs,
    text: `${addressOf(group)} has ${what}: SO_REUSEPORT is set and not in use`,
    evidence: { sockets: 1, holders, accepting },
    advice:
      server?.advice ??
      'Let each worker call socket(), setsockopt(SO_REUSEPORT), bind() and listen() itself, after fork().',
    why: 'The kernel spreads connections over sockets, not over processes: one socket is one queue for all who accept on it.',
    doubt: doubtInLog(state),
  };
};

/** Servers whose option gives the one socket that all workers share SO_REUSEPORT, as seen (gunicorn 20.1, uWSGI 2.0, NSD 4.6, hypercorn 0.13). */
const ONE_SOCKET: readonly { readonly name: RegExp; readonly isMeant: boolean; readonly advice: string }[] = [
  {
    name: /\bgunicorn\b/,
    isMeant: false,
    advice:
      'gunicorn --reuse-port sets it on the one socket that its workers inherit: start several gunicorns with it, each with -w 1, or leave it out.',
  },
  {
    name: /\buwsgi\b/i,
    isMeant: false,
    advice:
      'uWSGI --reuse-port sets it on the one socket that its workers inherit: start several instances with it, each with -p 1, or leave it out.',
  },
  {
    name: /\bhypercorn\b/,
    isMeant: false,
    advice:
      'hypercorn sets it on the one socket that its workers inherit: start several, each with -w 1; nothing is wrong if one queue is enough.',
  },
  {
    name: /\bnsd\b/,
    isMeant: true,
    advice:
      'Nothing: reuseport of NSD gives each server a UDP socket of its own, and TCP one socket for all, by design.',
  },
];

const serverOf = ({ holders }: Member) =>
  ONE_SOCKET.find(({ name }) =>
    holders.some(({ comm, process }) => name.test(comm) || name.test(process?.command ?? '')),
  ) ?? null;

/**
 * UDP sockets without SO_REUSEPORT: SO_REUSEADDR lets them have the port, also beside a group, and the one bound last gets
 * everything. Where copies of multicast come they are meant to be many.
 */
const unshared = (state: State, group: Group): Condition[] => {
  const members = [...group.members.values()];
  const plain = members.filter(({ reuseport }) => reuseport === false);
  if (members.length < 2 || plain.length === 0) return [];
  if (members.some(({ counters }) => total(counters.copies) > 0)) return [];
  const sinceNs = Math.max(...members.map(({ seenNs }) => seenNs));
  const isMixed = plain.length < members.length && members.some(({ reuseport }) => reuseport === true);
  // Before the last one came others were served: what counts there is the last second.
  const served = members.filter((member) =>
    isMixed ? (member.perSecond ?? 0) > 0 : picksOf(member) > 0 || takenOf(member) > 0,
  );
  const [one] = served;
  if (served.length > 1 || (isMixed && (one === undefined || state.nowNs - sinceNs < ALONE_NS))) return [];
  const who = one === undefined ? 'the one bound last' : nameOf(one).replace(`${addressOf(group)} `, '');
  const what = isMixed
    ? `${plain.length} of ${members.length} sockets without SO_REUSEPORT, outside of the group of the others`
    : `${members.length} sockets without SO_REUSEPORT`;
  return [
    {
      group: group.key,
      ino: null,
      detail: 'reuseaddr',
      sinceNs,
      lastNs: state.nowNs,
      text: `${addressOf(group)} has ${what}: ${who} gets every datagram`,
      evidence: { sockets: members.length, without: plain.length, served: served.length },
      advice: isMixed
        ? 'Set SO_REUSEPORT before bind() on all of them, or end the one that was started beside the group.'
        : 'Set SO_REUSEPORT before bind() on all of them, in place of SO_REUSEADDR.',
      why: 'SO_REUSEADDR lets UDP sockets bind one port without a group: the lookup takes the newest of them.',
      doubt: null,
    },
  ];
};
