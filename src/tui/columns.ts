// The columns of the table of members as data: name, width, text, order of dropping, what to sort by.

import { seesFunctions } from '../core/rung.js';
import { countsWakeUps, type Member, queueOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatClients } from '../core/statistics/clients.js';
import { quantile } from '../core/statistics/latency.js';
import { formatCount, formatRate, formatWait } from '../core/text/format.js';
import { areApart, commandOf, haveThreads, placeOf } from '../core/words/identity.js';
import { markedBar } from './bars.js';
import { type MemberFacts, queueOfText } from './rows.js';
import type { Column } from './table.js';
import { cells, cutMiddle, percent } from './text.js';

const RIGHT = 'right';
const LEFT = 'left';

/** Those that this rung can fill; names only where they tell the members of the group apart, else they stand above the table. */
export const memberColumns = (state: State, members: readonly Member[]): readonly Column<MemberFacts>[] => {
  const isUdp = members[0]?.proto === 'udp';
  const isWakeUps = members[0] !== undefined && countsWakeUps(members[0], state.rung);
  const isNeeded: Readonly<Record<string, () => boolean>> = {
    accepts: () => !isUdp,
    p50: () => !isUdp,
    p99: () => !isUdp,
    open: () => members.some((member) => member.open !== null),
    received: () => isUdp,
    clients: () => isUdp && !isWakeUps,
    dropped: () => isUdp || seesFunctions(state.rung),
    picks: () => !isWakeUps,
    wakeups: () => isWakeUps,
    tid: () => haveThreads(members),
    place: () => areApart(members, placeOf),
    command: () => areApart(members, commandOf),
  };
  return MEMBER_COLUMNS.filter(
    ({ id, isOffered }) => isOffered?.(state) !== false && isNeeded[id]?.() !== false,
  );
};

const MEMBER_COLUMNS: readonly Column<MemberFacts>[] = [
  {
    id: 'index',
    title: 'IDX',
    align: RIGHT,
    width: 4,
    drop: 0,
    text: ({ member }) => (member.index === null ? '-' : String(member.index)),
    sortBy: ({ member }) => member.index,
  },
  {
    id: 'pid',
    title: 'PID',
    align: RIGHT,
    width: 7,
    drop: 0,
    text: ({ owner }) => (owner === null ? '-' : String(owner.pid)),
    sortBy: ({ owner }) => owner?.pid ?? null,
  },
  {
    id: 'tid',
    title: 'TID',
    align: RIGHT,
    width: 7,
    drop: 2,
    text: ({ member }) => String(member.acceptor?.tid ?? '-'),
  },
  {
    id: 'comm',
    title: 'COMM',
    align: LEFT,
    width: 7,
    widest: 20,
    drop: 2,
    text: ({ name }) => name,
    sortBy: ({ name }) => name,
  },
  {
    id: 'place',
    title: 'RUNS IN',
    align: LEFT,
    width: 19,
    widest: 32,
    drop: 4,
    text: ({ member }) => cells(placeOf(member) ?? '-'),
  },
  { id: 'fd', title: 'FD', align: RIGHT, width: 4, drop: 7, text: (facts) => fdOf(facts) },
  {
    id: 'boundBy',
    title: 'BOUND BY',
    align: RIGHT,
    width: 8,
    drop: 8,
    text: ({ member }) => (member.listener === null ? '-' : String(member.listener.pid)),
  },
  {
    id: 'picks',
    title: 'PICKS',
    align: RIGHT,
    width: 7,
    drop: 4,
    text: ({ picks }) => formatCount(picks),
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'wakeups',
    title: 'WAKE-UPS',
    align: RIGHT,
    width: 8,
    drop: 4,
    text: ({ picks }) => formatCount(picks),
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'received',
    title: 'RECEIVED',
    align: RIGHT,
    width: 8,
    drop: 5,
    text: ({ taken }) => formatCount(taken),
    sortBy: ({ taken }) => taken,
  },
  {
    id: 'accepts',
    title: 'ACCEPTS',
    align: RIGHT,
    width: 8,
    drop: 6,
    text: ({ taken }) => formatCount(taken),
    sortBy: ({ taken }) => taken,
  },
  {
    id: 'rate',
    title: 'RATE/S',
    align: RIGHT,
    width: 7,
    drop: 0,
    text: ({ member }) => formatRate(member.perSecond),
    sortBy: ({ member }) => member.perSecond,
  },
  {
    id: 'bar',
    title: 'SHARE│',
    align: LEFT,
    width: 8,
    widest: 24,
    isElastic: true,
    drop: 3,
    text: ({ share, fair, scale }, width) => markedBar(share ?? 0, fair, scale, width),
  },
  {
    id: 'share',
    title: '%',
    align: RIGHT,
    width: 5,
    drop: 0,
    text: ({ share }) => (share === null ? '-' : percent(share)),
    sortBy: ({ share }) => share,
  },
  {
    id: 'queue',
    title: 'QUEUE',
    align: RIGHT,
    width: 9,
    drop: 0,
    text: ({ member }) => queueOfText(member),
    sortBy: ({ member }) => queueOf(member),
  },
  {
    id: 'dropped',
    title: 'DROPS',
    align: RIGHT,
    width: 7,
    drop: 3,
    text: ({ dropped }) => formatCount(dropped),
    sortBy: ({ dropped }) => dropped,
  },
  {
    id: 'open',
    title: 'OPEN',
    align: RIGHT,
    width: 7,
    drop: 10,
    text: ({ member }) => formatCount(member.open),
    sortBy: ({ member }) => member.open,
  },
  {
    id: 'clients',
    title: 'CLIENTS',
    align: RIGHT,
    width: 7,
    drop: 6,
    text: ({ clients }) => formatClients(clients),
    sortBy: ({ clients }) => clients?.about ?? null,
  },
  {
    id: 'p50',
    title: 'P50',
    align: RIGHT,
    width: 7,
    drop: 9,
    text: ({ member }) => formatWait(quantile(member.waits, 0.5)),
    sortBy: ({ member }) => quantile(member.waits, 0.5),
  },
  {
    id: 'p99',
    title: 'P99',
    align: RIGHT,
    width: 7,
    drop: 5,
    text: ({ member }) => formatWait(quantile(member.waits, 0.99)),
    sortBy: ({ member }) => quantile(member.waits, 0.99),
  },
  {
    id: 'command',
    title: 'COMMAND',
    align: LEFT,
    width: 32,
    widest: 60,
    drop: 5,
    text: ({ member }, width) => cutMiddle(cells(commandOf(member) ?? '-'), width, 0),
  },
];

/** The descriptor in the process that serves the socket; `5+` where it has several. */
const fdOf = ({ member, owner }: MemberFacts): string => {
  const fds = member.holders.find((holder) => holder.pid === owner?.pid)?.fds ?? [];
  const [first, ...others] = fds;
  if (first === undefined) return '-';
  return others.length === 0 ? String(first) : `${first}+`;
};
