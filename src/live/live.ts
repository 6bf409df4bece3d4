// One live run: bpftrace's events, what /proc says beside them, and the reasons to look there again; it judges nothing.
import { hostname, release } from 'node:os';
import { bufferPages, programParams } from '../bpftrace/program.js';
import { missedRuns, startTracer, type Tracer } from '../bpftrace/tracer.js';
import type { Event, MetaEvent, Proto, Rung } from '../core/event.js';
import { packageVersion } from '../package.js';
import { createDescriptors } from '../proc/descriptors.js';
import { HOST_PROC, hasOwnPids, hostNamespace, type ProcOptions } from '../proc/listeners.js';
import { createOpens } from '../proc/openconnections.js';
import { createReceivers } from '../proc/udp.js';
import { createChannel } from './channel.js';
import { createScanner } from './scanner.js';
import { createWallClock } from './wallclock.js';

/** A rung that this host may get, with its program for this kernel. */
export type Candidate = {
  readonly rung: Rung;
  readonly program: string;
  /** The types that the program names; null = bpftrace reads the kernel's own file. */
  readonly types: Uint8Array | null;
};

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

const MISSED_EVERY_MS = 2000;

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
  let tracer: Tracer | null = null;
  let missed: Missed | null = null;
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

  const run = async ({ candidates, rejected, bpftrace }: Ladder): Promise<void> => {
    // At once: there is no tracer until startTracer answers, and R may be pressed twice before that.
    isRunning = true;
    const [{ rung, program, types }, next, ...others] = candidates;
    const params = programParams(options.ports, options.budgetPerSecond);
    const pages = bufferPages(options.budgetPerSecond);
    const running = startTracer({ program, params, types, pages, nowNs: monotonicNs });
    tracer = running;
    if (isStopped) running.stop();
    missed = watchMissed(running, channel.put);
    let isAttached = false;
    let failure: string | null = null;
    for await (const events of running.events) {
      if (!isAttached && events.some((event) => event.kind === 'attached')) {
        isAttached = true;
        // Sockets came and went, and queues moved, while nobody looked.
        void scanner.scan();
      }
      scanner.inquire(events);
      const end = events.find((event) => event.kind === 'ended');
      const isRefused = end?.kind === 'ended' && !isAttached && !isStopped;
      if (isRefused && (next !== undefined || (types !== null && isAboutTypes(end.why)))) failure = end.why;
      else channel.put(events);
      if (events.some((event) => event.kind === 'tick')) channel.put(wallClock());
      scanner.consider(events);
    }
    missed.end();
    tracer = null;
    isRunning = false;
    if (failure !== null && types !== null && isAboutTypes(failure)) {
      // What was cut out is not what this bpftrace wants: with the whole of it, then.
      return run({
        candidates: [{ rung, program, types: null }, ...candidates.slice(1)],
        rejected,
        bpftrace,
      });
    }
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
      if (tracer !== null) {
        // Once it ends, its programs can no longer be asked.
        missed?.look();
        tracer.stop();
      }
      // While the host is still being asked, begin() finishes.
      else if (ladder !== null) finish();
    },
    restart: () => {
      if (isRunning || ladder === null || isStopped) return;
      // The rung that worked, and no other: it would count other things from here on.
      void run({ ...ladder, candidates: [ladder.candidates[0]] });
    },
    tracerPid: () => tracer?.pid ?? null,
  };
};

/** Whether bpftrace ended over a type: clang's words, and its own. */
const isAboutTypes = (why: string): boolean =>
  /BTF|btf_generated|definitions\.h|unknown type|Unknown struct|no member named|incomplete type|annot cast|cannot resolve/i.test(
    why,
  );

type Missed = {
  /** Looks now. */
  readonly look: () => void;
  readonly end: () => void;
};

/** Reports probe runs that the kernel skipped, as they grow. */
const watchMissed = (tracer: Tracer, put: (events: readonly Event[]) => void): Missed => {
  let known = 0;
  const look = (): void => {
    const missed = tracer.pid === null ? 0 : missedRuns(tracer.pid);
    if (missed > known) put([{ kind: 'lost', tsNs: monotonicNs(), by: 'missed', events: missed - known }]);
    known = Math.max(known, missed);
  };
  const timer = setInterval(look, MISSED_EVERY_MS);
  timer.unref();
  return { look, end: () => clearInterval(timer) };
};
