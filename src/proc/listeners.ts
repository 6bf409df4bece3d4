// Reads from /proc which sockets listen or are bound, in every network namespace, and who holds them; it starts nothing and changes nothing.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Event, Holder, NetnsEvent, ProcessEvent, SocketEvent } from '../core/event.js';
import { parseProcAddress } from '../core/text/endpoint.js';
import { inodeIn, targetOf } from './descriptors.js';
import type { Describe } from './process.js';
import { linesOf } from './textlines.js';
import type { Receivers } from './udp.js';

/** Where to read; tests give a folder of their own. */
export type ProcOptions = {
  /** Usually `/proc`. */
  readonly root: string;
  /** Where `ip netns` keeps its names, usually `/run/netns`. */
  readonly names: string;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly nowNs: () => number;
};

/** Of which sockets the holders are described by name, which costs some reads for each. */
export type Naming = {
  readonly isAsked: (socket: Pick<SocketEvent, 'lport'>) => boolean;
  readonly describe: Describe;
};

/** This host's own. */
export const HOST_PROC = { root: '/proc', names: '/run/netns' } as const;

/** Longest stretch of reading before the event loop has its turn, so that bpftrace's pipe is never held. */
const SLICE_MS = 5;

/** Processes that are described at once: each has a file or two open meanwhile. */
const AT_ONCE = 16;

/**
 * One scan of /proc: names of network namespaces, listening (and with `receivers` UDP) sockets, what is new of processes that hold them, the holders
 * of each, and that it is complete. Processes that vanish or may not be read are passed over. Sockets accepted into this
 * moment appear in neither list.
 */
export const scanProc = async (
  options: ProcOptions,
  naming: Naming | null = null,
  receivers: Receivers | null = null,
): Promise<Event[]> => {
  const tsNs = options.nowNs();
  const pause = createPause();
  const events: Event[] = namesOf(options, tsNs);
  const sockets = new Map<number, SocketEvent>();
  const seen = new Set<number>();
  const holders = new Map<number, Holder[]>();
  const asked: Parameters<Describe>[0][] = [];
  const processes: ProcessEvent[] = [];
  const pids = numericEntries(options.root);
  for (const pid of pids) {
    await pause();
    const netns = namespaceOf(options.root, pid);
    if (netns === null || seen.has(netns)) continue;
    const found = [
      ...['tcp', 'tcp6'].map((file) => listening(`${options.root}/${pid}/net/${file}`, netns, tsNs)),
      receivers?.scan(pid, netns, tsNs) ?? null,
    ];
    // Nothing readable: the process has just gone; the next one of this namespace is asked.
    if (found.every((list) => list === null)) continue;
    seen.add(netns);
    for (const socket of found.flatMap((list) => list ?? [])) sockets.set(socket.ino, socket);
  }
  const named = new Set([...sockets.values()].filter((at) => naming?.isAsked(at)).map(({ ino }) => ino));
  for (const pid of pids) {
    await pause();
    const { held, hasRing } = await socketsOf(options.root, pid, sockets, pause);
    if (held.size === 0) continue;
    const comm = commOf(options.root, pid);
    for (const [ino, fds] of held) {
      const holder: Holder = { pid, comm, fds, ...(hasRing ? { uring: true } : {}) };
      const others = holders.get(ino);
      if (others === undefined) holders.set(ino, [holder]);
      else others.push(holder);
    }
    if ([...held.keys()].some((ino) => named.has(ino))) asked.push({ pid, comm, tsNs });
  }
  for (let i = 0; naming !== null && i < asked.length; i += AT_ONCE) {
    await pause();
    const told = await Promise.all(asked.slice(i, i + AT_ONCE).map(naming.describe));
    processes.push(...told.filter((process) => process !== null));
  }
  events.push(...sockets.values(), ...processes);
  for (const [ino, list] of holders) events.push({ kind: 'owners', tsNs, ino, holders: list });
  events.push({ kind: 'scanned', tsNs, netns: [...seen] }, ...(receivers?.scanned(seen, tsNs) ?? []));
  return events;
};

/** Inode of a process's network namespace; null when it has gone or may not be read. */
export const namespaceOf = (root: string, pid: number | 'self'): number | null => {
  try {
    const inode = /^net:\[(\d+)\]$/.exec(readlinkSync(`${root}/${pid}/ns/net`))?.[1];
    return inode === undefined ? null : Number(inode);
  } catch {
    return null;
  }
};

/** Inode of the first pid namespace, the host's (PROC_PID_INIT_INO, include/linux/proc_ns.h): the same on every kernel. */
const HOST_PIDS = 'pid:[4026531836]';

/** Whether this process is in another pid namespace than the host's first one; false when that cannot be read. */
export const hasOwnPids = (root: string): boolean => {
  try {
    return readlinkSync(`${root}/self/ns/pid`) !== HOST_PIDS;
  } catch {
    return false;
  }
};

/**
 * The network namespace that is called the host's: that of the first process, which a container with the host's pid namespace
 * sees; where it is not seen, or may not be read, that of the tool.
 */
export const hostNamespace = (root: string): number | null =>
  (hasOwnPids(root) ? null : namespaceOf(root, 1)) ?? namespaceOf(root, 'self');

/** Names given by `ip netns add`: a file in /run/netns whose inode is the namespace's. */
export const namesOf = (options: Pick<ProcOptions, 'names'>, tsNs: number): NetnsEvent[] => {
  try {
    return readdirSync(options.names).flatMap((name): NetnsEvent[] => {
      try {
        return [{ kind: 'netns', tsNs, netns: statSync(`${options.names}/${name}`).ino, name }];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
};

/** Larger than any process id (PID_MAX_LIMIT, include/linux/threads.h, is 4 Mi): such a number is an inode. */
const HIGHEST_PID = 4_194_304;

/** Whether what a user names a namespace by can only be its inode. */
export const isNetnsInode = (text: string): boolean => /^\d+$/.test(text) && Number(text) > HIGHEST_PID;

/** The inode of the namespace that a user names by its `ip netns` name, a process id in it, or the inode itself; null when there is none. */
export const findNetns = (text: string, options: Pick<ProcOptions, 'root' | 'names'>): number | null => {
  const names = namesOf(options, 0);
  if (isNetnsInode(text)) {
    const inode = Number(text);
    const isKnown =
      names.some(({ netns }) => netns === inode) ||
      numericEntries(options.root).some((pid) => namespaceOf(options.root, pid) === inode) ||
      // There most processes, and so most namespaces, cannot be seen.
      hasOwnPids(options.root);
    return isKnown ? inode : null;
  }
  const named = names.find(({ name }) => name === text);
  if (named !== undefined) return named.netns;
  return /^\d+$/.test(text) ? namespaceOf(options.root, Number(text)) : null;
};

const numericEntries = (folder: string): number[] => {
  try {
    return readdirSync(folder).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
};

/** State column of /proc/net/tcp (TCP_LISTEN, include/net/tcp_states.h). */
const LISTEN = '0A';

/**
 * The listening sockets of one /proc/PID/net/tcp file; null when it cannot be read. The kernel prints them before all
 * others (tcp_seq_next walks the listening hash first), so reading ends at the first line that does not listen: a
 * server may have a million others.
 */
const listening = (path: string, netns: number, tsNs: number): SocketEvent[] | null => {
  const sockets: SocketEvent[] = [];
  try {
    for (const line of linesOf(path)) {
      const [slot, local, , state, queues, , , uid, , ino] = line.trim().split(/\s+/);
      if (slot === 'sl') continue;
      if (state !== LISTEN) break;
      const [address = '', port = ''] = (local ?? '').split(':');
      const laddr = parseProcAddress(address);
      // A listener without an inode is the kernel's own.
      if (laddr === null || ino === undefined || ino === '0') continue;
      sockets.push({
        kind: 'socket',
        tsNs,
        proto: 'tcp',
        netns,
        laddr,
        lport: Number.parseInt(port, 16),
        ino: Number(ino),
        uid: Number(uid),
        // tx_queue:rx_queue; of a listener rx_queue is sk_ack_backlog (get_tcp4_sock, net/ipv4/tcp_ipv4.c).
        queue: Number.parseInt(queues?.split(':')[1] ?? '0', 16),
      });
    }
  } catch {
    return null;
  }
  return sockets;
};

/** Which of the sockets a process holds, with its descriptors, and whether it has an io_uring. */
const socketsOf = async (
  root: string,
  pid: number,
  sockets: ReadonlyMap<number, SocketEvent>,
  pause: Pause,
): Promise<{ held: Map<number, number[]>; hasRing: boolean }> => {
  const held = new Map<number, number[]>();
  let hasRing = false;
  for (const fd of numericEntries(`${root}/${pid}/fd`)) {
    await pause();
    const target = targetOf(`${root}/${pid}/fd/${fd}`);
    if (target === 'anon_inode:[io_uring]') hasRing = true;
    const ino = inodeIn(target);
    if (ino === null || !sockets.has(ino)) continue;
    const fds = held.get(ino);
    if (fds === undefined) held.set(ino, [fd]);
    else fds.push(fd);
  }
  return { held, hasRing };
};

/** net.ipv4.tcp_migrate_req of the namespace that this process is in; null where the kernel has no such setting (before 5.14). */
export const readMigrateReq = (root: string): number | null => {
  try {
    const text = readFileSync(`${root}/sys/net/ipv4/tcp_migrate_req`, 'utf8').trim();
    return /^\d{1,3}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
};

const commOf = (root: string, pid: number): string => {
  try {
    return readFileSync(`${root}/${pid}/comm`, 'utf8').replace(/\n$/, '');
  } catch {
    return '';
  }
};

/** Waits when it is somebody else's turn. */
export type Pause = () => Promise<void>;

/** Gives way to the event loop once SLICE_MS of work are done. */
export const createPause = (): Pause => {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  };
};
