// The columns of the tables of groups and members as data: name, width, text, order of dropping, what to sort by.
import { formatEndpoint, formatProto } from '../core/endpoint.js';
import { formatCount, formatRate, formatWait } from '../core/format.js';
import { quantile } from '../core/latency.js';
import { queueOf } from '../core/member.js';
import type { State } from '../core/state.js';
import { markedBar, sparkline } from './bars.js';
import { type GroupFacts, type MemberFacts, netnsName, queueText } from './facts.js';
import type { Column } from './table.js';
import { cells, percent } from './text.js';

const RIGHT = 'right';
const LEFT = 'left';

/** Columns of the table of groups. The namespace is one only when a group lives outside the tool's own. */
export const groupColumns = (state: State): readonly Column<GroupFacts>[] => {
  const hasNetns = [...state.groups.values()].some((group) => netnsName(state, group.netns) !== 'host');
  return GROUP_COLUMNS.concat(
    hasNetns
      ? {
          id: 'netns',
          title: 'NETNS',
          align: LEFT,
          width: 13,
          widest: 16,
          drop: 1,
          text: ({ group }) => netnsName(state, group.netns),
          sortBy: ({ group }) => netnsName(state, group.netns),
        }
      : [],
  ).sort((a, b) => GROUP_ORDER.indexOf(a.id) - GROUP_ORDER.indexOf(b.id));
};

const GROUP_ORDER = [
  'proto',
  'address',
  'netns',
  'members',
  'reuseport',
  'picks',
  'rate',
  'history',
  'skew',
  'queue',
  'owner',
];

const GROUP_COLUMNS: readonly Column<GroupFacts>[] = [
  {
    id: 'proto',
    title: 'PROTO',
    align: LEFT,
    width: 5,
    drop: 6,
    text: ({ group }) => formatProto(group.proto, group.laddr),
  },
  {
    id: 'address',
    title: 'ADDRESS',
    align: LEFT,
    width: 17,
    widest: 47,
    isAddress: true,
    drop: 0,
    text: ({ group }) => formatEndpoint(cells(group.laddr), group.lport),
    sortBy: ({ group }) => group.lport,
  },
  {
    id: 'members',
    title: 'LSN',
    align: RIGHT,
    width: 4,
    drop: 3,
    text: ({ members }) => formatCount(members.length),
    sortBy: ({ members }) => members.length,
  },
  {
    id: 'reuseport',
    title: 'RPORT',
    align: LEFT,
    width: 5,
    drop: 7,
    text: ({ reuseport }) => (reuseport === null ? '-' : reuseport ? 'yes' : 'NO'),
  },
  {
    id: 'picks',
    title: 'PICKS',
    align: RIGHT,
    width: 9,
    drop: 8,
    text: ({ picks }) => formatCount(picks),
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'rate',
    title: 'RATE/S',
    align: RIGHT,
    width: 8,
    drop: 0,
    text: ({ perSecond }) => formatRate(perSecond),
    sortBy: ({ perSecond }) => perSecond,
  },
  {
    id: 'history',
    title: 'LAST 60 s',
    align: LEFT,
    width: 10,
    widest: 30,
    isElastic: true,
    drop: 9,
    text: ({ history }, width) => sparkline(history, width),
  },
  {
    id: 'skew',
    title: 'SKEW',
    align: RIGHT,
    width: 6,
    drop: 5,
    text: ({ skew }) => (skew === null ? '-' : `${skew.toFixed(2)}x`),
    sortBy: ({ skew }) => skew,
  },
  {
    id: 'queue',
    title: 'QUEUE MAX',
    align: RIGHT,
    width: 10,
    drop: 2,
    text: ({ fullest }) => (fullest === null ? '-' : queueText(queueOf(fullest), fullest.backlog)),
    sortBy: ({ fullest }) => (fullest === null ? null : queueOf(fullest)),
  },
  {
    id: 'owner',
    title: 'OWNER',
    align: LEFT,
    width: 10,
    widest: 22,
    drop: 4,
    text: ({ owner }) => owner,
    sortBy: ({ owner }) => owner,
  },
];

/** Columns of the table of members. */
export const MEMBER_COLUMNS: readonly Column<MemberFacts>[] = [
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
    id: 'comm',
    title: 'COMM',
    align: LEFT,
    width: 8,
    widest: 20,
    drop: 2,
    text: ({ name }) => name,
    sortBy: ({ name }) => name,
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
    width: 9,
    drop: 4,
    text: ({ picks }) => formatCount(picks),
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'accepts',
    title: 'ACCEPTS',
    align: RIGHT,
    width: 9,
    drop: 6,
    text: ({ accepted }) => formatCount(accepted),
    sortBy: ({ accepted }) => accepted,
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
    title: 'SHARE│fair',
    align: LEFT,
    width: 10,
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
    text: ({ member }) => queueText(queueOf(member), member.backlog),
    sortBy: ({ member }) => queueOf(member),
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
];

/** The descriptor in the process that serves the socket; `5+` where it has several. */
const fdOf = ({ member, owner }: MemberFacts): string => {
  const fds = member.holders.find((holder) => holder.pid === owner?.pid)?.fds ?? [];
  const [first, ...others] = fds;
  if (first === undefined) return '-';
  return others.length === 0 ? String(first) : `${first}+`;
};
