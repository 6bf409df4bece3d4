// Reads established connections from /proc/PID/net/tcp{,6} and who holds them from /proc/PID/fd, in slices and within a budget.
import { type FileHandle, open, readdir } from 'node:fs/promises';
import type { OpenEvent } from '../core/event.js';
import { foldMapped, isIPv6, parseProcAddress } from '../core/text/endpoint.js';
import { socketAt } from './descriptors.js';
import type { Connections } from './dials.js';
import type { Pause } from './listeners.js';

/** A listening address; its connections are filled in, by the inode of each. */
export type Shared = Pick<OpenEvent, 'netns' | 'laddr' | 'lport'> & {
  readonly inos: Connections;
  /** Those of them, and of those that their clients have closed, that hold bytes which nobody has read. */
  readonly unread: Set<number>;
};

/** What may still be read; below 0 = something was left out, and nothing that was found is a number. */
export type Budget = { rows: number; connections: number; descriptors: number };

export const isSpent = ({ rows, connections, descriptors }: Budget): boolean =>
  rows < 0 || connections < 0 || descriptors < 0;

/** Of a listening address: a connection is one of the address that names its own, else one of the wildcard. */
const keyOf = (laddr: string, lport: number): string => `${foldMapped(laddr)} ${lport}`;

/**
 * Fills in the connections of one namespace, whose tables are in `folder`, and (where it is asked for) in `heard` the ports that somebody
 * listens on there, in hex. Rejects when they cannot be read.
 */
export const addConnections = async (
  folder: string,
  addresses: readonly Shared[],
  budget: Budget,
  pause: Pause,
  heard: Set<string> | null = null,
): Promise<void> => {
  // A connection is in the table of its listener's family: one over IPv4 to an IPv6 socket is in tcp6.
  for (const file of ['tcp', 'tcp6'] as const) {
    const mine = addresses.filter(({ laddr }) => isIPv6(laddr) === (file === 'tcp6'));
    if (mine.length === 0) continue;
    const at = new Map(mine.map((address) => [keyOf(address.laddr, address.lport), address]));
    const ports = new Set(mine.map(({ lport }) => lport.toString(16).toUpperCase().padStart(4, '0')));
    const any = file === 'tcp6' ? '::' : '0.0.0.0';
    for await (const rows of piecesOf(`${folder}/${file}`)) {
      await pause();
      budget.rows -= rows.length;
      if (isSpent(budget)) return;
      for (const row of rows) {
        const [, address = '', port = '', far = '', state, waiting = ''] = ROW.exec(row) ?? [];
        if (state === LISTEN) heard?.add(port);
        if ((state !== ESTABLISHED && state !== CLOSE_WAIT) || !ports.has(port)) continue;
        const lport = Number.parseInt(port, 16);
        const its = at.get(keyOf(parseProcAddress(address) ?? '', lport)) ?? at.get(keyOf(any, lport));
        // One that waits in an accept queue has no inode yet.
        const ino = Number(row.trim().split(/\s+/)[9] ?? 0);
        if (ino === 0 || its === undefined) continue;
        budget.connections--;
        if (state === ESTABLISHED) its.inos.set(ino, far);
        if (/[1-9A-F]/.test(waiting)) its.unread.add(ino);
      }
    }
  }
};

/** A row of /proc/net/tcp: local address and port, the far end, its state (include/net/tcp_states.h), tx_queue:rx_queue. */
const ROW = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+:[0-9A-F]{4}) (01|08|0A) [0-9A-F]+:([0-9A-F]+) /;
const [ESTABLISHED, CLOSE_WAIT, LISTEN] = ['01', '08', '0A'];
const PIECE_BYTES = 65_536;

/** Rows of a table in pieces, read by a thread of the pool: for one piece the kernel may walk its whole hash table. */
async function* piecesOf(path: string): AsyncGenerator<readonly string[]> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    const piece = Buffer.alloc(PIECE_BYTES);
    let rest = '';
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null);
      if (bytesRead === 0) return;
      const lines = (rest + piece.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      yield lines;
    }
  } finally {
    await file?.close();
  }
}

/** Which of these processes holds each of the connections; null = several do, absent = none. */
export const holdersOf = async (
  root: string,
  pids: ReadonlySet<number>,
  inos: ReadonlySet<number>,
  budget: Budget,
  pause: Pause,
): Promise<ReadonlyMap<number, number | null>> => {
  const held = new Map<number, number | null>();
  for (const pid of pids) {
    const fds = await readdir(`${root}/${pid}/fd`).catch(() => []);
    budget.descriptors -= fds.length;
    if (isSpent(budget)) return held;
    for (const fd of fds) {
      await pause();
      const ino = socketAt(`${root}/${pid}/fd/${fd}`);
      if (ino === null || !inos.has(ino)) continue;
      const other = held.get(ino);
      held.set(ino, other === undefined || other === pid ? pid : null);
    }
  }
  return held;
};
