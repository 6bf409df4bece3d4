// Opens the source that a request asks for, live or recorded, and checks first what a live one needs of the host.
import { existsSync } from 'node:fs';
import type { Request, View } from './args.js';
import type { Event } from './core/event.js';
import type { Scope } from './core/state.js';
import { UserError } from './errors.js';
import { monotonicNs, openLive } from './sources/live.js';
import { findNetns, HOST_PROC } from './sources/procfs.js';
import { replay } from './sources/replay.js';

/** Where events come from, and what can be asked of it. */
export type Source = {
  readonly events: AsyncIterable<readonly Event[]>;
  readonly stop: () => void;
  /** Starts bpftrace again; null in a replay. */
  readonly restart: (() => void) | null;
  /** A live source fails when bpftrace ends before it was attached. */
  readonly isLive: boolean;
  /** The clock of the events: null in a replay, whose time is that of its newest event. */
  readonly nowNs: (() => number) | null;
};

/** What the user asked to see. Throws a UserError when the namespace is unknown. */
export const scopeOf = (view: View): Scope => ({
  ports: view.ports,
  family: view.family,
  netns: view.netns === null ? null : netnsOf(view.netns),
  pid: view.pid,
});

const netnsOf = (text: string): number => {
  const netns = findNetns(text, HOST_PROC);
  if (netns !== null) return netns;
  throw new UserError(
    `cannot show the network namespace '${text}': no such name in /run/netns and no such process`,
    {
      hint: 'ip netns list   shows the names; a process id or the inode of its namespace will do too',
    },
  );
};

/** Opens the source. Throws a UserError with what to try when this host cannot be traced. */
export const openSource = async (
  request: Extract<Request, { command: 'trace' | 'replay' }>,
): Promise<Source> => {
  if (request.command === 'replay') {
    const stopping = new AbortController();
    return {
      events: replay({ path: request.path, speed: request.speed, signal: stopping.signal }),
      stop: () => stopping.abort(),
      restart: null,
      isLive: false,
      nowNs: null,
    };
  }
  checkHost();
  const live = await openLive({
    rung: request.rung ?? 'tracepoint',
    ports: request.view.ports,
    budgetPerSecond: request.budgetPerSecond,
  });
  return { ...live, isLive: true, nowNs: monotonicNs };
};

/** What can be said before bpftrace is asked: it would say the same in many more words. */
const checkHost = (): void => {
  const uid = process.geteuid?.() ?? 0;
  if (uid !== 0) {
    throw new UserError(`cannot trace: loading BPF programs needs root (this is uid ${uid})`, {
      hint: `try: sudo "$(command -v reuseport-trace)" ${process.argv.slice(2).map(quote).join(' ')}`,
    });
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new UserError(
      'cannot trace: this kernel has no BTF (/sys/kernel/btf/vmlinux), which the probes read structures by',
      {
        hint: 'boot a kernel with CONFIG_DEBUG_INFO_BTF=y (the distributions have it since about 2020)',
      },
    );
  }
};

const quote = (word: string): string =>
  /^[\w./:,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
