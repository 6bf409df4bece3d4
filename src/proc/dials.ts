// Which established connections of a listening port were dialled from it, and so picked and accepted by nobody; it reads nothing.

import type { DialEvent } from '../core/event.js';

/** The established connections of one address, by inode, with the far end of each as /proc writes it (`0100007F:1F90`). */
export type Connections = Map<number, string>;

export type Dials = {
  /** connect() was seen to begin or to fail. */
  readonly note: (event: DialEvent) => void;
  /**
   * Drops those that were dialled. Of connections that were there at the first count nobody saw the beginning: those
   * whose far end is one that servers have are taken for dialled, too. `heard` are the ports that somebody listens on here.
   */
  readonly sift: (connections: Connections, isFirst: boolean, heard: ReadonlySet<string>) => void;
};

const KEPT = 65_536;
/** So many connections to one port of different hosts: clients draw theirs at random. */
const SAME_PORT = 3;
/** Where Linux begins to draw ports (net.ipv4.ip_local_port_range); other systems draw higher ones. */
const DRAWN_FROM = 32_768;

export const createDials = (): Dials => {
  const dialled = new Set<number>();
  const add = (ino: number): void => {
    dialled.delete(ino);
    dialled.add(ino);
    // The oldest have most likely ended.
    if (dialled.size > KEPT) for (const oldest of dialled) return void dialled.delete(oldest);
  };
  return {
    note: ({ ino, isFailed }) => {
      if (isFailed) dialled.delete(ino);
      else add(ino);
    },
    sift: (connections, isFirst, heard) => {
      if (isFirst) for (const ino of likeDialled(connections, heard)) add(ino);
      for (const ino of dialled) connections.delete(ino);
    },
  };
};

const likeDialled = (connections: Connections, heard: ReadonlySet<string>): number[] => {
  const hosts = new Map<string, Set<string>>();
  for (const far of connections.values()) {
    const [host = '', port = ''] = far.split(':');
    const known = hosts.get(port);
    if (known === undefined) hosts.set(port, new Set([host]));
    else known.add(host);
  }
  return [...connections].flatMap(([ino, far]) => {
    const [host = '', port = ''] = far.split(':');
    const isOften = (hosts.get(port)?.size ?? 0) >= SAME_PORT && Number.parseInt(port, 16) < DRAWN_FROM;
    return isOften || (isLoopback(host) && heard.has(port)) ? [ino] : [];
  });
};

/** 127.0.0.0/8, also as v4-mapped, and ::1; each 32 bits are written as a little-endian number. */
const isLoopback = (host: string): boolean =>
  /^(?:0{16}FFFF0000)?[0-9A-F]{6}7F$/.test(host) || host === '00000000000000000000000001000000';
