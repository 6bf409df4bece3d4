// The columns that tell members apart: the place in the group, who serves it, and where that runs.
import { ownerOf } from '../core/state/member.js';
import { areApart, commandOf, haveThreads, placeOf } from '../core/words/identity.js';
import { exact, fdText, holdersText, nameText, whyNobody } from './cells.js';
import type { Column } from './column.js';

/** Those that come before all numbers. */
export const NAMED: readonly Column[] = [
  {
    id: 'index',
    title: 'IDX',
    align: 'right',
    about: 'index in socks[]',
    text: ({ member }) => (member.closedNs === null ? String(member.index ?? '-') : '-'),
    value: ({ member }) => member.index,
    isAscending: true,
    screen: { width: 4, drop: 0 },
    table: { width: 3 },
    report: {
      text: ({ member }) => (member.closedNs === null ? exact(member.index) : '-'),
      why: ({ member }) =>
        member.closedNs === null
          ? 'the kernel was not yet seen to use that socket, or it shares with nobody'
          : 'it has left',
    },
  },
  {
    id: 'pid',
    title: 'PID',
    align: 'right',
    about: 'process that accepts on it',
    text: ({ member }) => String(ownerOf(member)?.pid ?? '-'),
    value: ({ member }) => ownerOf(member)?.pid ?? null,
    isAscending: true,
    screen: { width: 7, drop: 0 },
    table: { width: 8 },
    report: { text: ({ member }) => String(ownerOf(member)?.pid ?? '-'), why: whyNobody },
  },
  {
    id: 'tid',
    title: 'TID',
    align: 'right',
    about: 'thread that accepts on it',
    text: ({ member }) => String(member.acceptor?.tid ?? '-'),
    isNeeded: haveThreads,
    screen: { width: 7, drop: 2 },
  },
  {
    id: 'comm',
    title: 'COMM',
    align: 'left',
    about: 'name of that process',
    text: ({ member }) => nameText(member),
    value: ({ member }) => nameText(member),
    isAscending: true,
    screen: { width: 7, widest: 20, drop: 2 },
    table: { width: 16, text: holdersText },
    report: { text: ({ member }) => (ownerOf(member) === null ? '-' : nameText(member)), why: whyNobody },
  },
  {
    id: 'place',
    title: 'RUNS IN',
    align: 'left',
    about: 'its container or unit',
    text: ({ member }) => placeOf(member) ?? '-',
    isNeeded: (members) => areApart(members, placeOf),
    screen: { width: 19, widest: 32, drop: 4 },
  },
  {
    id: 'fd',
    title: 'FD',
    align: 'right',
    about: 'descriptor in that process',
    text: fdText,
    screen: { width: 4, drop: 7 },
  },
  {
    id: 'boundBy',
    title: 'BOUND BY',
    align: 'right',
    about: 'process that called listen()',
    text: ({ member }) => String(member.listener?.pid ?? '-'),
    screen: { width: 8, drop: 8 },
  },
];

/** The longest, which comes last. */
export const COMMAND: Column = {
  id: 'command',
  title: 'COMMAND',
  align: 'left',
  about: 'command line of that process',
  text: ({ member }) => commandOf(member) ?? '-',
  isNeeded: (members) => areApart(members, commandOf),
  screen: { width: 32, widest: 60, drop: 5, isCutInside: true },
};
