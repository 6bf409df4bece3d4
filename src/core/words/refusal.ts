// Why a bind() or listen() was refused, by the kernel's verdict where the rung saw it, else as far as the sockets on that port tell.

import type { Culprit, Grounds, PortEvent } from '../event.js';
import { type Member, ownerOf } from '../state/member.js';
import { groundsOf, type LoggedCall, type State } from '../state/state.js';
import { foldMapped, formatEndpoint, isIPv6, isWildcard, withoutDevice } from '../text/endpoint.js';
import { clean } from '../text/format.js';
import { explainAddress, explainDenied, explainUnheard, type Refusal } from './grounds.js';

/**
 * Compares a refused socket with the live sockets on its port (the clauses of inet_bind_conflict,
 * net/ipv4/inet_connection_sock.c, that flags and uids decide). They are those of now, not of then; where the kernel's
 * verdict names the socket in the way, that one alone counts.
 */
export const explainRefusal = (state: State, event: LoggedCall): Refusal => {
  const grounds = groundsOf(state, event) ?? null;
  if (event.ret === DENIED || event.ret === NOT_PERMITTED) return explainDenied(event, grounds);
  if (event.ret === NO_SUCH_ADDRESS) return explainAddress(state, event, grounds);
  if (event.ret === OTHER_FAMILY)
    return {
      reasons: ['The family of the address is not that of the socket (AF_UNSPEC stands for 0.0.0.0 alone).'],
      fix: 'give bind() an address of the family that socket() was asked for',
    };
  if (event.ret !== IN_USE) return { reasons: ['The kernel refused it for another reason.'], fix: null };
  const { verdict } = event;
  return verdict !== null && verdict.culprit !== null
    ? explainVerdict(state, event, verdict, verdict.culprit)
    : explainInUse(state, event, grounds);
};

const OPTION = 'setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1) before bind()';

/** In the order of the clauses of inet_bind_conflict. */
const explainVerdict = (state: State, call: LoggedCall, verdict: PortEvent, culprit: Culprit): Refusal => {
  const inTheWay = `In the way: ${whoIs(state, culprit, groundsOf(state, call) ?? null)} on ${formatEndpoint(clean(culprit.laddr), verdict.lport)}.`;
  if (verdict.state === LISTEN && !(verdict.reuseport && culprit.reuseport)) {
    return {
      reasons: ['bind() let both in by SO_REUSEADDR; only one of such sockets can listen.', inTheWay],
      fix: `${OPTION}, in both`,
    };
  }
  if (!verdict.reuseport) {
    return { reasons: [withoutOption(state, call), inTheWay], fix: OPTION };
  }
  if (!culprit.reuseport) {
    return {
      reasons: [inTheWay, 'It has no SO_REUSEPORT: nobody can share the port with it.'],
      fix:
        culprit.state === TIME_WAIT
          ? `wait a minute, until it is gone; from then on ${OPTION}, in what served it too`
          : `${OPTION}, in that program too`,
    };
  }
  if (verdict.uid !== culprit.uid) {
    return {
      reasons: [
        inTheWay,
        `Sockets that share a port must have one effective uid: its is ${culprit.uid}, this one's ${verdict.uid}.`,
      ],
      fix: `run it as uid ${culprit.uid}`,
    };
  }
  if (verdict.hasGroup) {
    return {
      reasons: [
        inTheWay,
        'A BPF program was attached to this socket before bind(): it has a group of its own by then.',
      ],
      fix: 'attach the program after bind(), or to the first socket only',
    };
  }
  return { reasons: [inTheWay, 'Flags and uid agree: the reason is another.'], fix: null };
};

/** TCP_TIME_WAIT, TCP_LISTEN (include/net/tcp_states.h). */
const [TIME_WAIT, LISTEN] = [6, 10];
const STATES = new Map([
  [1, 'an old connection (ESTABLISHED)'],
  [7, 'a bound socket'],
  [LISTEN, 'a listener'],
]);

/** A connection in TIME_WAIT is no socket of anybody any more: it has neither inode nor uid. */
const whoIs = ({ members }: State, { ino, uid, state }: Culprit, grounds: Grounds | null): string => {
  if (state === TIME_WAIT) return 'an old connection (TIME_WAIT)';
  const row = ino === 0 ? undefined : grounds?.sockets?.find((each) => each.ino === ino);
  const member = members.get(ino);
  const holder = row?.holder ?? null;
  const owner =
    holder !== null
      ? `pid ${holder.pid} ${clean(holder.comm)}`
      : member === undefined
        ? `uid ${uid}`
        : nameOf(member);
  const to = row === undefined || row.rport === 0 ? '' : ` to ${formatEndpoint(clean(row.raddr), row.rport)}`;
  return `${STATES.get(state) ?? `a socket in state ${state}`}${to} of ${owner}`;
};

const explainInUse = (state: State, event: LoggedCall, grounds: Grounds | null): Refusal => {
  const reasons: string[] = [];
  if (!event.reuseport) reasons.push(withoutOption(state, event));
  const holders = holdersOf(state, event, grounds);
  if (holders.length === 0) return explainUnheard(event, grounds, reasons);
  reasons.push(describe(event, holders));
  const without = holders.find((member) => member.reuseport === false);
  if (without !== undefined) {
    reasons.push(`${nameOf(without)} holds it without SO_REUSEPORT: nobody can share it.`);
    return { reasons, fix: `${OPTION}, in that program too` };
  }
  const uids = new Set(holders.flatMap((member) => (member.uid === null ? [] : [member.uid])));
  if (uids.size > 0 && !uids.has(event.uid)) {
    reasons.push(
      `Sockets that share a port must have one effective uid: theirs is ${[...uids].join(', ')}, this one's ${event.uid}.`,
    );
    return {
      reasons,
      fix: `run it as uid ${[...uids].join(' or ')}${event.reuseport ? '' : `, and ${OPTION}`}`,
    };
  }
  if (event.reuseport) {
    reasons.push(
      'Flags and uid match those: a BPF program attached to the group, or an old connection without the option, may be why.',
    );
    return { reasons, fix: null };
  }
  return {
    reasons: [...reasons, 'Every socket on the port must set it, the first one included.'],
    fix: OPTION,
  };
};

/** At listen() the option is read again: it may have been cleared since bind(). */
const withoutOption = (state: State, event: LoggedCall): string => {
  if (event.kind === 'bind') return 'This socket did not set SO_REUSEPORT before bind().';
  const wasSet = state.binds.items.some(
    (each) => each.kind === 'bind' && each.ino === event.ino && each.ret === 0 && each.reuseport,
  );
  return wasSet
    ? 'This socket had SO_REUSEPORT at bind(), and has it no more at listen().'
    : 'This socket has no SO_REUSEPORT at listen().';
};

/** EPERM, EACCES, EAFNOSUPPORT, EADDRINUSE and EADDRNOTAVAIL, as bind() and listen() return them. */
const NOT_PERMITTED = -1;
const DENIED = -13;
const OTHER_FAMILY = -97;
const IN_USE = -98;
const NO_SUCH_ADDRESS = -99;

/** Live members that overlap with the address that was asked for. */
const holdersOf = (state: State, event: LoggedCall, grounds: Grounds | null): Member[] => {
  const wanted = foldMapped(event.laddr);
  const sixOnly = new Set(grounds?.sockets?.flatMap(({ isSixOnly, ino }) => (isSixOnly ? [ino] : [])));
  const proto = event.kind === 'bind' ? event.proto : 'tcp';
  return [...state.members.values()].filter((member) => {
    if (member.closedNs !== null || member.ino === event.ino) return false;
    if (member.proto !== proto || member.netns !== event.netns || member.lport !== event.lport) return false;
    // `::` takes IPv4 too unless IPV6_V6ONLY is set, which ss alone knows.
    const taken = withoutDevice(member.laddr);
    if (!isIPv6(wanted) && sixOnly.has(member.ino)) return false;
    if (taken === '::' || wanted === '::') return true;
    if (isIPv6(taken) !== isIPv6(wanted)) return false;
    return taken === wanted || isWildcard(taken) || isWildcard(wanted);
  });
};

const describe = (event: LoggedCall, holders: readonly Member[]): string => {
  const [first] = holders;
  const at = formatEndpoint(clean(first?.laddr ?? event.laddr), event.lport);
  const count = `${holders.length} socket${holders.length === 1 ? '' : 's'}`;
  const all = holders.every((member) => member.reuseport === true) ? ' with SO_REUSEPORT' : '';
  const names = [...new Set(holders.map(nameOf))];
  const more = names.length > 2 ? ` and ${names.length - 2} more` : '';
  return `On ${at} now: ${count}${all}: ${names.slice(0, 2).join(', ')}${more}.`;
};

const nameOf = (member: Member): string => {
  const actor = ownerOf(member) ?? member.holders[0] ?? member.listener;
  return actor === null || actor === undefined
    ? `socket ${member.ino}`
    : `pid ${actor.pid} ${clean(actor.comm)}`;
};
