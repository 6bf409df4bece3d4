// How many connections each process has open on the addresses that listeners share, counted now and then; it knows no member.
import type { DialEvent, Event, OpenEvent, SocketEvent } from '../core/event.js';
import { createDials, type Dials } from './dials.js';
import { addConnections, type Budget, holdersOf, isSpent, type Shared } from './established.js';
import { createPause, namespaceOf, type Pause } from './listeners.js';

/** The count of open connections, and when it is due. */
export type Opens = {
  /** Takes what a scan of /proc found in place of what was known before. */
  readonly know: (events: readonly Event[]) => void;
  /** A listener has closed. */
  readonly forget: (ino: number) => void;
  /** A connection was dialled from a listening port: nobody accepted it. */
  readonly dialled: (event: DialEvent) => void;
  /** Counts when it is time, and says what has changed; nothing while it still counts or rests. Never rejects. */
  readonly count: () => Promise<readonly OpenEvent[]>;
};

export type OpensOptions = {
  /** Usually `/proc`. */
  readonly root: string;
  /** Ports that the user asked for; empty = all. */
  readonly ports: readonly number[];
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly nowNs: () => number;
  /** Beyond these the answer is "too many", not a number that is too low. */
  readonly most?: Readonly<Budget>;
  readonly pace?: Pace;
};

/** How long from one count to the next. */
type Pace = {
  /** At least this. */
  readonly everyMs: number;
  /** And this many times its own duration. */
  readonly rest: number;
};

/** A listener, and who holds it. */
type Listener = Pick<SocketEvent, 'netns' | 'laddr' | 'lport'> & { readonly pids: readonly number[] };

/** Listeners of one address. */
type Address = Shared & { readonly isGroup: boolean; readonly pids: readonly number[] };

/** A count takes a hundredth of one CPU at most. */
const PACE: Pace = { everyMs: 5000, rest: 100 };
/** Rows of connections that close, and of those of others, are rows, too. */
const MOST = { rows: 262_144, connections: 65_536, descriptors: 65_536 } as const;

/** A counter that knows no listener yet; before two of them share an address it reads nothing. */
export const createOpens = (options: OpensOptions): Opens => {
  const { root, ports, nowNs, most = MOST, pace = PACE } = options;
  const listeners = new Map<number, Listener>();
  const dials = createDials();
  let isFirst = true;
  /** Connections that held unread bytes at the last count. */
  let unreadBefore: ReadonlySet<number> = new Set();
  let said = new Map<string, string>();
  let notBefore = 0;
  let isCounting = false;

  const look = async (spaces: readonly (readonly Address[])[]): Promise<OpenEvent[]> => {
    const budget = { ...most };
    const pause = createPause();
    const seen: Counted[] = [];
    // One after the other: each has files open, and a host may have a namespace for each of its thousand containers.
    for (const space of spaces)
      seen.push(
        ...(await lookAt(root, space, { dials, isFirst, unreadBefore }, budget, pause).catch(() => [])),
      );
    isFirst = false;
    unreadBefore = new Set(spaces.flat().flatMap(({ unread }) => [...unread]));
    return seen.map(({ netns, laddr, lport, ...counted }) => ({
      kind: 'open',
      tsNs: nowNs(),
      netns,
      laddr,
      lport,
      ...(isSpent(budget) ? { processes: null, others: 0 } : counted),
    }));
  };

  const count = async (): Promise<readonly OpenEvent[]> => {
    const started = performance.now();
    if (isCounting || started < notBefore) return [];
    notBefore = started + pace.everyMs;
    const spaces = spacesOf(listeners.values(), ports);
    if (spaces.length === 0) return [];
    isCounting = true;
    const events = await look(spaces);
    isCounting = false;
    const ended = performance.now();
    notBefore = Math.max(notBefore, ended + pace.rest * (ended - started));
    const before = said;
    said = new Map(events.map((event) => [keyOf(event), JSON.stringify({ ...event, tsNs: 0 })]));
    return events.filter((event) => before.get(keyOf(event)) !== said.get(keyOf(event)));
  };

  return {
    count,
    know: (events) => {
      const pids = new Map<number, readonly number[]>();
      for (const event of events)
        if (event.kind === 'owners') {
          const holders = event.holders.map(({ pid }) => pid);
          pids.set(event.ino, holders);
        }
      // Who listens may be others by now, of whom the same must be said.
      said = new Map();
      listeners.clear();
      for (const event of events)
        if (event.kind === 'socket' && event.proto === 'tcp')
          listeners.set(event.ino, { ...event, pids: pids.get(event.ino) ?? [] });
    },
    forget: (ino) => void listeners.delete(ino),
    dialled: dials.note,
  };
};

const keyOf = ({ netns, laddr, lport }: Pick<OpenEvent, 'netns' | 'laddr' | 'lport'>): string =>
  `${netns} ${laddr} ${lport}`;

/** The addresses on the ports that were asked for, by namespace; only of those namespaces where listeners share one. */
const spacesOf = (listeners: Iterable<Listener>, ports: readonly number[]): Address[][] => {
  const sets = new Map<string, Listener[]>();
  for (const listener of listeners) {
    if (ports.length > 0 && !ports.includes(listener.lport)) continue;
    const key = keyOf(listener);
    const set = sets.get(key);
    if (set === undefined) sets.set(key, [listener]);
    else set.push(listener);
  }
  const spaces = new Map<number, Address[]>();
  for (const set of sets.values()) {
    const [{ netns, laddr, lport } = { netns: 0, laddr: '', lport: 0 }] = set;
    const pids = [...new Set(set.flatMap((listener) => listener.pids))];
    const address: Address = {
      netns,
      laddr,
      lport,
      pids,
      isGroup: set.length > 1,
      inos: new Map(),
      unread: new Set(),
    };
    spaces.set(netns, [...(spaces.get(netns) ?? []), address]);
  }
  return [...spaces.values()].filter((space) => space.some(({ isGroup }) => isGroup));
};

type Counted = Pick<OpenEvent, 'netns' | 'laddr' | 'lport' | 'processes' | 'others' | 'unread'>;

/** The groups of one namespace with their connections; none when nobody is left to read its tables by. */
const lookAt = async (
  root: string,
  space: readonly Address[],
  {
    dials,
    isFirst,
    unreadBefore,
  }: { readonly dials: Dials; readonly isFirst: boolean; readonly unreadBefore: ReadonlySet<number> },
  budget: Budget,
  pause: Pause,
): Promise<Counted[]> => {
  const groups = space.filter(({ isGroup }) => isGroup);
  const pids = new Set(groups.flatMap((group) => group.pids));
  const reader = [...pids].find((pid) => namespaceOf(root, pid) === groups[0]?.netns);
  if (reader === undefined) return [];
  const folder = `${root}/${reader}/net`;
  const heard = isFirst ? new Set<string>() : null;
  await addConnections(folder, space, budget, pause, heard);
  for (const { inos } of groups) dials.sift(inos, isFirst, heard ?? new Set());
  const lasting = new Set(groups.flatMap(({ unread }) => [...unread].filter((ino) => unreadBefore.has(ino))));
  const inos = new Set([...groups.flatMap((group) => [...group.inos.keys()]), ...lasting]);
  const held =
    inos.size === 0 || isSpent(budget) ? new Map() : await holdersOf(root, pids, inos, budget, pause);
  if (held.size < inos.size && !isSpent(budget)) {
    // Some have closed meanwhile: what is still there is somebody else's.
    const again = space.map((address) => ({
      ...address,
      inos: new Map<number, string>(),
      unread: new Set<number>(),
    }));
    await addConnections(folder, again, budget, pause);
    const left = new Set(again.flatMap((address) => [...address.inos.keys()]));
    for (const group of groups)
      for (const ino of group.inos.keys()) if (!held.has(ino) && !left.has(ino)) group.inos.delete(ino);
  }
  return groups.map(({ netns, laddr, lport, inos: its, unread }) => {
    const idle =
      divide(
        [...unread].filter((ino) => lasting.has(ino)),
        held,
      ).processes ?? [];
    const kept = idle.length === 0 ? {} : { unread: idle };
    return { netns, laddr, lport, ...divide([...its.keys()], held), ...kept };
  });
};

const divide = (
  inos: readonly number[],
  held: ReadonlyMap<number, number | null>,
): Pick<OpenEvent, 'processes' | 'others'> => {
  const counts = new Map<number, number>();
  let others = 0;
  for (const ino of inos) {
    const pid = held.get(ino) ?? null;
    if (pid === null) others++;
    else counts.set(pid, (counts.get(pid) ?? 0) + 1);
  }
  const processes = [...counts].map(([pid, connections]) => ({ pid, connections }));
  return { processes: processes.sort((a, b) => a.pid - b.pid), others };
};
