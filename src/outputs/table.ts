// The table of groups and members as plain text of 80 columns: the closing summary, and what --once prints.

import type { Rung } from '../core/event.js';
import { type Group, livePicks } from '../core/state/group.js';
import {
  clientsOf,
  countsWakeUps,
  droppedOf,
  isFull,
  type Member,
  ownerOf,
  picksOf,
  queueOf,
  takenOf,
  total,
} from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatClients } from '../core/statistics/clients.js';
import { quantile } from '../core/statistics/latency.js';
import { formatEndpoint, formatProto } from '../core/text/endpoint.js';
import { clean, formatBytes, formatCount, formatWait } from '../core/text/format.js';
import { areApart, commandOf, haveThreads, inCommon, placeOf, threadOf } from '../core/words/identity.js';
import { netnsName } from '../core/words/netns.js';
import { countCauses, steeringText } from '../core/words/steering.js';
import { membersOf, secondsOf, summaryFacts } from './closing.js';
import { findingLines } from './findings.js';
import { judged } from './judged.js';

/** The whole run in words and tables, without a line end at the end. */
export const formatTable = (state: State): string => {
  const members = membersOf(state);
  const causes = countCauses(state);
  const blocks = [...new Set(members.map((member) => member.group))].map((key) =>
    formatGroup(
      state,
      state.groups.get(key),
      members.filter((member) => member.group === key),
      steeringText(state.groups.get(key), causes.get(key)),
    ),
  );
  if (blocks.length === 0) blocks.push(emptyText(state));
  return [...blocks, [...findingLines(state), summaryLine(state)].join('\n')].join('\n\n');
};

const emptyText = (state: State): string => {
  const { ports } = state.scope;
  const where = ports.length === 0 ? 'anywhere' : `on port ${ports.join(', ')}`;
  return `Nothing listened ${where}.`;
};

const formatGroup = (
  state: State,
  group: Group | undefined,
  members: readonly Member[],
  steering: string | null,
): string => {
  const [first] = members;
  if (first === undefined) return '';
  const picks = members.reduce((sum, member) => sum + picksOf(member), 0);
  const taken = members.reduce((sum, member) => sum + takenOf(member), 0);
  const rung = state.rung;
  const isUdp = first.proto === 'udp';
  const listening = members.filter((member) => member.closedNs === null).length;
  const netns = netnsName(state, first.netns);
  const head = [
    `${formatProto(first.proto, first.laddr)} ${formatEndpoint(first.laddr, first.lport)}`,
    ...(netns === 'host' ? [] : [`netns ${netns}`]),
    kindOf(group, listening, isUdp ? 'socket' : 'listener'),
    `${countsWakeUps(first, rung) ? 'wake-ups' : 'picks'} ${formatCount(picks)}`,
    `${isUdp ? 'received' : 'accepted'} ${formatCount(taken)}`,
  ].join('  ');
  const verdict = group === undefined ? [] : verdictLines(state, group);
  const ofAll = group === undefined ? 0 : livePicks(group);
  const namers = namersOf(members);
  const rows = members.flatMap((member) => [
    isUdp ? receiverLine(member, ofAll, rung) : memberLine(member, ofAll),
    ...joinNames(
      6,
      namers.apart.map((nameOf) => nameOf(member)),
    ),
  ]);
  const heading = isUdp ? udpHeading(countsWakeUps(first, rung)) : HEADING;
  const chosen = steering === null ? [] : breakAfter(';', steering);
  return [
    head,
    ...joinNames(2, namers.inCommon),
    ...chosen,
    heading,
    ...rows,
    ...moves(members),
    ...verdict,
  ].join('\n');
};

const nameOf = (member: Member): string => {
  const owner = ownerOf(member);
  return owner === null ? `ino ${member.ino}` : `pid ${owner.pid}`;
};

/** From whom and to whom the kernel moved connections when a member closed. */
const moves = (members: readonly Member[]): string[] => {
  const named = (way: 'from' | 'to', counter: 'moved_from' | 'moved_to'): string[] =>
    members.flatMap((member) => {
      const moved = total(member.counters[counter]);
      if (moved === 0) return [];
      return [`${formatCount(moved)} ${way} ${nameOf(member)}`];
    });
  const parts = [...named('from', 'moved_from'), ...named('to', 'moved_to')];
  return parts.length === 0 ? [] : [`  moved when a listener closed: ${parts.slice(0, 4).join(', ')}`];
};

/** What all of the members are called, to be said once, and what tells one from the others. */
export const namersOf = (
  members: readonly Member[],
): {
  readonly inCommon: readonly (string | null)[];
  readonly apart: readonly ((member: Member) => string | null)[];
} => {
  const namers = [placeOf, ...(haveThreads(members) ? [threadOf] : []), commandOf];
  return {
    inCommon: namers.map((nameOf) => inCommon(members, nameOf)),
    apart: namers.filter((nameOf) => areApart(members, nameOf)),
  };
};

const joinNames = (indent: number, names: readonly (string | null)[]): string[] => {
  const text = ' '.repeat(indent) + names.filter((name) => name !== null).join('  ');
  return text.trim() === '' ? [] : [text.length <= 80 ? text : `${text.slice(0, 77)}...`];
};

/** What is to be said of the shares, in two lines when one is too long. */
const verdictLines = (state: State, group: Group): string[] => {
  const verdict = judged(state, group);
  return verdict === null ? [] : breakAfter(':', verdict.text);
};

/** Indented; in several lines where one is too long. */
const breakAfter = (mark: ':' | ';', text: string): string[] =>
  text.length <= 78
    ? [`  ${text}`]
    : text.split(`${mark} `).map((part, i, parts) => {
        const end = i === parts.length - 1 ? '' : mark;
        return `${i === 0 ? '  ' : '    '}${part}${end}`;
      });

const kindOf = (group: Group | undefined, listening: number, noun: string): string => {
  const isPlain = [...(group?.members.values() ?? [])].some((member) => member.reuseport === false);
  const count = `${listening} ${noun}${listening === 1 ? '' : 's'}`;
  return isPlain ? `${count} without SO_REUSEPORT` : count;
};

// The widest of each: pid 4194304, comm of 15, 999,999, 100%, 65535/65535, 999.9ms; 80 columns in all.
const HEADING = '  IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99';

/** RCV QUEUE: bytes in the receive queue / size of the receive buffer. */
const udpHeading = (isWakeUps: boolean): string =>
  `  IDX     PID COMM            ${isWakeUps ? 'WAKE-UPS' : '   PICKS'} SHARE RECEIVED   RCV QUEUE   DROPS CLIENTS`;

const receiverLine = (member: Member, ofAll: number, rung: Rung | null): string => {
  const open =
    member.peer === null ? `${formatBytes(queueOf(member))}/${formatBytes(member.backlog)}` : 'connected';
  const queue = member.closedNs === null ? open : 'closed';
  return [
    '  ',
    whoColumns(member, ofAll),
    formatCount(takenOf(member)).padStart(9),
    queue.padStart(12),
    formatCount(droppedOf(member, rung)).padStart(8),
    formatClients(clientsOf(member, rung)).padStart(8),
  ].join('');
};

const whoColumns = (member: Member, ofAll: number): string => {
  const owner = ownerOf(member);
  const mine = picksOf(member);
  const holders = owner === null && member.holders.length > 1 ? `${member.holders.length} holders` : '-';
  return [
    (member.closedNs === null ? String(member.index ?? '-') : '-').padStart(3),
    String(owner?.pid ?? '-').padStart(8),
    ` ${clean(owner?.comm ?? holders).padEnd(15)}`,
    formatCount(mine).padStart(8),
    (member.closedNs === null ? formatShare(mine, ofAll) : '-').padStart(6),
  ].join('');
};

const memberLine = (member: Member, ofAll: number): string => {
  const queue = member.closedNs === null ? `${queueOf(member) ?? '-'}/${member.backlog ?? '-'}` : 'closed';
  return [
    isFull(member) ? 'x ' : '  ',
    whoColumns(member, ofAll),
    formatCount(total(member.counters.accepted)).padStart(9),
    queue.padStart(12),
    formatWait(quantile(member.waits, 0.5)).padStart(8),
    formatWait(quantile(member.waits, 0.99)).padStart(8),
  ].join('');
};

/** Of the picks of all members that are there now, shown or not: 96.0%, and 100% without decimals: they would not fit. */
const formatShare = (mine: number, ofAll: number): string => {
  if (ofAll === 0) return '-';
  const share = (100 * mine) / ofAll;
  return share >= 99.95 ? '100%' : `${share.toFixed(1)}%`;
};

const wakeUpsNote = (state: State): string[] =>
  membersOf(state).some((member) => countsWakeUps(member, state.rung))
    ? ['UDP on this rung: wake-ups, not datagrams (one may stand for several); what was received is exact.']
    : [];

const summaryLine = (state: State): string => {
  const facts = summaryFacts(state);
  const { picks, shown, sampledAway, lost } = facts;
  const counted = `${formatCount(picks)} picks in ${secondsOf(state).toFixed(1)} s`;
  // Counts come once a second, lines at once: in between, as where a recording was cut, there is no account.
  const account =
    shown + sampledAway + lost === picks
      ? ` = ${formatCount(shown)} shown + ${formatCount(sampledAway)} sampled away + ${formatCount(lost)} lost`
      : ` at the last count; ${formatCount(shown)} shown by now`;
  const run = `${facts.rung ?? '-'} rung, Linux ${clean(facts.kernel ?? '-')}, bpftrace ${clean(facts.bpftrace ?? '-')}`;
  return [`${counted}${account}`, ...wakeUpsNote(state), run].join('\n');
};
