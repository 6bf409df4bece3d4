// Decides when /proc is looked at again: which events are a reason, and how long it rests in between; it reads nothing itself.
import type { Event, Grounds, GroundsEvent } from '../core/event.js';
import type { Descriptors } from '../proc/descriptors.js';
import { ASKED, askGrounds, type Call } from '../proc/grounds.js';
import { type Naming, namespaceOf, type ProcOptions, readMigrateReq, scanProc } from '../proc/listeners.js';
import { createLiving } from '../proc/living.js';
import { readDescriptors } from '../proc/nofile.js';
import type { Opens } from '../proc/openconnections.js';
import { createDescriber } from '../proc/process.js';
import type { Receivers } from '../proc/udp.js';
import { createStanding } from './stalled.js';

export type ScannerOptions = {
  readonly proc: ProcOptions;
  readonly put: (events: readonly Event[]) => void;
  /** Local ports to trace; empty = every port. */
  readonly ports: readonly number[];
  /** null = UDP is not traced. */
  readonly receivers: Receivers | null;
  readonly descriptors: Descriptors;
  /** null = TCP is not traced. */
  readonly opens: Opens | null;
};

/** A changed socket is looked up this long after it was seen, because servers fork their workers after listen(). */
const SETTLE_MS = 300;
/** Scans keep this many times their own duration apart, so that a host with many processes is not kept busy. */
const REST_FACTOR = 20;
const ASKED_KEPT = 65_536;
/** A process is asked for its descriptors once in so long. */
const COUNTED_MS = 10_000;
const COUNTED_KEPT = 256;
/** A service that tries again and again is asked about so often at most, and as a scan rests. */
const ANSWER_MS = 1000;
const ANSWERS_KEPT = 256;
/** Refused calls that wait for their answer. */
const ASKED_AT_ONCE = 16;

/** What makes two refusals one question. */
const nameOf = ({ kind, ret, pid, netns, laddr, lport }: Call): string =>
  `${kind} ${ret} ${pid} ${netns} ${laddr} ${lport}`;

const groundsEvent = ({ tid, tsNs: callNs }: Call, tsNs: number, grounds: Grounds | null): GroundsEvent => ({
  kind: 'grounds',
  tsNs,
  tid,
  callNs,
  grounds,
});

/** Scans /proc at first, and again when an event names a socket or a process that the last scan did not. */
export const createScanner = ({ proc, put, ports, receivers, descriptors, opens }: ScannerOptions) => {
  const naming: Naming = {
    isAsked: ({ lport }) => ports.length === 0 || ports.includes(lport),
    describe: createDescriber(proc.root),
  };
  const holders = new Map<number, Set<number>>();
  /** (socket, process) pairs that were a reason once: a process that no scan can see is not looked for for ever. */
  const asked = new Set<string>();
  const standing = createStanding();
  const living = createLiving(proc.root);
  let timer: NodeJS.Timeout | null = null;
  let isScanning = false;
  /** Asked for while one was under way, which may have passed what is new. */
  let isWanted = false;
  let isStopped = false;
  let notBefore = 0;
  const scan = async (): Promise<void> => {
    if (isScanning) {
      isWanted = true;
      return;
    }
    isScanning = true;
    isWanted = false;
    const started = performance.now();
    const events = await scanProc(proc, naming, receivers);
    isScanning = false;
    if (isStopped) return;
    notBefore = performance.now() + REST_FACTOR * (performance.now() - started);
    holders.clear();
    for (const event of events) {
      if (event.kind !== 'owners') continue;
      holders.set(event.ino, new Set(event.holders.map((holder) => holder.pid)));
      descriptors.know(event.ino, event.holders);
    }
    living.know([...holders.values()].flatMap((pids) => [...pids]));
    opens?.know(events);
    put([...events, ...changedSysctl()]);
    if (isWanted) schedule();
  };
  let migrateReq: number | null = null;
  const changedSysctl = (): Event[] => {
    const now = readMigrateReq(proc.root);
    if (now === null || now === migrateReq) return [];
    migrateReq = now;
    return [
      { kind: 'sysctl', tsNs: proc.nowNs(), netns: namespaceOf(proc.root, 'self') ?? 0, migrateReq: now },
    ];
  };
  const schedule = (): void => {
    if (isScanning) isWanted = true;
    if (isScanning || isStopped) return;
    const begin = (): void => {
      timer = null;
      void scan();
    };
    timer ??= setTimeout(begin, Math.max(SETTLE_MS, notBefore - performance.now()));
  };
  let readNotBefore = 0;
  /** What waits in UDP sockets, and which have gone, is known from /proc alone on the tracepoint rung: asked at every tick. */
  const readReceivers = (isLast = false): void => {
    const started = performance.now();
    if (receivers === null || isStopped || (started < readNotBefore && !isLast)) return;
    const { events, isStale } = receivers.changes(proc.nowNs());
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
  let isAsking = false;
  const answers = new Map<string, { readonly until: number; readonly grounds: Grounds }>();
  const waiting: Call[] = [];
  /** One after the other, and of many the first ones: a host where everything is refused has one reason for most. */
  const ask = async (): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    for (let call = waiting.shift(); call !== undefined && !isStopped; call = waiting.shift()) {
      const started = performance.now();
      const known = answers.get(nameOf(call));
      const isFresh = known !== undefined && started < known.until;
      const grounds = isFresh ? known.grounds : await askGrounds(call, proc.root);
      const ended = performance.now();
      if (!isFresh) {
        if (answers.size >= ANSWERS_KEPT) answers.clear();
        const until = ended + Math.max(ANSWER_MS, REST_FACTOR * (ended - started));
        answers.set(nameOf(call), { until, grounds });
      }
      put([groundsEvent(call, proc.nowNs(), grounds)]);
    }
    isAsking = false;
  };
  /** Asks why calls were refused; to be told before the events of these calls, so that nobody guesses meanwhile. */
  const inquire = (events: readonly Event[]): void => {
    const refused = events.filter(
      (event): event is Call => (event.kind === 'bind' || event.kind === 'listened') && ASKED.has(event.ret),
    );
    const asked = refused
      .filter(({ lport }) => naming.isAsked({ lport }))
      .slice(0, Math.max(0, ASKED_AT_ONCE - waiting.length));
    if (asked.length === 0 || isStopped) return;
    put(asked.map((call) => groundsEvent(call, call.tsNs, null)));
    waiting.push(...asked);
    void ask();
  };
  /** When each process was asked for its descriptors: one whose accept() fails does so by the hundred. */
  const counted = new Map<number, number>();
  const countDescriptors = (pid: number): void => {
    const now = performance.now();
    if (now < (counted.get(pid) ?? 0) || isStopped) return;
    if (counted.size >= COUNTED_KEPT) counted.clear();
    counted.set(pid, now + COUNTED_MS);
    const event = readDescriptors(proc.root, pid, proc.nowNs());
    if (event !== null) put([event]);
  };
  return {
    scan,
    readReceivers,
    inquire,
    consider: (events: readonly Event[]): void => {
      for (const event of events) {
        if (standing.hasStoodStill(event)) schedule();
        if (event.kind === 'tick') {
          readReceivers();
          if (living.hasEnded()) schedule();
          void countOpen();
        }
        if (event.kind === 'close') opens?.forget(event.ino);
        if (event.kind === 'dial') opens?.dialled(event);
        if (event.kind === 'unaccepted') countDescriptors(event.pid);
        if ((event.kind === 'slot' || event.kind === 'join') && event.proto === 'udp') receivers?.meet(event);
        if (event.kind === 'close' && event.proto === 'udp') receivers?.part(event.ino);
        if (event.kind === 'bind' && event.proto === 'udp' && event.ret === 0) {
          descriptors.know(event.ino, [{ pid: event.pid, fds: [event.fd] }]);
          if (event.reuseport || event.reuseaddr || ports.length > 0) receivers?.meet(event);
        }
        if (
          event.kind === 'listen' ||
          event.kind === 'drawn' ||
          (event.kind === 'listened' && event.ret === 0 && !holders.has(event.ino)) ||
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
