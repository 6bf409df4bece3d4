// The columns of the table of groups as data: name, width, text, order of dropping, what to sort by.

import { seesFunctions } from '../core/rung.js';
import { queueOf } from '../core/state/member.js';
import type { State } from '../core/state/state.js';
import { formatEndpoint, formatProto } from '../core/text/endpoint.js';
import { formatCount, formatRate } from '../core/text/format.js';
import { formatPlace } from '../core/text/place.js';
import { netnsName } from '../core/words/netns.js';
import { queueText } from '../members/cells.js';
import { sparkline } from './bars.js';
import type { GroupRow } from './rows.js';
import type { Column } from './table.js';
import { cells } from './text.js';

const RIGHT = 'right';
const LEFT = 'left';

/** Those that this rung can fill; the namespace is one only when a group lives outside of that of process 1. */
export const groupColumns = (state: State): readonly Column<GroupRow>[] =>
  GROUP_COLUMNS.filter((column) => column.isOffered?.(state) !== false);

const isAway = (state: State): boolean =>
  [...state.groups.values()].some((group) => netnsName(state, group.netns) !== 'host');

/** Whether any process said where it runs: on a host without systemd and containers none does. */
const hasPlaces = (state: State): boolean => {
  for (const process of state.processes.values()) if (formatPlace(process) !== null) return true;
  return false;
};

const GROUP_COLUMNS: readonly Column<GroupRow>[] = [
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
    isAscending: true,
  },
  {
    id: 'netns',
    title: 'NETNS',
    align: LEFT,
    width: 13,
    widest: 16,
    drop: 1,
    text: ({ netns }) => netns,
    sortBy: ({ netns }) => netns,
    isAscending: true,
    isOffered: isAway,
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
    id: 'chooser',
    title: 'SELECT',
    align: LEFT,
    width: 6,
    drop: 7,
    text: ({ chooser }) => chooser,
    isOffered: (state) => seesFunctions(state.rung),
  },
  {
    id: 'picks',
    title: 'PICKS',
    align: RIGHT,
    width: 9,
    drop: 8,
    text: ({ picks, unit }) => `${formatCount(picks)}${unit}`,
    sortBy: ({ picks }) => picks,
  },
  {
    id: 'rate',
    title: 'RATE/S',
    align: RIGHT,
    width: 8,
    drop: 0,
    text: ({ perSecond, unit }) => `${formatRate(perSecond)}${perSecond === null ? '' : unit}`,
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
    text: ({ fullest }) => (fullest === null ? '-' : queueText(fullest)),
    sortBy: ({ fullest }) => (fullest === null ? null : queueOf(fullest)),
  },
  {
    id: 'dropped',
    title: 'DROPS',
    align: RIGHT,
    width: 7,
    drop: 5,
    text: ({ dropped }) => formatCount(dropped),
    sortBy: ({ dropped }) => dropped,
    isOffered: (state) => seesFunctions(state.rung),
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
    isAscending: true,
  },
  {
    id: 'place',
    title: 'RUNS IN',
    align: LEFT,
    width: 19,
    widest: 32,
    drop: 8,
    text: ({ place }) => cells(place ?? '-'),
    isOffered: hasPlaces,
  },
];
