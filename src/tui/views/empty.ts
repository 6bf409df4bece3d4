// What is said when there is no listener to show: still attaching, or nobody listens there, and who listens elsewhere.
import type { Scope, State } from '../../core/state/state.js';
import { membersOf } from '../rows.js';
import { cells, EMPTY, type Line, line, wrap } from '../text.js';
import { type Context, isNarrow, isShort } from '../view.js';

/** No live listener that is to be shown. */
export const isEmpty = (state: State): boolean =>
  ![...state.groups.values()].some((group) => membersOf(state, group).length > 0);

export const emptyLines = (context: Context): Line[] => {
  const { state, columns } = context;
  const say = (text: string): Line[] => wrap(text, Math.max(1, columns - 2)).map((row) => line(` ${row}`));
  const lead = isNarrow(context) || isShort(context) ? [] : [EMPTY, EMPTY];
  const where = whereOf(state.scope);
  if (state.status === 'attaching' && !context.isReplay) {
    return [
      ...lead,
      ...say(`Starting: bpftrace compiles and attaches its probes${attachingFor(context)} ...`),
      EMPTY,
      ...say(`No listener found ${where} yet.`),
    ];
  }
  const closed = state.groups.size > 0 ? ['The listeners that were here have closed: press 4.', ''] : [];
  return [
    ...lead,
    ...say(`Nothing listens ${where}.`),
    EMPTY,
    ...elsewhereLines(context),
    ...closed.flatMap(say),
    ...(context.isReplay
      ? say('This is a recording: what it did not see cannot appear.')
      : [
          ...say('Waiting: this screen fills in as soon as a socket listens there.'),
          ...say('Why a bind() fails: press 4.   All groups: press 1.'),
        ]),
  ];
};

/** `on port 8888`, in the words of what was asked for. */
const whereOf = (scope: Scope): string => {
  const parts = [
    scope.ports.length === 0
      ? `on any${scope.proto === undefined ? '' : ` ${scope.proto.toUpperCase()}`} port`
      : `on${scope.proto === undefined ? '' : ` ${scope.proto.toUpperCase()}`} port${scope.ports.length > 1 ? 's' : ''} ${scope.ports.join(', ')}`,
    scope.family === null ? '' : `over IPv${scope.family}`,
    scope.netns === null ? '' : 'in that network namespace',
    scope.pid === null ? '' : `in process ${scope.pid}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
};

const attachingFor = ({ state, nowNs }: Context): string => {
  const sinceNs = state.ended?.tsNs ?? state.startNs;
  return state.meta === null ? '' : `, ${Math.max(0, Math.floor((nowNs - sinceNs) / 1e9))} s`;
};

const MOST_PORTS = 8;

const elsewhereLines = (context: Context): Line[] => {
  const found = context.elsewhere();
  if (found.length === 0) return [];
  const isSmall = isNarrow(context) || isShort(context);
  const rows = found.slice(0, isSmall ? 2 : MOST_PORTS).map(({ lport, listeners, holder }) => {
    const count = `${listeners} listener${listeners === 1 ? '' : 's'}`;
    const owner = holder === null ? '' : `pid ${holder.pid} ${cells(holder.comm)}`;
    return line(`   ${String(lport).padEnd(7)}${count.padEnd(15)}${owner}`);
  });
  const more = found.length - rows.length;
  return [
    line(' Seen on this host:'),
    ...rows,
    ...(more > 0 ? [line(`   and ${more} more port${more === 1 ? '' : 's'}`)] : []),
    EMPTY,
  ];
};
