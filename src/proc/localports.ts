// Which local ports are taken in a network namespace, by whatever socket in whatever state, from /proc/PID/net.
import { open } from 'node:fs/promises';
import type { Proto } from '../core/event.js';

/** More rows than that are not read: a server may have a million connections. */
const MOST_ROWS = 500_000;

/** The taken ports, as far as MOST_ROWS tell; null = the tables cannot be read. `pid`: a process in the namespace. */
export const takenPorts = async (
  root: string,
  pid: number | 'self',
  proto: Proto,
): Promise<ReadonlySet<number> | null> => {
  const taken = new Set<number>();
  let rows = 0;
  let isRead = false;
  // An IPv6 socket may hold a port of IPv4, too.
  for (const file of [proto, `${proto}6`]) {
    const handle = await open(`${root}/${pid}/net/${file}`).catch(() => null);
    if (handle === null) continue;
    isRead = true;
    try {
      for await (const row of handle.readLines({ encoding: 'latin1' })) {
        const port = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /.exec(row)?.[1];
        if (port !== undefined) taken.add(Number.parseInt(port, 16));
        if (++rows > MOST_ROWS) return taken;
      }
    } catch {
      // The process has gone, and its view with it.
    } finally {
      await handle.close().catch(() => undefined);
    }
  }
  return isRead ? taken : null;
};
