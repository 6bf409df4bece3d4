// Which UDP sockets hold a port, and what waits in them, read from /proc/PID/net/udp{,6}; which of them are worth a look, and what changed.

import type { Event, SocketEvent } from '../core/event.js';
import { dropOldest } from '../core/state/ring.js';
import { COUNTERS_KEPT } from '../core/state/state.js';
import { parseProcAddress } from '../core/text/endpoint.js';
import { createDescriptors, type Descriptors } from './descriptors.js';
import { linesOf } from './textlines.js';

/** The UDP sockets of every namespace that was scanned, as they were last read. */
export type Receivers = {
  /** Reads one namespace by way of a process in it; null when nothing can be read. */
  readonly scan: (pid: number, netns: number, tsNs: number) => SocketEvent[] | null;
  /** A scan of all namespaces is over: the sockets of those that it did not find have closed. */
  readonly scanned: (found: ReadonlySet<number>, tsNs: number) => Event[];
  /** Reads again where there are sockets: what is new, changed or gone. isStale: a namespace must be scanned anew. */
  readonly changes: (tsNs: number) => { readonly events: Event[]; readonly isStale: boolean };
  /** The kernel was seen to share a port by this socket: it is worth a look even when it stands alone, and it has to close one day. */
  readonly meet: (socket: Met) => void;
  /** The kernel said that it closed. */
  readonly part: (ino: number) => void;
};

/** A socket that an event told of. */
export type Met = Pick<SocketEvent, 'ino' | 'netns' | 'laddr' | 'lport' | 'tsNs'>;

/** One namespace: a process that is in it, and its sockets by inode. */
type Space = { readonly pid: number; readonly sockets: Map<number, SocketEvent> };

/**
 * Readings in a row that lack a socket of which nobody knows a descriptor, until it has closed: the kernel passes over open
 * sockets when others come and go between two pages of the file (udp_get_idx, net/ipv4/udp.c).
 */
const MISSES = 3;

/** `root` is usually /proc; `ports` are those that the user asked for, empty = all; `descriptors` know who has a socket open. */
export const createReceivers = (
  root: string,
  ports: readonly number[],
  descriptors: Descriptors = createDescriptors(root),
): Receivers => {
  const spaces = new Map<number, Space>();
  const met = new Set<number>();
  /** Told of by the kernel and not yet seen in a reading: it may have closed before. */
  const awaited = new Map<number, Met>();
  const misses = new Map<number, number>();
  let hasNews = false;
  const isWanted = (socket: SocketEvent): boolean => ports.includes(socket.lport) || met.has(socket.ino);
  /** Whether a socket that a reading lacks is there all the same. */
  const isThere = (ino: number): boolean => {
    const isOpen = descriptors.isOpen(ino);
    const missed = (misses.get(ino) ?? 0) + 1;
    if (isOpen ?? missed < MISSES) {
      misses.set(ino, isOpen === true ? 0 : missed);
      return true;
    }
    misses.delete(ino);
    descriptors.forget(ino);
    return false;
  };
  const read = (pid: number, netns: number, tsNs: number): SocketEvent[] | null => {
    const lists = ['udp', 'udp6'].map((file) => bound(`${root}/${pid}/net/${file}`, netns, tsNs));
    if (lists.every((list) => list === null)) return null;
    const known = spaces.get(netns)?.sockets;
    return sharing(
      lists.flatMap((list) => list ?? []),
      (socket) => isWanted(socket) || known?.has(socket.ino) === true,
    );
  };
  const scan: Receivers['scan'] = (pid, netns, tsNs) => {
    const sockets = read(pid, netns, tsNs);
    if (sockets === null) return null;
    const now = new Map(sockets.map((socket) => [socket.ino, socket]));
    for (const ino of now.keys()) {
      misses.delete(ino);
      awaited.delete(ino);
    }
    for (const [ino, socket] of spaces.get(netns)?.sockets ?? [])
      if (!now.has(ino) && isThere(ino)) now.set(ino, { ...socket, tsNs });
    spaces.set(netns, { pid, sockets: now });
    return [...now.values()];
  };
  /** Closes what was met in namespaces that were read since, and is not there. */
  const partings = (tsNs: number): Event[] =>
    [...awaited.values()].flatMap((socket) => {
      if (socket.tsNs >= tsNs || isThere(socket.ino)) return [];
      awaited.delete(socket.ino);
      return [closeOf({ ...socket, queue: 0 }, tsNs)];
    });
  return {
    scan,
    scanned: (found, tsNs) =>
      [...spaces].flatMap(([netns, { sockets }]) => {
        if (found.has(netns)) return [];
        spaces.delete(netns);
        return [...sockets.values()].map((socket) => closeOf(socket, tsNs));
      }),
    changes: (tsNs) => {
      let isStale = false;
      const isQuiet = !hasNews;
      hasNews = false;
      const events = [...spaces].flatMap(([netns, { pid, sockets }]) => {
        if (sockets.size === 0 && isQuiet) return [];
        const now = scan(pid, netns, tsNs);
        if (now === null) isStale = true;
        return now === null ? [] : difference(sockets, now, tsNs);
      });
      const parted = partings(tsNs);
      if (awaited.size > 0) hasNews = true;
      return { events: [...events, ...parted], isStale };
    },
    meet: (socket) => {
      const { ino, netns } = socket;
      if (met.size >= COUNTERS_KEPT) met.clear();
      hasNews ||= !met.has(ino);
      met.add(ino);
      if (spaces.get(netns)?.sockets.has(ino) !== true) awaited.set(ino, socket);
      dropOldest(awaited, COUNTERS_KEPT);
    },
    part: (ino) => {
      awaited.delete(ino);
      descriptors.forget(ino);
    },
  };
};

/** What is new or has changed, and what has gone. */
const difference = (
  before: ReadonlyMap<number, SocketEvent>,
  now: readonly SocketEvent[],
  tsNs: number,
): Event[] => {
  const inos = new Set(now.map(({ ino }) => ino));
  const changed = now.filter((socket) => {
    const old = before.get(socket.ino);
    return (
      old === undefined ||
      old.queue !== socket.queue ||
      old.drops !== socket.drops ||
      old.peer?.raddr !== socket.peer?.raddr ||
      old.peer?.rport !== socket.peer?.rport
    );
  });
  const gone = [...before.values()].filter(({ ino }) => !inos.has(ino));
  return [...changed, ...gone.map((socket) => closeOf(socket, tsNs))];
};

/** Who closed it is not known. */
const closeOf = (
  { ino, netns, laddr, lport, queue }: Pick<SocketEvent, 'ino' | 'netns' | 'laddr' | 'lport' | 'queue'>,
  tsNs: number,
): Event => ({
  kind: 'close',
  proto: 'udp',
  tsNs,
  ino,
  netns,
  laddr,
  lport,
  queue,
  pid: 0,
  comm: '',
});

/**
 * Sockets that share an address, and those on the ports of such that are connected: every resolver and every client has
 * sockets that stand alone. /proc does not tell SO_REUSEPORT.
 */
const sharing = (
  sockets: readonly SocketEvent[],
  isWanted: (socket: SocketEvent) => boolean,
): SocketEvent[] => {
  const counts = new Map<string, number>();
  for (const socket of sockets) {
    if (socket.peer !== undefined) continue;
    const at = `${socket.laddr} ${socket.lport}`;
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  const shared = new Set<number>();
  for (const { laddr, lport } of sockets) if ((counts.get(`${laddr} ${lport}`) ?? 0) > 1) shared.add(lport);
  return sockets.filter((socket) => {
    if (isWanted(socket)) return true;
    return socket.peer !== undefined
      ? shared.has(socket.lport)
      : (counts.get(`${socket.laddr} ${socket.lport}`) ?? 0) > 1;
  });
};

/** State column of /proc/net/udp: TCP_ESTABLISHED stands for connected there (include/net/tcp_states.h). */
const CONNECTED = '01';

/** The sockets of one /proc/PID/net/udp file (udp4_seq_show, net/ipv4/udp.c); null when it cannot be read. */
const bound = (path: string, netns: number, tsNs: number): SocketEvent[] | null => {
  const sockets: SocketEvent[] = [];
  try {
    for (const line of linesOf(path)) {
      const [slot, local = '', remote = '', state, queues, , , uid, , ino, ...rest] = line
        .trim()
        .split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      const laddr = parseProcAddress(address);
      // A socket without an inode is the kernel's own, such as a tunnel's.
      if (slot === 'sl' || laddr === null || ino === undefined || ino === '0') continue;
      sockets.push({
        kind: 'socket',
        tsNs,
        proto: 'udp',
        netns,
        laddr,
        lport: Number.parseInt(port, 16),
        ino: Number(ino),
        uid: Number(uid),
        // tx_queue:rx_queue; rx_queue is the bytes charged to the receive buffer (udp_rqueue_get, include/net/udp.h).
        queue: Number.parseInt(queues?.split(':')[1] ?? '0', 16),
        // ref, pointer, drops
        drops: Number(rest[2] ?? 0),
        ...(state === CONNECTED ? peerOf(remote) : {}),
      });
    }
  } catch {
    return null;
  }
  return sockets;
};

const peerOf = (remote: string): Pick<SocketEvent, 'peer'> => {
  const [address = '', port = ''] = remote.split(':');
  const raddr = parseProcAddress(address);
  return raddr === null ? {} : { peer: { raddr, rport: Number.parseInt(port, 16) } };
};
