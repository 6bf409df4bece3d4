// The columns of the tables of members, from which the screen, the table, the report and the metrics take theirs.
import type { Rung } from '../core/event.js';
import { seesFunctions } from '../core/rung.js';
import {
  clientsOf,
  countsWakeUps,
  droppedOf,
  type Member,
  picksOf,
  queueOf,
  takenOf,
} from '../core/state/member.js';
import { formatClients } from '../core/statistics/clients.js';
import { quantile } from '../core/statistics/latency.js';
import { formatCount, formatRate, formatWait } from '../core/text/format.js';
import { exact, queueExact, queueText, tableQueueText, whyNoQueue, whyNoShare } from './cells.js';
import type { Column, Row } from './column.js';
import { COMMAND, NAMED } from './named.js';

const isTcp = ([first]: readonly Member[]): boolean => first?.proto !== 'udp';
const isUdp = (members: readonly Member[]): boolean => !isTcp(members);
const areWakeUps = ([first]: readonly Member[], rung: Rung | null): boolean =>
  first !== undefined && countsWakeUps(first, rung);

const UNSEEN = 'the tracepoint rung does not see it';
const picks = {
  align: 'right',
  text: ({ member }: Row) => formatCount(picksOf(member)),
  value: ({ member }: Row) => picksOf(member),
  table: { width: 8 },
  report: { text: ({ member }: Row) => exact(picksOf(member)), why: () => '' },
} as const;

const wait = (title: string, q: number, of: Pick<Column, 'screen' | 'table'>): Column => ({
  id: title.toLowerCase(),
  title,
  align: 'right',
  about: 'wait from handshake to accept(), of the picks shown',
  text: ({ member }) => formatWait(quantile(member.waits, q)),
  value: ({ member }) => quantile(member.waits, q),
  isNeeded: isTcp,
  ...of,
  report: {
    text: ({ member }) => formatWait(quantile(member.waits, q)),
    why: () => 'no accept was seen of a pick that was shown',
  },
});

/** In the order in which they stand. */
export const COLUMNS: readonly Column[] = [
  ...NAMED,
  {
    ...picks,
    id: 'picks',
    title: 'PICKS',
    about: 'connections the kernel gave to this listener',
    isNeeded: (members, rung) => !areWakeUps(members, rung),
    screen: { width: 7, drop: 4 },
    metric: {
      name: 'picks_total',
      type: 'counter',
      help: 'Times the kernel picked it; on the tracepoint rung: finished handshakes queued on it, of UDP wake-ups of its readers. Exact.',
    },
  },
  {
    ...picks,
    id: 'wakeups',
    title: 'WAKE-UPS',
    about: 'times its readers were woken',
    isNeeded: areWakeUps,
    screen: { width: 8, drop: 4 },
  },
  {
    id: 'share',
    title: 'SHARE',
    align: 'right',
    about: 'part of all picks',
    // 96.0%, and 100% without decimals: they would not fit.
    text: ({ share }) => (share === null ? '-' : share >= 0.9995 ? '100%' : `${(100 * share).toFixed(1)}%`),
    value: ({ share }) => share,
    table: { width: 6 },
    report: { text: ({ share }) => (share === null ? '-' : `${(100 * share).toFixed(1)}%`), why: whyNoShare },
  },
  {
    id: 'fair',
    title: 'x FAIR',
    align: 'right',
    about: 'share / fair share',
    text: ({ share, fair }) => (share === null || fair === null ? '-' : `${(share / fair).toFixed(2)}x`),
    report: {
      text: ({ share, fair }) => (share === null || fair === null ? '-' : `${(share / fair).toFixed(2)}x`),
      why: (row) => (row.share === null ? whyNoShare(row) : 'it shares with nobody'),
    },
  },
  {
    id: 'accepted',
    title: 'ACCEPTED',
    align: 'right',
    about: 'connections that processes took',
    text: ({ member }) => formatCount(takenOf(member)),
    value: ({ member }) => takenOf(member),
    isNeeded: isTcp,
    screen: { width: 8, drop: 6 },
    table: { width: 9 },
    report: { text: ({ member }) => exact(takenOf(member)), why: () => '' },
    metric: {
      name: 'accepted_total',
      type: 'counter',
      help: 'Connections that accept() returned. Exact.',
      proto: 'tcp',
    },
  },
  {
    id: 'received',
    title: 'RECEIVED',
    align: 'right',
    about: 'datagrams that processes took',
    text: ({ member }) => formatCount(takenOf(member)),
    value: ({ member }) => takenOf(member),
    isNeeded: isUdp,
    screen: { width: 8, drop: 5 },
    table: { width: 9 },
    report: { text: ({ member }) => exact(takenOf(member)), why: () => '' },
    metric: {
      name: 'received_total',
      type: 'counter',
      help: 'Datagrams that processes received. Exact. UDP only.',
      proto: 'udp',
    },
  },
  {
    id: 'rate',
    title: 'RATE/S',
    align: 'right',
    about: 'picks of the last second',
    text: ({ member }) => formatRate(member.perSecond),
    value: ({ member }) => member.perSecond,
    screen: { width: 7, drop: 0 },
  },
  {
    id: 'queue',
    title: 'QUEUE',
    align: 'right',
    about: 'waiting for accept() / backlog; UDP: bytes / receive buffer',
    text: ({ member }) => queueText(member),
    value: ({ member }) => queueOf(member),
    screen: { width: 9, drop: 0 },
    table: { width: 12, text: tableQueueText },
    report: { text: queueExact, why: whyNoQueue },
  },
  {
    id: 'dropped',
    title: 'DROPS',
    align: 'right',
    about: 'attempts that met a full queue',
    text: ({ member, rung }) => formatCount(droppedOf(member, rung)),
    value: ({ member, rung }) => droppedOf(member, rung),
    isKnown: (members, rung) => isUdp(members) || seesFunctions(rung),
    screen: { width: 7, drop: 3 },
    table: { width: 8, proto: 'udp' },
    report: {
      text: ({ member, rung }) => exact(droppedOf(member, rung)),
      why: ({ member }) => (member.proto === 'udp' ? '/proc was not read' : UNSEEN),
    },
  },
  {
    id: 'open',
    title: 'OPEN',
    align: 'right',
    about: 'connections now open',
    text: ({ member }) => formatCount(member.open),
    value: ({ member }) => member.open,
    isNeeded: (members) => members.some(({ open }) => open !== null),
    screen: { width: 7, drop: 10 },
    table: { width: 8 },
    report: {
      text: ({ member }) => exact(member.open),
      why: ({ member }) =>
        member.closedNs === null
          ? 'who serves it is not known, or its connections were not counted'
          : 'it has left',
    },
    metric: {
      name: 'open_connections',
      type: 'gauge',
      help: 'Connections that the processes which serve it have open, as last counted. Absent while unknown. TCP only.',
      proto: 'tcp',
    },
  },
  {
    id: 'clients',
    title: 'CLIENTS',
    align: 'right',
    about: 'client addresses, about',
    text: ({ member, rung }) => formatClients(clientsOf(member, rung)),
    value: ({ member, rung }) => clientsOf(member, rung)?.about ?? null,
    isNeeded: isUdp,
    isKnown: (members, rung) => !areWakeUps(members, rung),
    screen: { width: 7, drop: 6 },
    table: { width: 8, proto: 'udp' },
    report: {
      text: ({ member, rung }) => {
        const clients = clientsOf(member, rung);
        if (clients === null) return '-';
        return clients.isMore ? `>${exact(clients.about)}` : `about ${exact(clients.about)}`;
      },
      why: () => UNSEEN,
    },
  },
  wait('P50', 0.5, { screen: { width: 7, drop: 9 }, table: { width: 8, yields: true } }),
  wait('P99', 0.99, { screen: { width: 7, drop: 5 }, table: { width: 8 } }),
  wait('MAX', 1, {}),
  COMMAND,
];

/** Those that say something of these members, which are of one group. */
export const columnsFor = (members: readonly Member[], rung: Rung | null): readonly Column[] =>
  COLUMNS.filter(({ isNeeded }) => isNeeded?.(members, rung) !== false);

/** What a column tells. */
export const aboutOf = (id: string): string => COLUMNS.find((column) => column.id === id)?.about ?? '';
