// Knows how to put a process into a cgroup of its own and to take it away again; refuses to know what the names mean.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A folder in which cgroups can be made, v2 before v1; null = this host has none that is mounted for writing. */
export const findCgroups = (): string | null => {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , type, options = '']) => type?.startsWith('cgroup') && options.split(',').includes('rw'));
  const found = mounts.find(([, , type]) => type === 'cgroup2') ?? mounts[0];
  return found?.[1] ?? null;
};

/** Runs fn with a function that moves a process to a path below a new cgroup; afterwards they are back at the top, and the cgroups gone. */
export const withCgroups = async <T>(
  fn: (move: (pid: number, path: string) => void) => Promise<T>,
): Promise<T> => {
  const top = join(findCgroups() ?? '/nowhere', `rpt-${process.pid}`);
  const made: string[] = [];
  const make = (folder: string): void => {
    if (folder.length > top.length) make(dirname(folder));
    if (made.includes(folder)) return;
    mkdirSync(folder);
    made.push(folder);
  };
  try {
    return await fn((pid, path) => {
      make(join(top, path));
      writeFileSync(join(top, path, 'cgroup.procs'), String(pid));
    });
  } finally {
    for (const folder of made.reverse()) {
      for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean))
        writeFileSync(join(dirname(top), 'cgroup.procs'), pid);
      rmdirSync(folder);
    }
  }
};
