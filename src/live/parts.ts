// Attaches the parts of the probes that counting does not wait for, and leaves out the one that does not load.
import type { Tracer } from '../bpftrace/tracer.js';
import type { Event, PartName } from '../core/event.js';
import { type Missed, watchMissed } from './missed.js';

export type PartsOptions = {
  readonly parts: readonly PartName[];
  /** Starts a bpftrace with some of them. */
  readonly start: (parts: readonly PartName[]) => Tracer;
  /** Those whose probes are named in what bpftrace said. */
  readonly namedIn: (parts: readonly PartName[], said: string) => readonly PartName[];
  readonly put: (events: readonly Event[]) => void;
  readonly nowNs: () => number;
};

/** Parts that are being attached, or are. */
export type Parts = {
  /** Asks every bpftrace of them to end. */
  readonly stop: () => void;
  /** Process ids of those that run. */
  readonly pids: () => readonly number[];
  /** Resolves when all have ended, and their last counts were put. Never rejects. */
  readonly ended: Promise<void>;
};

/** Attaches them together. Where bpftrace refuses that, those that it named and the others are tried apart, or one half and the other. */
export const startParts = ({ parts, start, namedIn, put, nowNs }: PartsOptions): Parts => {
  const running = new Map<Tracer, Missed>();
  let isStopped = false;
  const say = (some: readonly PartName[], status: 'attaching' | 'attached' | 'out', why = ''): Event[] =>
    some.map((part) => ({ kind: 'part', tsNs: nowNs(), part, status, why }));

  const load = async (some: readonly PartName[]): Promise<void> => {
    if (some.length === 0 || isStopped) return;
    const tracer = start(some);
    const watch = watchMissed(tracer, put, nowNs);
    running.set(tracer, watch);
    let isAttached = false;
    let why = '';
    /** Counts since its last tick: nobody sees the half of what was printed at once. */
    let held: Event[] = [];
    for await (const events of tracer.events) {
      const passed: Event[] = [];
      const flush = (): void => {
        passed.push(...held);
        held = [];
      };
      for (const event of events) {
        if (event.kind === 'count') held.push(event);
        else if (event.kind === 'attached') {
          isAttached = true;
          passed.push(...say(some, 'attached'));
        } else if (event.kind === 'tick') flush();
        else if (event.kind === 'ended') {
          why = event.why;
          flush();
        } else if (event.kind !== 'attaching') passed.push(event);
      }
      if (passed.length > 0) put(passed);
    }
    watch.end();
    running.delete(tracer);
    if (isStopped) return;
    if (isAttached || some.length === 1) return put(say(some, 'out', why));
    const named = namedIn(some, why);
    const isTelling = named.length > 0 && named.length < some.length;
    const apart = isTelling ? named : some.slice(0, Math.ceil(some.length / 2));
    await Promise.all([load(some.filter((part) => !apart.includes(part))), load(apart)]);
  };

  put(say(parts, 'attaching'));
  return {
    stop: () => {
      isStopped = true;
      for (const [tracer, watch] of running) {
        // Once it ends, its programs can no longer be asked.
        watch.look();
        tracer.stop();
      }
    },
    pids: () => [...running.keys()].flatMap(({ pid }) => pid ?? []),
    ended: load(parts),
  };
};
