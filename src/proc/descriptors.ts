// What descriptors stand for, and whether those that held a socket still do; it looks for no new ones.
import { readlinkSync } from 'node:fs';
import type { Holder } from '../core/event.js';
import { COUNTERS_KEPT } from '../core/state/state.js';

/** The descriptors of sockets, as they were last told. */
export type Descriptors = {
  /** Who holds a socket, replacing what was known. */
  readonly know: (ino: number, holders: readonly Pick<Holder, 'pid' | 'fds'>[]) => void;
  /** true: one of them still stands for it. false: none does any more. null: none was ever told. */
  readonly isOpen: (ino: number) => boolean | null;
  readonly forget: (ino: number) => void;
};

/** `root` is usually /proc. */
export const createDescriptors = (root: string): Descriptors => {
  const paths = new Map<number, readonly string[]>();
  return {
    know: (ino, holders) => {
      if (paths.size >= COUNTERS_KEPT) paths.clear();
      paths.set(
        ino,
        holders.flatMap(({ pid, fds }) => fds.map((fd) => `${root}/${pid}/fd/${fd}`)),
      );
    },
    isOpen: (ino) => {
      const known = paths.get(ino);
      if (known === undefined || known.length === 0) return null;
      return known.some((path) => socketAt(path) === ino);
    },
    forget: (ino) => void paths.delete(ino),
  };
};

/** Inode of the socket that a descriptor in /proc/PID/fd stands for; null when it is no socket, or has closed since it was listed. */
export const socketAt = (path: string): number | null => inodeIn(targetOf(path));

/** What a descriptor stands for; empty when it has closed. */
export const targetOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};

/** Inode of the socket that such a text names; null of anything else. */
export const inodeIn = (target: string): number | null => {
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  return inode === undefined ? null : Number(inode);
};
