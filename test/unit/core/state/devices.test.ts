import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { findings } from '../../../../src/core/findings/diagnosis.js';
import { inOrder } from '../../../../src/core/state/group.js';
import { picksOf } from '../../../../src/core/state/member.js';
import { createState, type State } from '../../../../src/core/state/state.js';
import { formatEndpoint } from '../../../../src/core/text/endpoint.js';
import { memberFacts, membersOf } from '../../../../src/members/facts.js';
import {
  at,
  attached,
  close,
  count,
  device,
  listen,
  meta,
  owners,
  slot,
  socket,
  tick,
} from '../../events.js';

const NETNS = socket(1).netns;
const here = { netns: NETNS, laddr: 'fe80::77' } as const;

const run = (...events: readonly Event[]): State => {
  const state = createState({ ports: [], family: null, netns: null, pid: null });
  for (const event of [meta(), attached(1), ...events]) apply(state, event);
  return state;
};

/** Each group with its members in order, and n. */
const groupsOf = (state: State) =>
  [...state.groups.values()].map((group) => [
    formatEndpoint(group.laddr, group.lport),
    inOrder(group).map(({ ino }) => ino),
    group.n,
  ]);

describe('sockets of one address on several interfaces', () => {
  it('are a group on each, told when they begin to listen', () => {
    const state = run(
      device(1, 2),
      listen(1, 1, here),
      device(2, 3),
      listen(2, 1, here),
      device(3, 3),
      listen(3, 1, here),
    );
    expect(groupsOf(state)).toEqual([
      ['[fe80::77%2]:8888', [1], 1],
      ['[fe80::77%3]:8888', [2, 3], 2],
    ]);
    expect(state.devices.size).toBe(0);
  });

  it('leave the group they were found in when the kernel tells their slots', () => {
    const state = run(
      ...[1, 2, 3, 4].map((ino) => socket(ino, here)),
      ...[1, 2].flatMap((ino) => [device(ino, 7), slot(ino, ino - 1, 2, here)]),
      count(1, 'picks', 5),
      count(2, 'picks', 6),
      tick(2),
    );
    expect(groupsOf(state)).toEqual([
      ['[fe80::77]:8888', [3, 4], null],
      ['[fe80::77%7]:8888', [1, 2], 2],
    ]);
    for (const ino of [3, 4]) for (const e of [device(ino, 9), slot(ino, ino - 3, 2, here)]) apply(state, e);
    expect(groupsOf(state)).toEqual([
      ['[fe80::77%7]:8888', [1, 2], 2],
      ['[fe80::77%9]:8888', [3, 4], 2],
    ]);
    expect(membersOf(state).map(picksOf)).toEqual([5, 6, 0, 0]);
    expect(memberFacts(membersOf(state)[0] as never, 'tracepoint')).toMatchObject({
      laddr: 'fe80::77%7',
      device: 7,
    });
  });

  it('stay with the interface when /proc lists them again and when they listen again', () => {
    const state = run(
      device(1, 2),
      listen(1, 1, here),
      socket(1, here),
      close(1, 2, here),
      device(1, 4),
      listen(1, 3, here),
    );
    const live = [...state.groups.values()].filter(({ members }) => members.size > 0);
    expect(live.map(({ laddr }) => laddr)).toEqual(['fe80::77%4']);
  });

  it('are no mistake: a note where one is bound to none, nothing where all are bound', () => {
    const pair = (from: number, ifindex: number | null) =>
      [0, 1].flatMap((i) => [
        ...(ifindex === null ? [] : [device(from + i, ifindex)]),
        slot(from + i, i, 2),
        count(from + i, 'picks', 3),
      ]);
    const ticks = [2, 3, 4, 5, 6].map(tick);
    const split = (state: State) => findings(state).filter(({ rule }) => rule === 'split' || rule === 'skew');
    expect(split(run(...pair(1, 2), ...pair(3, 3), ...ticks))).toEqual([]);
    const found = split(run(...pair(1, 2), ...pair(3, null), ...ticks));
    expect(found.map(({ severity, text }) => [severity, text])).toEqual([
      [
        'note',
        'tcp 0.0.0.0:8888 shares its port with sockets that are bound to an interface (0.0.0.0%2:8888): whose socket the kernel meets first gets what comes by it, and which that is was not seen',
      ],
    ]);
  });

  it('have no open connections of their own: /proc does not tell by which interface those came', () => {
    const open: Event = {
      kind: 'open',
      tsNs: at(2),
      ...here,
      lport: 8888,
      processes: [{ pid: 70, connections: 3 }],
      others: 0,
    };
    const two = [1, 2].flatMap((ino) => [device(ino, 2), listen(ino, 1, here), owners(ino, 69 + ino)]);
    expect(membersOf(run(...two, open)).map((member) => member.open)).toEqual([3, 0]);
    const third = [device(3, 3), listen(3, 1, here), owners(3, 70)];
    expect(membersOf(run(...two, open, ...third, { ...open, tsNs: at(3) })).map((m) => m.open)).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('that nobody is told of are not remembered without end', () => {
    const state = run(...Array.from({ length: 20_000 }, (_, ino) => device(ino + 10, 2)));
    expect(state.devices.size).toBe(16_384);
  });
});
