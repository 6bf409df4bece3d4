// How one member of a group is reached, and where connections to it landed, as text or JSON lines.
import { type Member, ownerOf } from '../core/state/member.js';
import type { LoggedPick } from '../core/state/state.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import { clean, formatWait } from '../core/text/format.js';
import { toJson } from '../core/wire/json.js';

/** The way to a member; a JSON line. */
export type ReachFacts = {
  readonly kind: 'reach';
  readonly proto: string;
  /** Inode of the network namespace of the group. */
  readonly netns: number;
  /** What is dialled, and from where. */
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly n: number;
  readonly index: number;
  readonly ino: number;
  /** Who accepts on it (or its only holder); null = not known. */
  readonly pid: number | null;
  readonly comm: string | null;
  /** Source ports that lead there. */
  readonly ports: readonly number[];
  /** false: `raddr` is no address of this host, and which of its ports are free is not known. */
  readonly free: boolean;
  /** Lines to paste into a shell, for the first of the ports. */
  readonly lines: readonly string[];
};

/** A connection that was opened to get there; a JSON line. */
export type LandingFacts = {
  readonly kind: 'landing';
  readonly rport: number;
  /** Whether it got the member that was wanted; null = that was not seen. */
  readonly landed: boolean | null;
  /** The member it got; null = it got none, or that was not shown. */
  readonly index: number | null;
  readonly ino: number | null;
  readonly pid: number | null;
  readonly comm: string | null;
  /** From the end of the handshake to the return of accept(); null = it was not seen to return. */
  readonly waitNs: number | null;
  /** Why there was no connection, such as EADDRINUSE; null = there was. */
  readonly problem: string | null;
};

const memberText = (index: number, pid: number | null, comm: string | null): string =>
  `#${index}${pid === null ? '' : `, pid ${pid} ${clean(comm ?? '')}`}`;

export const reachLines = (facts: ReachFacts, kind: 'lines' | 'ndjson'): string[] => {
  if (kind === 'ndjson') return [toJson(facts)];
  const { proto, laddr, lport, raddr, n, index, pid, comm, ports, free, lines } = facts;
  const [number, of] = memberText(index, pid, comm).split(/(?=,)/, 2);
  return [
    `${proto} ${raddr} -> ${formatEndpoint(laddr, lport)}  ${number} of ${n}${of ?? ''}`,
    `source ports that lead there${free ? ', free now' : ''}: ${ports.join(' ')}`,
    ...lines.map((line) => `  ${line}`),
  ];
};

/** What became of a connection that was to get `wanted`. */
export const landingFacts = (
  wanted: Member,
  { sourcePort, problem, logged }: { sourcePort: number; problem: string | null; logged: LoggedPick | null },
): LandingFacts => {
  const pick = logged?.pick ?? null;
  const actor = logged?.acceptedBy ?? (pick?.ino === wanted.ino ? ownerOf(wanted) : null);
  return {
    kind: 'landing',
    rport: sourcePort,
    landed: pick === null ? null : pick.ino === wanted.ino,
    index: pick?.index ?? null,
    ino: pick?.ino ?? null,
    pid: actor?.pid ?? null,
    comm: actor === null ? null : clean(actor.comm),
    waitNs: logged?.waitNs ?? null,
    problem,
  };
};

export const landingLine = (facts: LandingFacts, raddr: string, kind: 'lines' | 'ndjson'): string => {
  if (kind === 'ndjson') return toJson(facts);
  const { rport, landed, index, pid, comm, waitNs, problem } = facts;
  const from = `from ${formatEndpoint(raddr, rport)}:`;
  if (problem !== null) return `${from} not connected: ${problem}`;
  if (landed === null) return `${from} connected, but its pick was not shown`;
  const where = index === null ? 'a member of unknown index' : memberText(index, pid, comm);
  const wait = waitNs === null ? 'accept() was not seen to return' : `accept() after ${formatWait(waitNs)}`;
  return `${from} ${landed ? '' : 'NOT there, but '}${where}, ${wait}`;
};
