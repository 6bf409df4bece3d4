// The columns of the table of members as data: name, width, text, order of dropping, what to sort by.
import { formatCount, formatRate, formatWait } from '../core/format.js';
import { quantile } from '../core/latency.js';
import { queueOf } from '../core/member.js';
import type { State } from '../core/state.js';
import { markedBar } from './bars.js';
import { type MemberFacts, queueText, seesFunctions } from './facts.js';
import type { Column } from './table.js';
import { percent } from './text.js';

const RIGHT = 'right';
const LEFT = 'left';

/** Those that this rung can fill. */
export const memberColumns = (state: State): readonly Column<MemberFacts>[] =>
  MEMBER_COLUMNS.filter((column) => column.isOffered?.(state) !== false);

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
    id: 'comm',
    title: 'COMM',
    align: LEFT,
    width: 7,
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
    width: 7,
    drop: 4,
    text: ({ picks }) => formatCount(picks),
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'accepts',
    title: 'ACCEPTS',
    align: RIGHT,
    width: 8,
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
    text: ({ member }) => queueText(queueOf(member), member.backlog),
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
    isOffered: seesFunctions,
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
