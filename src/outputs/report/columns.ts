// The columns of a report's table of members: the same cells in HTML and Markdown, `-` with why where a number cannot be known.
import type { Rung } from '../../core/event.js';
import {
  clientsOf,
  countsWakeUps,
  droppedOf,
  type Member,
  ownerOf,
  picksOf,
  queueOf,
} from '../../core/state/member.js';
import { quantile } from '../../core/statistics/latency.js';
import { clean, formatBytes, formatWait } from '../../core/text/format.js';
import type { MemberFacts } from '../closing.js';
import { exact, percent, times } from './format.js';

/** What a cell is made of. */
export type Row = {
  readonly member: Member;
  readonly facts: MemberFacts;
  /** Its part of the group's picks, 0 to 1; null = it has left, or nothing was picked. */
  readonly share: number | null;
  /** 1 / n; null = nobody shares. */
  readonly fair: number | null;
  readonly rung: Rung | null;
};

export type Cell = {
  readonly text: string;
  /** Why it is `-`; null = it is not. */
  readonly why: string | null;
};

export type Column = {
  readonly title: string;
  readonly isNumber: boolean;
  readonly cell: (row: Row) => Cell;
};

const known = (text: string): Cell => ({ text, why: null });
const unknown = (why: string): Cell => ({ text: '-', why });
const counted = (value: number | null, why: string): Cell =>
  value === null ? unknown(why) : known(exact(value));

const number = (title: string, cell: Column['cell']): Column => ({ title, isNumber: true, cell });

/** The columns of a group of TCP or of UDP. */
export const columnsOf = (first: Member, rung: Rung | null): readonly Column[] =>
  first.proto === 'tcp'
    ? [...who(), ...picks('PICKS'), ...TCP]
    : [...who(), ...picks(countsWakeUps(first, rung) ? 'WAKE-UPS' : 'PICKS'), ...UDP];

const who = (): Column[] => [
  number('IDX', ({ facts }) =>
    facts.listening
      ? counted(facts.index, 'the kernel was not yet seen to use that socket, or it shares with nobody')
      : unknown('it has left'),
  ),
  number('PID', ({ facts, member }) =>
    facts.pid === null ? unknown(whyNobody(member)) : known(String(facts.pid)),
  ),
  {
    title: 'COMM',
    isNumber: false,
    cell: ({ member }) => {
      const owner = ownerOf(member);
      return owner === null ? unknown(whyNobody(member)) : known(clean(owner.comm));
    },
  },
];

const whyNobody = ({ holders }: Member): string =>
  holders.length > 1
    ? `${holders.length} processes hold that socket, and none was seen to accept on it`
    : 'no process was found that holds that socket';

const picks = (title: string): Column[] => [
  number(title, ({ member }) => known(exact(picksOf(member)))),
  number('SHARE', ({ share, facts }) =>
    share === null ? unknown(whyNoShare(facts)) : known(percent(share)),
  ),
  number('x FAIR', ({ share, fair, facts }) => {
    if (share === null) return unknown(whyNoShare(facts));
    return fair === null ? unknown('it shares with nobody') : known(times(share / fair));
  }),
];

const whyNoShare = ({ listening }: MemberFacts): string =>
  listening ? 'nothing was picked' : 'it has left: its picks are no part of those that share now';

const wait = (title: string, q: number): Column =>
  number(title, ({ member }) => {
    const ns = quantile(member.waits, q);
    return ns === null ? unknown('no accept was seen of a pick that was shown') : known(formatWait(ns));
  });

const UNSEEN = 'the tracepoint rung does not see it';

const TCP: readonly Column[] = [
  number('ACCEPTED', ({ facts }) => known(exact(facts.accepted))),
  {
    title: 'QUEUE',
    isNumber: true,
    cell: ({ member, facts }) => queueCell(member, facts, (value) => exact(value)),
  },
  number('DROPS', ({ member, rung }) => counted(droppedOf(member, rung), UNSEEN)),
  wait('P50', 0.5),
  wait('P99', 0.99),
  wait('MAX', 1),
];

const UDP: readonly Column[] = [
  number('RECEIVED', ({ facts }) => known(exact(facts.received ?? 0))),
  number('RCV QUEUE', ({ member, facts }) => queueCell(member, facts, formatBytes)),
  number('DROPS', ({ member, rung }) => counted(droppedOf(member, rung), '/proc was not read')),
  number('CLIENTS', ({ member, rung }) => {
    const clients = clientsOf(member, rung);
    if (clients === null) return unknown(UNSEEN);
    return known(clients.isMore ? `>${exact(clients.about)}` : `about ${exact(clients.about)}`);
  }),
];

const queueCell = (member: Member, facts: MemberFacts, format: (value: number) => string): Cell => {
  if (!facts.listening)
    return facts.queuedAtClose === null
      ? unknown('it has left, and how many were queued then was not seen')
      : known(`left with ${format(facts.queuedAtClose)}`);
  if (member.peer !== null) return known(`connected to ${clean(member.peer)}`);
  const queue = queueOf(member);
  if (queue === null) return unknown('neither a pick nor /proc has told the length of its queue yet');
  return known(`${format(queue)}/${facts.backlog === null ? '-' : format(facts.backlog)}`);
};
