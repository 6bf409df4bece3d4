// One live run: bpftrace's events, what /proc says beside them, and the reasons to look there again; it judges nothing.
import { hostname, release } from 'node:os';
import type { Event, MetaEvent, Rung } from '../core/event.js';
import { missedRuns, startTracer, type Tracer } from './bpftrace.js';
import { createChannel } from './channel.js';
import { HOST_PROC, namespaceOf, type ProcOptions, scanProc } from './procfs.js';
import { programParams } from './program.js';
import { packageVersion } from './root.js';

/** A rung that this host may get, with its program for this kernel. */
export type Candidate = { readonly rung: Rung; readonly program: string };

export type LiveOptions = {
  /** Best first; at least one. The next is tried when one does not load. */
  readonly candidates: readonly [Candidate, ...Candidate[]];
  /** Better rungs that were ruled out before, with the reason. */
  readonly rejected: MetaEvent['rejected'];
  /** Version of bpftrace. */
  readonly bpftrace: string;
  /** Local ports to trace; empty = every port. */
  readonly ports: readonly number[];
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

/** Starts a run. Everything that goes wrong comes as an event: `ended` says why. */
export const openLive = async (options: LiveOptions): Promise<Live> => {
  const existing = await scanProc(PROC);
  const channel = createChannel<readonly Event[]>();
  const scanner = createScanner(channel.put);
  const rejected = [...options.rejected];
  let [candidate, ...others] = options.candidates;
  let tracer: Tracer | null = null;
  let isStopped = false;
  const tsNs = monotonicNs();
  const wallMs = Date.now();
  const putMeta = (): void =>
    channel.put([
      {
        kind: 'meta',
        tsNs,
        wallMs,
        version: packageVersion(),
        host: hostname(),
        kernel: release(),
        bpftrace: options.bpftrace,
        rung: candidate.rung,
        rejected: [...rejected],
        ports: options.ports,
        hostNetns: namespaceOf(PROC.root, 'self') ?? 0,
        budgetPerSecond: options.budgetPerSecond,
      },
    ]);
  putMeta();
  channel.put(existing);
  scanner.know(existing);

  const run = async (): Promise<void> => {
    const running = startTracer({
      program: candidate.program,
      params: programParams(options.ports, options.budgetPerSecond),
      nowNs: monotonicNs,
    });
    tracer = running;
    const stopMissed = watchMissed(running, channel.put);
    let isAttached = false;
    let failure = '';
    for await (const events of running.events) {
      isAttached ||= events.some((event) => event.kind === 'attached');
      const end = events.find((event) => event.kind === 'ended');
      const next = others[0];
      if (end?.kind === 'ended' && !isAttached && !isStopped && next !== undefined) failure = end.why;
      else channel.put(events);
      scanner.consider(events);
    }
    stopMissed();
    tracer = null;
    const [next, ...rest] = others;
    if (failure !== '' && next !== undefined && !isStopped) {
      // It did not load: the next rung, and the reason on the screen.
      rejected.push({ rung: candidate.rung, why: failure });
      candidate = next;
      others = rest;
      putMeta();
      return run();
    }
    if (isStopped) finish();
  };
  const finish = (): void => {
    scanner.stop();
    channel.end();
  };
  void run();
  return {
    events: channel,
    stop: () => {
      isStopped = true;
      if (tracer === null) finish();
      else tracer.stop();
    },
    restart: () => {
      if (tracer === null && !isStopped) void run();
    },
  };
};

/** Scans /proc again when an event names a socket or a process that the last scan did not. */
const createScanner = (put: (events: readonly Event[]) => void) => {
  const holders = new Map<number, Set<number>>();
  /** (socket, process) pairs that were a reason once: a process that no scan can see is not looked for for ever. */
  const asked = new Set<string>();
  let timer: NodeJS.Timeout | null = null;
  let notBefore = 0;
  const know = (events: readonly Event[]): void => {
    holders.clear();
    for (const event of events) {
      if (event.kind === 'owners') holders.set(event.ino, new Set(event.holders.map((holder) => holder.pid)));
    }
  };
  const scan = async (): Promise<void> => {
    const started = performance.now();
    const events = await scanProc(PROC);
    if (timer === null) return;
    know(events);
    put(events);
    timer = null;
    notBefore = performance.now() + REST_FACTOR * (performance.now() - started);
  };
  const schedule = (): void => {
    if (timer !== null) return;
    timer = setTimeout(() => void scan(), Math.max(SETTLE_MS, notBefore - performance.now()));
  };
  return {
    know,
    consider: (events: readonly Event[]): void => {
      for (const event of events) {
        if (event.kind === 'listen' || (event.kind === 'slot' && !holders.has(event.ino))) schedule();
        // A holder that the scan did not see: the socket was inherited or handed over since.
        else if (
          event.kind === 'accept' &&
          event.ino !== 0 &&
          holders.get(event.ino)?.has(event.pid) !== true
        ) {
          const pair = `${event.ino} ${event.pid}`;
          if (asked.has(pair)) continue;
          if (asked.size >= ASKED_KEPT) asked.clear();
          asked.add(pair);
          schedule();
        }
      }
    },
    stop: (): void => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
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
