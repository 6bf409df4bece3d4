// One live run: bpftrace's events, what /proc says beside them, and the reasons to look there again; it judges nothing.
import { hostname, release } from 'node:os';
import { bufferPages, programParams } from '../bpftrace/program.js';
import type { Event, MetaEvent, Proto } from '../core/event.js';
import { packageVersion } from '../package.js';
import { createDescriptors } from '../proc/descriptors.js';
import { HOST_PROC, hasOwnPids, hostNamespace, type ProcOptions } from '../proc/listeners.js';
import { createOpens } from '../proc/openconnections.js';
import { createReceivers } from '../proc/udp.js';
import { createChannel } from './channel.js';
import { createScanner } from './scanner.js';
import { type Candidate, startTracing, type Tracing } from './tracing.js';
import { createWallClock } from './wallclock.js';

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
  /** Process ids of every bpftrace that runs, the one that counts first. */
  readonly tracerPids: () => readonly number[];
};

/** CLOCK_MONOTONIC in nanoseconds: the clock of bpftrace's `nsecs` (hrtime is the same clock on Linux). */
export const monotonicNs = (): number => Number(process.hrtime.bigint());

const PROC: ProcOptions = { ...HOST_PROC, nowNs: monotonicNs };

/** Starts a run. What goes wrong with bpftrace comes as `ended`; what findLadder rejects with is thrown by `events`. */
export const openLive = (options: LiveOptions): Live => {
  const channel = createChannel<readonly Event[]>();
  const descriptors = createDescriptors(PROC.root);
  const receivers = options.proto === 'tcp' ? null : createReceivers(PROC.root, options.ports, descriptors);
  const opens = options.proto === 'udp' ? null : createOpens({ ...PROC, ports: options.ports });
  const scanner = createScanner({
    proc: PROC,
    put: channel.put,
    ports: options.ports,
    receivers,
    descriptors,
    opens,
  });
  let tracing: Tracing | null = null;
  let ladder: Ladder | null = null;
  let isRunning = false;
  let isStopped = false;
  const start = { tsNs: monotonicNs(), wallMs: Date.now() };
  const wallClock = createWallClock(start, () => ({ tsNs: monotonicNs(), wallMs: Date.now() }));
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
        hostNetns: hostNamespace(PROC.root) ?? 0,
        ...(hasOwnPids(PROC.root) ? { hasOwnPids: true } : {}),
        budgetPerSecond: options.budgetPerSecond,
      },
    ]);

  const begin = async (): Promise<void> => {
    putMeta();
    try {
      // Side by side: the listeners are shown as soon as they are known.
      [ladder] = await Promise.all([options.findLadder(), scanner.scan()]);
    } catch (error) {
      scanner.stop();
      return channel.end(error);
    }
    if (isStopped) return finish();
    putMeta();
    await run(ladder);
  };

  const put = (events: readonly Event[]): void => {
    scanner.inquire(events);
    channel.put(events);
    if (events.some((event) => event.kind === 'tick')) channel.put(wallClock());
    scanner.consider(events);
    // Sockets came and went, and queues moved, while nobody looked.
    if (events.some((event) => event.kind === 'attached' || isJoining(event))) void scanner.scan();
  };

  const run = async (from: Ladder): Promise<void> => {
    // At once: R may be pressed twice before the next word of bpftrace.
    isRunning = true;
    const [candidate, next, ...others] = from.candidates;
    tracing = startTracing({
      candidate,
      isLast: next === undefined,
      params: programParams(options.ports, options.budgetPerSecond),
      pages: bufferPages(options.budgetPerSecond),
      put,
      nowNs: monotonicNs,
    });
    if (isStopped) tracing.stop();
    const refused = await tracing.ended;
    tracing = null;
    isRunning = false;
    if (refused !== null && next !== undefined && !isStopped) {
      // It did not load: the next rung, and the reason on the screen.
      const rejected = [...from.rejected, { rung: candidate.rung, why: refused }];
      ladder = { ...from, candidates: [next, ...others], rejected };
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
      if (tracing !== null) tracing.stop();
      // While the host is still being asked, begin() finishes.
      else if (ladder !== null) finish();
    },
    restart: () => {
      if (isRunning || ladder === null || isStopped) return;
      // The rung that worked, and no other: it would count other things from here on.
      void run({ ...ladder, candidates: [ladder.candidates[0]] });
    },
    tracerPids: () => tracing?.pids() ?? [],
  };
};

/** A part has been attached, later than the rest. */
const isJoining = (event: Event): boolean => event.kind === 'part' && event.status === 'attached';
