// The events that bring a fresh State to where a later part of a recording begins: who is there, and counters that count from there.

import type { CountEvent, Event, SocketEvent } from '../core/event.js';
import { ahead } from '../core/state/counters.js';
import { inOrder } from '../core/state/group.js';
import { CUMULATIVE, type Member, queueOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { withoutDevice } from '../core/text/endpoint.js';

/**
 * What a State must be told so that the events after it mean the same: a part of a recording is then read like a run whose
 * counters were set to zero when the part began. Picks, waits and findings of before are in the parts before. null = no
 * run has begun.
 *
 * Not all is known of every member, and in a container of its own it may never be: /proc does not show the rest of the host.
 * A queue that nobody has told of is 0 in the part, until the next count of it: so it is when a socket begins to listen, and
 * only after a restart of bpftrace, until /proc is read, it may be more. A user that is not known stays so.
 */
export const preamble = (state: State): Event[] | null => {
  const { meta, attachedNs, nowNs } = state;
  const members = [...state.groups.values()].flatMap(inOrder);
  const leaving = [...state.left.items].filter(({ closedNs }) => (closedNs ?? 0) >= (state.lastTickNs ?? 0));
  if (meta === null) return null;
  return [
    meta,
    ...state.clocks,
    ...(attachedNs === null ? [] : [{ kind: 'attached', tsNs: attachedNs } as const]),
    ...[...state.netnsNames].map(([netns, name]): Event => ({ kind: 'netns', tsNs: nowNs, netns, name })),
    ...state.parts.values(),
    ...state.sysctls.values(),
    ...[...state.lookups.values()].flat(),
    ...state.processes.values(),
    ...leaving.flatMap((member) => [...describe(state, member), closeOf(member)]),
    ...members.flatMap((member) => describe(state, member)),
    ...[...state.groups.values()].flatMap(({ open }) => open ?? []),
    ...countsOf(state),
    { kind: 'reset', tsNs: nowNs },
    ...unaccounted(state),
    ...endOf(state),
  ];
};

/** One member, in events that leave no trace in the logs. */
const describe = (state: State, member: Member): Event[] => {
  const { ino, netns, device, lport, proto, uid, reuseport, backlog, index, closedNs } = member;
  const group = state.groups.get(member.group);
  const at = { tsNs: member.seenNs, ino, netns, laddr: withoutDevice(member.laddr), lport };
  const queue = queueOf(member) ?? member.queueAtClose ?? 0;
  const owner = uid === null ? null : { uid, queue };
  const receiver = proto === 'udp' ? receiverOf(member) : {};
  // Only `join` can tell of a socket and not of its user, and only by it such a one is known.
  const events: Event[] =
    owner === null
      ? [{ kind: 'join', ...at, proto, index, n: group?.n ?? 0, reuseportId: 0, pid: 0, comm: '' }]
      : [{ kind: 'socket', ...at, proto, ...owner, ...receiver }];
  if (device !== null) events.unshift({ kind: 'device', tsNs: at.tsNs, ino, ifindex: device });
  // The time at which a scan of /proc saw it last decides whether it is still there at the end of that scan.
  if (member.scannedNs !== null && owner !== null)
    events.push({ kind: 'socket', ...at, tsNs: member.scannedNs, proto, ...owner, ...receiver });
  if (reuseport !== null && owner !== null && member.listener !== null) {
    const { pid, comm } = member.listener;
    if (proto === 'tcp') events.push({ kind: 'listen', ...at, uid: owner.uid, reuseport, pid, comm });
  }
  const n = closedNs === null ? (group?.n ?? null) : null;
  if (reuseport !== null && backlog !== null && owner !== null && n !== null)
    events.push({ kind: 'slot', proto, ...at, ...owner, reuseport, index, n, backlog });
  // Their names are said once for each process, above.
  const holders = member.holders.map(({ process: _, ...holder }) => holder);
  if (holders.length > 0) events.push({ kind: 'owners', tsNs: state.nowNs, ino, holders });
  if (group?.program?.ino !== undefined && group.members.keys().next().value === ino)
    events.push({ ...group.program, ino });
  return [...events, ...acceptsOf(member)];
};

/** What a socket event says of a UDP socket beside its queue. */
const receiverOf = ({ drops, peer }: Member): Partial<SocketEvent> => {
  const [, raddr, rport] = /^\[?(.*?)\]?:(\d+)$/.exec(peer ?? '') ?? [];
  return {
    ...(drops === null ? {} : { drops: drops.now }),
    ...(raddr === undefined ? {} : { peer: { raddr, rport: Number(rport) } }),
  };
};

/** Who has accepted on it, and at last who serves it: several threads of one process are told by two accepts. */
const acceptsOf = ({ ino, acceptor, acceptors, holders, lastAcceptNs }: Member): Event[] => {
  if (acceptor === null || lastAcceptNs === null) return [];
  const event = { kind: 'accept', tsNs: lastAcceptNs, ino, fd: null, pickNs: null, waitNs: null } as const;
  const others = [...acceptors].filter((pid) => pid !== acceptor.pid);
  const { pid, comm, tid } = acceptor;
  return [
    ...others.map((other): Event => {
      const holder = holders.find((each) => each.pid === other);
      return { ...event, pid: other, tid: other, comm: holder?.comm ?? '' };
    }),
    ...(tid === null ? [pid, 0] : [tid]).map((each): Event => ({ ...event, pid, comm, tid: each })),
  ];
};

/** The kernel's own totals, which the part's counts go on from. */
const countsOf = (state: State): CountEvent[] =>
  [...state.counters].flatMap(([ino, counters]) => {
    const counts = CUMULATIVE.map((counter) => ({ counter, total: counters[counter].kernel }));
    const bits = { counter: 'client_bits', total: counters.client_bits } as const;
    const known = [...counts, bits].filter(({ total }) => total > 0);
    const queue = counters.queue === null ? [] : [{ counter: 'queue', total: counters.queue } as const];
    return [...known, ...queue].map(
      ({ counter, total }): CountEvent => ({ kind: 'count', tsNs: state.nowNs, ino, counter, total }),
    );
  });

/** Picks whose count is still to come: the newest ones of each socket. */
const unaccounted = (state: State): Event[] => {
  const left = new Map([...state.counters].map(([ino, counters]) => [ino, ahead(counters)]));
  return state.picks.items
    .toReversed()
    .flatMap((logged): Event[] => {
      const count = logged.kind === 'pick' ? (left.get(logged.pick.ino) ?? 0) : 0;
      if (logged.kind !== 'pick' || count === 0) return [];
      left.set(logged.pick.ino, count - 1);
      return [logged.pick];
    })
    .reverse();
};

/** Its last counts are still to come. */
const closeOf = ({ ino, netns, laddr, lport, closedNs, queueAtClose, listener }: Member): Event => {
  const { pid, comm } = listener ?? { pid: 0, comm: '' };
  return {
    kind: 'close',
    tsNs: closedNs ?? 0,
    ino,
    netns,
    laddr: withoutDevice(laddr),
    lport,
    queue: queueAtClose ?? 0,
    pid,
    comm,
  };
};

const endOf = (state: State): Event[] => {
  if (state.status === 'ended' && state.ended !== null) return [state.ended];
  return state.status === 'attaching' ? [{ kind: 'attaching', tsNs: state.nowNs }] : [];
};
