// Opens the source that a request asks for, live or recorded, and checks first what a live one needs of the host.
import type { Recorded, RunRequest, View } from './args/request.js';
import { functionsOf, joinParts, partsOf } from './bpftrace/program.js';
import type { Event, Proto, Rung } from './core/event.js';
import type { Scope } from './core/state/state.js';
import { UserError } from './errors.js';
import { cutBtf } from './host/cutbtf.js';
import { absentOf, chooseRung } from './host/ladder.js';
import type { Ladder } from './live/live.js';
import type { Candidate } from './live/tracing.js';
import { findNetns, HOST_PROC, isNetnsInode } from './proc/listeners.js';
import { openReplay, type Replay } from './recording/replay.js';

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
  /** Process ids of every bpftrace that runs, the one that counts first. */
  readonly tracerPids: () => readonly number[];
  /** What to take into State. */
  readonly scope: Scope;
  /** Of a replay; null live. */
  readonly replay: Pick<Replay, 'isCatchingUp' | 'progress' | 'stopped'> | null;
};

/** What the user asked to see. Throws a UserError when the namespace is unknown. */
const scopeOf = (view: View): Scope => ({
  ports: view.ports,
  family: view.family,
  ...(view.proto === null ? {} : { proto: view.proto }),
  netns: view.netns === null ? null : netnsOf(view.netns),
  pid: view.pid,
});

const netnsOf = (text: string): number => {
  const netns = findNetns(text, HOST_PROC);
  if (netns !== null) return netns;
  const why = isNetnsInode(text)
    ? 'no process is in one of that inode'
    : 'no such name in /run/netns and no such process';
  throw new UserError(`cannot show the network namespace '${text}': ${why}`, {
    hint: 'ip netns list   shows the names; a process id or the inode of its namespace will do too',
  });
};

/** In a replay: what the recorded run was asked for, unless the user asks for something else now. */
const replayScope = (view: View, recorded: Scope | null): Scope => ({
  ports: view.ports.length > 0 ? view.ports : (recorded?.ports ?? []),
  family: view.family ?? recorded?.family ?? null,
  ...protoOf(view, recorded),
  netns: view.netns === null ? (recorded?.netns ?? null) : recordedNetns(view.netns),
  pid: view.pid ?? recorded?.pid ?? null,
});

const protoOf = (view: View, recorded: Scope | null): Pick<Scope, 'proto'> => {
  const proto = view.proto ?? recorded?.proto;
  return proto === undefined ? {} : { proto };
};

/** Names and process ids of this host say nothing of another. */
const recordedNetns = (text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UserError(`cannot show the network namespace '${text}' of a recording by that name`, {
    hint: 'name it by its inode, as --output ndjson prints it',
  });
};

const openRecorded = async (recorded: Recorded, view: View): Promise<Source> => {
  const stopping = new AbortController();
  const replay = await openReplay({ ...recorded, seconds: view.duration, signal: stopping.signal });
  return {
    events: replay.events,
    stop: () => stopping.abort(),
    restart: null,
    isLive: false,
    nowNs: null,
    tracerPids: () => [],
    scope: replayScope(view, replay.scope),
    replay,
  };
};

/** Opens the source. Throws a UserError with what to try when this host cannot be traced, or the recording not be read. */
export const openSource = async (request: RunRequest): Promise<Source> => {
  if (request.command === 'replay') return openRecorded(request.recorded, request.view);
  const scope = scopeOf(request.view);
  // What starts bpftrace takes 100 ms to load, which help and replays do without.
  const [{ findObstacle }, { monotonicNs, openLive }] = await Promise.all([
    import('./host/facts.js'),
    import('./live/live.js'),
  ]);
  const obstacle = findObstacle();
  if (obstacle !== null) throw obstacle;
  const live = openLive({
    findLadder: () => findLadder(request.rung, request.view.proto),
    ports: request.view.ports,
    ...(request.view.proto === null ? {} : { proto: request.view.proto }),
    budgetPerSecond: request.budgetPerSecond,
  });
  return { ...live, isLive: true, nowNs: monotonicNs, scope, replay: null };
};

/**
 * The rungs that nothing we can see speaks against, best first, each with its program less what this kernel lacks. What
 * only loading can tell (a kernel that denies fentry) shows when the run starts, and the next one is taken.
 */
const findLadder = async (forced: Rung | null, proto: Proto | null): Promise<Ladder> => {
  const { askHost, THIS_HOST } = await import('./host/facts.js');
  const facts = await askHost(THIS_HOST, () => undefined, { tryLoading: false });
  const { problem, hint, version } = facts.bpftrace;
  if (problem !== null) throw new UserError(`cannot trace: ${problem}`, hint === null ? {} : { hint });
  const { verdicts } = chooseRung(facts, forced);
  const works = verdicts.filter((verdict) => verdict.works);
  const candidates = works.map(({ rung, probes }): Candidate => {
    const absent = absentOf(facts, probes);
    // 0.23 finds no fentry in types that lack the function it tries that with.
    const isCut = rung !== 'fentry' && readsTypesAsC(version ?? '');
    return {
      rung,
      parts: partsOf(rung, proto),
      load: (parts, isCounting, isWhole) => {
        const program = joinParts(rung, absent, parts, isCounting ? (proto ?? 'both') : null);
        const types = isCut && !isWhole ? cutBtf(facts.types, program, functionsOf(program)) : null;
        return { program, types };
      },
    };
  });
  const rejected = verdicts
    .filter((verdict) => !verdict.works)
    .map(({ rung, why }) => ({ rung, why: why.join('; ') }));
  const [first, ...others] = candidates;
  if (first === undefined) {
    throw new UserError(`cannot trace: ${rejected.map(({ rung, why }) => `${rung}: ${why}`).join('\n')}`, {
      hint: 'try: reuseport-trace doctor',
    });
  }
  return { candidates: [first, ...others], rejected, bpftrace: version ?? '-' };
};

/** 0.17 and 0.23 give clang what the BTF says; 0.27 does not, and looks there for what no program names. Between them nobody has looked. */
const readsTypesAsC = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === 0 && minor < 24;
};
