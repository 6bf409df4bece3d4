// One rung being traced: a bpftrace that counts, and one with the other parts that joins while the first counts.
import { partsNamed } from '../bpftrace/program.js';
import { startTracer, type Tracer } from '../bpftrace/tracer.js';
import type { EndedEvent, Event, PartName, Rung } from '../core/event.js';
import { type Missed, watchMissed } from './missed.js';
import { type Parts, startParts } from './parts.js';

/** A program for this kernel, and the types that it names; null = bpftrace reads the kernel's own file. */
export type Loadable = { readonly program: string; readonly types: Uint8Array | null };

/** A rung that this host may get. */
export type Candidate = {
  readonly rung: Rung;
  /** What its programs can do without, as partsOf says. */
  readonly parts: { readonly first: readonly PartName[]; readonly later: readonly PartName[] };
  /** The program of some parts, with what counts or without it; `isWhole`: with all types of the kernel. */
  readonly load: (parts: readonly PartName[], isCounting: boolean, isWhole: boolean) => Loadable;
};

export type Tracing = {
  /** Asks every bpftrace to end; `ended` resolves when they have. */
  readonly stop: () => void;
  /** Why what counts did not load and the next rung is to be tried; null when it did, or there is none. Never rejects. */
  readonly ended: Promise<string | null>;
  /** Process ids of every bpftrace that runs, the one that counts first. */
  readonly pids: () => readonly number[];
};

export type TracingOptions = {
  readonly candidate: Candidate;
  /** No rung comes after this one: that it does not load is told as the end. */
  readonly isLast: boolean;
  readonly params: readonly string[];
  /** Pages of bpftrace's buffer for each CPU. */
  readonly pages: number;
  readonly put: (events: readonly Event[]) => void;
  readonly nowNs: () => number;
};

export const startTracing = (options: TracingOptions): Tracing => {
  const { candidate, isLast, put, nowNs } = options;
  const { rung, parts } = candidate;
  let isWhole = false;
  let isStopped = false;
  let counting: Tracer | null = null;
  let missed: Missed | null = null;
  let later: Parts | null = null;
  const start = (some: readonly PartName[], isCounting: boolean): Tracer => {
    const loadable = candidate.load(some, isCounting, isWhole);
    return startTracer({ ...loadable, params: options.params, pages: options.pages, nowNs });
  };
  const namedIn = (some: readonly PartName[], said: string) => partsNamed(rung, some, said);

  /** Counts with some of the parts that go first; those that bpftrace refused before are tried later, apart. */
  const count = async (some: readonly PartName[], apart: readonly PartName[]): Promise<string | null> => {
    const tracer = start(some, true);
    counting = tracer;
    const watch = watchMissed(tracer, put, nowNs);
    missed = watch;
    let end: EndedEvent | null = null;
    let isAttached = false;
    for await (const events of tracer.events) {
      const last = events.find((event) => event.kind === 'ended');
      if (!isAttached && events.some((event) => event.kind === 'attached')) {
        isAttached = true;
        put(some.map((part): Event => ({ kind: 'part', tsNs: nowNs(), part, status: 'attached', why: '' })));
        // Now, and not before: two compilers side by side would each take as long as both.
        later = startParts({
          parts: [...parts.later, ...apart],
          start: (each) => start(each, false),
          namedIn,
          put,
          nowNs,
        });
        if (isStopped) later.stop();
      }
      if (last !== undefined) end = last;
      else put(events);
    }
    watch.end();
    counting = null;
    const why = end?.why ?? '';
    if (isAttached || isStopped) {
      // What counts has ended, and with it the others: their last counts come before the end is told.
      later?.stop();
      await later?.ended;
      if (end !== null) put([end]);
      return null;
    }
    if (!isWhole && isAboutTypes(why)) {
      // What was cut out is not what this bpftrace wants: with all of them, then.
      isWhole = true;
      return count(some, apart);
    }
    const named = partsNamed(rung, [...parts.first, 'pick'], why);
    if (some.length > 0 && isAboutPrograms(why) && !named.includes('pick')) {
      const out = named.length === 0 ? some : some.filter((part) => named.includes(part));
      if (out.length === 0) return giveUp(end);
      return count(
        some.filter((part) => !out.includes(part)),
        [...apart, ...out],
      );
    }
    return giveUp(end);
  };
  const giveUp = (end: EndedEvent | null): string | null => {
    if (isLast && end !== null) put([end]);
    return isLast ? null : (end?.why ?? '');
  };

  return {
    stop: () => {
      isStopped = true;
      // Once it ends, its programs can no longer be asked.
      missed?.look();
      counting?.stop();
      later?.stop();
    },
    ended: count(parts.first, []),
    pids: () => [...(counting?.pid == null ? [] : [counting.pid]), ...(later?.pids() ?? [])],
  };
};

/** Whether bpftrace ended over a type: clang's words, and its own. */
const isAboutTypes = (why: string): boolean =>
  /BTF|btf_generated|definitions\.h|unknown type|Unknown struct|no member named|incomplete type|annot cast|cannot resolve/i.test(
    why,
  );

/** Whether it ended over one of its programs: the kernel refused it, or what it hangs on is not there. */
const isAboutPrograms = (why: string): boolean =>
  /load(?:ing)? (?:BPF )?program|too large|verif|attach|not found|No matches|not available/i.test(why);
