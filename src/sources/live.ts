// One live run: bpftrace's events, what /proc says beside them, and the reasons to look there again; it judges nothing.
import { hostname, release } from 'node:os';
import type { Event, MetaEvent, Proto, Rung } from '../core/event.js';
import { missedRuns, startTracer, type Tracer } from './bpftrace.js';
import { createChannel } from './channel.js';
import { createOpens, type Opens } from './opens.js';
import { createDescriber } from './process.js';
import {
  HOST_PROC,
  hasOwnPids,
  type Naming,
  namespaceOf,
  type ProcOptions,
  readMigrateReq,
  scanProc,
} from './procfs.js';
import { programParams } from './program.js';
import { createReceivers, type Receivers } from './receivers.js';
import { packageVersion } from './root.js';
import { createStanding } from './standing.js';

/** A rung that this host may get, with its program for this kernel. */
export type Candidate = { readonly rung: Rung; readonly program: string };

/** What this host may get, best first; the next is tried when one does not load. */
export type Ladder = {
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /** Better rungs that are ruled out already, with the reason. */
  readonly rejected: MetaEvent['rejected'];
  /** Version of bpftrace. */
  readonly bpftrace: string;
};

export type LiveOptions = {
  /** Asks the host, which takes a moment: the listeners are shown meanwhile. May reject with a UserError. */
  readonly findLadder: () => Promise<Ladder>;
  /** Local ports to trace; empty = every port. */
  readonly ports: readonly number[];
  /** The one protocol to trace; absent = both. */
  readonly proto?: Proto;
  readonly budgetPerSecond: number;
};

/** A live run. */
export type Live = {
  /** Everything in the order of arrival; ends after stop(), when bpftrace's last words are read. Never throws. */
  readonly events: AsyncIterable<readonly Event[]>;
  /** Asks bpftrace to end; `events` ends soon after. */
  readonly stop: () => void;
  /** Starts bpftrace again after it ended; no effect while it runs. */
  readonly restart: () => void;
  /** Process id of bpftrace; null while there is none. */
  readonly tracerPid: () => number | null;
};

/** CLOCK_MONOTONIC in nanoseconds: the clock of bpftrace's `nsecs` (hrtime is the same clock on Linux). */
export const monotonicNs = (): number => Number(process.hrtime.bigint());

const PROC: ProcOptions = { ...HOST_PROC, nowNs: monotonicNs };

/** A changed socket is looked up this long after it was seen, because servers fork their workers after listen(). */
const SETTLE_MS = 300;
/** Scans keep this many times their own duration apart, so that a host with many processes is not kept busy. */
const REST_FACTOR = 20;
const ASKED_KEPT = 65_536;
const MISSED_EVERY_MS = 2000;

/** Starts a run. What goes wrong with bpftrace comes as `ended`; what findLadder rejects with is thrown by `events`. */
export const openLive = (options: LiveOptions): Live => {
  const channel = createChannel<readonly Event[]>();
  const receivers = options.proto === 'tcp' ? null : createReceivers(PROC.root, options.ports);
  const opens = options.proto === 'udp' ? null : createOpens({ ...PROC, ports: options.ports });
  const scanner = createScanner(channel.put, options.ports, receivers, opens);
  let tracer: Tracer | null = null;
  let ladder: Ladder | null = null;
  let isStopped = false;
  const start = { tsNs: monotonicNs(), wallMs: Date.now() };
  const putMeta = (): void =>
    channel.put([
      {
        kind: 'meta',
        ...start,
        version: packageVersion(),
        host: hostname(),
        kernel: release(),
        bpftrace: ladder?.bpftrace ?? null,
        rung: ladder?.candidates[0].rung ?? null,
        rejected: ladder?.rejected ?? [],
        ports: options.ports,
        hostNetns: namespaceOf(PROC.root, 'self') ?? 0,
        ...(hasOwnPids(PROC.root) ? { hasOwnPids: true } : {}),
        budgetPerSecond: options.budgetPerSecond,
      },
    ]);

  const begin = async (): Promise<void> => {
    putMeta();
    await scanner.scan();
    try {
      ladder = await options.findLadder();
    } catch (error) {
      scanner.stop();
      return channel.end(error);
    }
    if (isStopped) return finish();
    putMeta();
    await run(ladder);
  };

  const run = async ({ candidates, rejected, bpftrace }: Ladder): Promise<void> => {
    const [{ rung, program }, next, ...others] = candidates;
    const params = programParams(options.ports, options.budgetPerSecond);
    const running = await startTracer({ program, params, nowNs: monotonicNs });
    tracer = running;
    if (isStopped) running.stop();
    const stopMissed = watchMissed(running, channel.put);
    let isAttached = false;
    let failure: string | null = null;
    for await (const events of running.events) {
      if (!isAttached && events.some((event) => event.kind === 'attached')) {
        isAttached = true;
        // Sockets came and went, and queues moved, while nobody looked.
        void scanner.scan();
      }
      const end = events.find((event) => event.kind === 'ended');
      if (end?.kind === 'ended' && !isAttached && !isStopped && next !== undefined) failure = end.why;
      else channel.put(events);
      scanner.consider(events);
    }
    stopMissed();
    tracer = null;
    if (failure !== null && next !== undefined && !isStopped) {
      // It did not load: the next rung, and the reason on the screen.
      ladder = { candidates: [next, ...others], rejected: [...rejected, { rung, why: failure }], bpftrace };
      putMeta();
      return run(ladder);
    }
    if (isStopped) finish();
  };
  const finish = (): void => {
    // bpftrace has said its last counts: what /proc counts must not be older.
    scanner.readReceivers(true);
    scanner.stop();
    channel.end();
  };
  void begin();
  return {
    events: channel,
    stop: () => {
      isStopped = true;
      if (tracer !== null) tracer.stop();
      // While the host is still being asked, begin() finishes.
      else if (ladder !== null) finish();
    },
    restart: () => {
      if (tracer !== null || ladder === null || isStopped) return;
      // The rung that worked, and no other: it would count other things from here on.
      void run({ ...ladder, candidates: [ladder.candidates[0]] });
    },
    tracerPid: () => tracer?.pid ?? null,
  };
};

/** Scans /proc at first, and again when an event names a socket or a process that the last scan did not. */
const createScanner = (
  put: (events: readonly Event[]) => void,
  ports: readonly number[],
  receivers: Receivers | null,
  opens: Opens | null,
) => {
  const naming: Naming = {
    isAsked: ({ lport }) => ports.length === 0 || ports.includes(lport),
    describe: createDescriber(PROC.root),
  };
  const holders = new Map<number, Set<number>>();
  /** (socket, process) pairs that were a reason once: a process that no scan can see is not looked for for ever. */
  const asked = new Set<string>();
  const standing = createStanding();
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  let notBefore = 0;
  const scan = async (): Promise<void> => {
    const started = performance.now();
    const events = await scanProc(PROC, naming, receivers);
    timer = null;
    if (isStopped) return;
    notBefore = performance.now() + REST_FACTOR * (performance.now() - started);
    holders.clear();
    for (const event of events) {
      if (event.kind === 'owners') holders.set(event.ino, new Set(event.holders.map((holder) => holder.pid)));
    }
    opens?.know(events);
    put([...events, ...changedSysctl()]);
  };
  let migrateReq: number | null = null;
  const changedSysctl = (): Event[] => {
    const now = readMigrateReq(PROC.root);
    if (now === null || now === migrateReq) return [];
    migrateReq = now;
    return [
      { kind: 'sysctl', tsNs: PROC.nowNs(), netns: namespaceOf(PROC.root, 'self') ?? 0, migrateReq: now },
    ];
  };
  const schedule = (): void => {
    if (isStopped) return;
    timer ??= setTimeout(() => void scan(), Math.max(SETTLE_MS, notBefore - performance.now()));
  };
  let readNotBefore = 0;
  /** What waits in UDP sockets, and which have gone, is known from /proc alone on the tracepoint rung: asked at every tick. */
  const readReceivers = (isLast = false): void => {
    const started = performance.now();
    if (receivers === null || isStopped || (started < readNotBefore && !isLast)) return;
    const { events, isStale } = receivers.changes(monotonicNs());
    readNotBefore = performance.now() + REST_FACTOR * (performance.now() - started);
    if (events.length > 0) put(events);
    if (isStale || events.some((event) => event.kind === 'socket' && !holders.has(event.ino))) schedule();
  };
  const countOpen = async (): Promise<void> => {
    const events = (await opens?.count()) ?? [];
    if (events.length > 0 && !isStopped) put(events);
  };
  /** A holder that the scan did not see: the socket was inherited or handed over since. */
  const isStranger = (ino: number, pid: number): boolean => {
    const pair = `${ino} ${pid}`;
    if (ino === 0 || holders.get(ino)?.has(pid) === true || asked.has(pair)) return false;
    if (asked.size >= ASKED_KEPT) asked.clear();
    asked.add(pair);
    return true;
  };
  return {
    scan,
    readReceivers,
    consider: (events: readonly Event[]): void => {
      for (const event of events) {
        if (standing.hasStoodStill(event)) schedule();
        if (event.kind === 'tick') {
          readReceivers();
          void countOpen();
        }
        if (event.kind === 'close') opens?.forget(event.ino);
        if ((event.kind === 'slot' || event.kind === 'join') && event.proto === 'udp')
          receivers?.meet(event.ino);
        if (event.kind === 'bind' && event.proto === 'udp' && event.ret === 0)
          if (event.reuseport || event.reuseaddr || ports.length > 0) receivers?.meet(event.ino);
        if (
          event.kind === 'listen' ||
          (event.kind === 'bind' && event.proto === 'udp' && event.ret === 0) ||
          (event.kind === 'slot' && !holders.has(event.ino)) ||
          ((event.kind === 'accept' || event.kind === 'receive') && isStranger(event.ino, event.pid))
        ) {
          schedule();
        }
      }
    },
    stop: (): void => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
};

/** Reports probe runs that the kernel skipped, as they grow; returns how to stop. */
const watchMissed = (tracer: Tracer, put: (events: readonly Event[]) => void): (() => void) => {
  let known = 0;
  const timer = setInterval(() => {
    const missed = tracer.pid === null ? 0 : missedRuns(tracer.pid);
    if (missed > known) put([{ kind: 'lost', tsNs: monotonicNs(), by: 'missed', events: missed - known }]);
    known = Math.max(known, missed);
  }, MISSED_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
};
