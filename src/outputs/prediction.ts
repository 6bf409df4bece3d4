// Which member each source port of a client gets, as a table of 80 columns or a JSON line a port.

import type { Group } from '../core/state/group.js';
import { ownerOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import { clean, formatCount } from '../core/text/format.js';
import type { Sources } from '../core/text/sources.js';
import { toJson } from '../core/wire/json.js';
import { netnsName } from '../core/words/netns.js';
import { tupleOf, withPort } from '../hash/jhash.js';
import type { Oracle } from '../hash/predict.js';

/** One connection that may come; a JSON line. */
export type PredictionFacts = {
  readonly kind: 'prediction';
  readonly proto: string;
  /** Inode of the network namespace of the group. */
  readonly netns: number;
  /** What the client dials, and from where. */
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly rport: number;
  /** Members now, and the index in socks[] that this connection gets. */
  readonly n: number;
  readonly index: number;
  readonly ino: number;
  /** Who accepts on that member (or its only holder); null = not known. */
  readonly pid: number | null;
  readonly comm: string | null;
  /** Its index with one member less and one more; null = there would be none, or the hash is not known (n = 1). */
  readonly fewer: number | null;
  readonly more: number | null;
};

export type Asked = {
  readonly state: State;
  readonly group: Group;
  readonly oracle: Oracle;
  readonly sources: Sources;
  /** The address that the client dials. */
  readonly laddr: string;
};

/** One for each source port, in order. */
export const predictions = ({ group, oracle, sources, laddr }: Asked): PredictionFacts[] => {
  const { raddr, from, to } = sources;
  const { proto, netns, lport } = group;
  const { n, members, indexOf } = oracle;
  const tuple = tupleOf({ laddr, lport, raddr, rport: from });
  if (tuple === null) return [];
  return Array.from({ length: to - from + 1 }, (_, at) => {
    const rport = from + at;
    const one = withPort(tuple, rport);
    const index = indexOf(one) ?? 0;
    const member = members[index];
    const owner = member === undefined ? null : ownerOf(member);
    return {
      kind: 'prediction',
      ...{ proto, netns, laddr, lport, raddr, rport, n, index },
      ino: member?.ino ?? 0,
      pid: owner?.pid ?? null,
      comm: owner === null ? null : clean(owner.comm),
      fewer: n > 1 ? indexOf(one, n - 1) : null,
      more: indexOf(one, n + 1),
    };
  });
};

/** Up to so many ports have a row each. */
const ROWS = 20;
/** First ports of a member that are named. */
const NAMED = 3;

/** Lines of a table, or of NDJSON. */
export const formatPrediction = (asked: Asked, kind: 'lines' | 'ndjson'): string[] => {
  const all = predictions(asked);
  if (kind === 'ndjson') return all.map((each) => toJson(each));
  const { state, group, oracle, sources, laddr } = asked;
  const { n } = oracle;
  const netns = netnsName(state, group.netns);
  const ports = sources.from === sources.to ? `:${sources.from}` : `:${sources.from}-${sources.to}`;
  const head = `${group.proto} ${sources.raddr}${ports} -> ${formatEndpoint(laddr, group.lport)}${netns === 'host' ? '' : `  netns ${netns}`}  ${n} member${n === 1 ? '' : 's'}`;
  return [head, ...(all.length <= ROWS ? portRows(all, n) : memberRows(all, oracle))];
};

const indexText = (index: number | null): string => (index === null ? '-' : `#${index}`);
const nText = (n: number): string => (n < 1 ? '' : `n = ${n}`).padStart(7);
const actorText = (pid: number | null, comm: string | null): string =>
  `${String(pid ?? '-').padStart(7)} ${clean(comm ?? '-')
    .slice(0, 12)
    .padEnd(12)}`;

const portRows = (all: readonly PredictionFacts[], n: number): string[] => [
  `   PORT  INDEX     PID COMM        ${nText(n - 1)} ${nText(n + 1)}`,
  ...all.map(
    ({ rport, index, pid, comm, fewer, more }) =>
      `${String(rport).padStart(7)} ${indexText(index).padStart(6)} ${actorText(pid, comm)}${(n === 1 ? '' : indexText(fewer)).padStart(7)} ${indexText(more).padStart(7)}`,
  ),
];

/** A row for each member, and one for the member that there would be with one more. */
const memberRows = (all: readonly PredictionFacts[], { n, members }: Oracle): string[] => {
  const ports = new Map<number, PredictionFacts[]>();
  for (const each of all) {
    const its = ports.get(each.index);
    if (its === undefined) ports.set(each.index, [each]);
    else its.push(each);
  }
  const counts = { fewer: countOf(all, 'fewer'), more: countOf(all, 'more') };
  const counted = (count: number | undefined, isKnown: boolean): string =>
    (isKnown ? formatCount(count ?? 0) : '').padStart(7);
  const hasMore = all.every(({ more }) => more !== null);
  const rows = [...members, null].map((member, index) => {
    const its = ports.get(index) ?? [];
    const owner = member === null ? null : ownerOf(member);
    const named = its.slice(0, NAMED).map(({ rport }) => String(rport));
    return [
      indexText(index).padStart(6),
      member === null ? ' '.repeat(20) : actorText(owner?.pid ?? null, owner?.comm ?? null),
      counted(its.length, member !== null),
      (member === null ? '' : `${((100 * its.length) / all.length).toFixed(1)}%`).padStart(6),
      counted(counts.fewer.get(index), n > 1 && index < n - 1),
      counted(counts.more.get(index), hasMore),
      ` ${named.join(' ')}${its.length > NAMED ? ' ...' : ''}`,
    ].join(' ');
  });
  return [
    ` INDEX     PID COMM           PORTS  SHARE ${nText(n - 1)} ${nText(n + 1)}  FIRST PORTS`,
    ...(hasMore ? rows : rows.slice(0, -1)).map((row) => row.trimEnd()),
  ];
};

const countOf = (all: readonly PredictionFacts[], which: 'fewer' | 'more'): Map<number | null, number> => {
  const counts = new Map<number | null, number>();
  for (const each of all) counts.set(each[which], (counts.get(each[which]) ?? 0) + 1);
  return counts;
};
