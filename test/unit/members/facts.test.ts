import { describe, expect, it } from 'vitest';
import type { Event, Rung } from '../../../src/core/event.js';
import { findings } from '../../../src/core/findings/diagnosis.js';
import { memberFacts, membersOf, summaryFacts } from '../../../src/members/facts.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  ended,
  listen,
  malformed,
  meta,
  NETNS,
  owners,
  pick,
  slot,
  socket,
  stateOf,
  tick,
} from '../events.js';
import { RUN } from '../outputs/run.js';

const facts = (events: readonly Event[], ino: number, rung: Rung = 'tracepoint') => {
  const member = stateOf(events).members.get(ino);
  return member === undefined ? undefined : memberFacts(member, rung);
};

const UNCALLED = { command: null, unit: null, runtime: null, container: null, pod: null };

const UNKNOWN = {
  kind: 'member',
  proto: 'tcp',
  laddr: '0.0.0.0',
  lport: 8888,
  netns: NETNS,
  device: null,
  index: null,
  ino: 1,
  pid: null,
  comm: null,
  tid: null,
  ...UNCALLED,
  holders: [],
  picks: 0,
  established: 0,
  accepted: 0,
  open: null,
  delivered: null,
  received: null,
  clients: null,
  clientsError: null,
  peer: null,
  dropped: null,
  killed: null,
  movedFrom: null,
  movedTo: null,
  queue: 0,
  backlog: null,
  reuseport: null,
  listening: true,
  queuedAtClose: null,
};

describe('the closing object of a member', () => {
  const picked = pick(1, 2, { index: 2 });
  it.each<[string, Event[], object]>([
    ['found in /proc: null where unknown', [socket(1)], {}],
    [
      'with its only holder',
      [socket(1), owners(1, 7)],
      { pid: 7, comm: 'nginx', holders: [{ pid: 7, comm: 'nginx', fds: [6], ...UNCALLED }] },
    ],
    [
      'with several holders, none of whom accepted',
      [socket(1), owners(1, 7, 8)],
      {
        holders: [
          { pid: 7, comm: 'nginx', fds: [6], ...UNCALLED },
          { pid: 8, comm: 'nginx', fds: [6], ...UNCALLED },
        ],
      },
    ],
    [
      'after a pick and its accept',
      [
        socket(1),
        slot(1, 2, 4),
        picked,
        acceptOf(picked, 1, 9),
        count(1, 'picks', 5),
        count(1, 'accepted', 4),
        count(1, 'queue', 1),
      ],
      {
        index: 2,
        pid: 9,
        comm: 'nginx',
        tid: 9,
        picks: 5,
        established: 5,
        accepted: 4,
        queue: 1,
        backlog: 511,
        reuseport: true,
      },
    ],
    ['without SO_REUSEPORT', [socket(1), slot(1, null, 0)], { reuseport: false, backlog: 511 }],
    [
      'that closed',
      [listen(1), count(1, 'picks', 5), close(1, 3, { queue: 2 })],
      {
        pid: 1001,
        comm: 'nginx',
        holders: [{ pid: 1001, comm: 'nginx', fds: [], ...UNCALLED }],
        picks: 5,
        established: 5,
        queue: null,
        reuseport: true,
        listening: false,
        queuedAtClose: 2,
      },
    ],
  ])('%s', (_, events, known) => {
    expect(facts(events, 1)).toEqual({ ...UNKNOWN, ...known });
  });

  it('knows losses on the function rungs, and counts what was queued apart from what was picked', () => {
    const events = [
      listen(1),
      count(1, 'picks', 9),
      count(1, 'established', 6),
      count(1, 'dropped_syn', 2),
      count(1, 'dropped_ack', 1),
      count(1, 'killed', 3),
      count(1, 'moved_from', 4),
      count(1, 'moved_to', 5),
    ];
    const { picks, established, dropped, killed, movedFrom, movedTo } = facts(events, 1, 'fentry') ?? {};
    expect({ picks, established, dropped, killed, movedFrom, movedTo }).toEqual({
      picks: 9,
      established: 6,
      dropped: 3,
      killed: 3,
      movedFrom: 4,
      movedTo: 5,
    });
  });
});

describe('the order of members', () => {
  it.each<[string, Event[], number[]]>([
    ['as in socks[]', [slot(3, 0, 3), slot(1, 1, 3), slot(2, 2, 3)], [3, 1, 2]],
    ['those that left come last', [listen(1), listen(2), listen(3), close(1)], [3, 2, 1]],
    [
      'groups by address, ports as numbers',
      [
        listen(1, 1, { lport: 8888 }),
        listen(2, 1, { lport: 443 }),
        listen(3, 1, { lport: 80 }),
        listen(4, 1, { lport: 443 }),
      ],
      [3, 2, 4, 1],
    ],
  ])('%s', (_, events, order) => expect(membersOf(stateOf(events)).map(({ ino }) => ino)).toEqual(order));

  it('leaves out members of other processes than the one asked for', () => {
    const state = stateOf([listen(1), listen(2), owners(2, 42)], { ...ALL, pid: 42 });
    expect(membersOf(state).map(({ ino }) => ino)).toEqual([2]);
  });
});

describe('the closing object of a run', () => {
  it('adds up', () => {
    expect(summaryFacts(stateOf(RUN))).toEqual({
      kind: 'summary',
      rung: 'tracepoint',
      kernel: '6.18.44',
      bpftrace: '0.17.0',
      seconds: 8.5,
      picks: 1_254_213,
      accepted: 1_253_700,
      received: 0,
      acceptedUnknown: 0,
      shown: 3,
      sampledAway: 1_254_209,
      lost: 1,
      missed: 0,
      malformed: 0,
      findings: findings(stateOf(RUN)),
    });
  });

  it('has what stands, worst first, and then what was cleared', () => {
    const events = [
      listen(1),
      listen(2),
      slot(1, 0, 2, { queue: 512 }),
      tick(2),
      count(1, 'queue', 0),
      tick(13),
      malformed(1),
      count(2, 'queue', 1, 13.5),
      ...[14, 15, 16, 17].map(tick),
    ];
    expect(summaryFacts(stateOf(events)).findings).toMatchObject([
      { rule: 'stuck', ino: 2, clearedNs: null },
      { rule: 'lossy', clearedNs: null },
      { rule: 'overflow', ino: 1, raisedNs: at(2), clearedNs: at(13) },
    ]);
  });

  it.each<[string, Event[], object]>([
    ['is null where unknown', [], { rung: null, kernel: null, bpftrace: null, seconds: 0, picks: 0 }],
    ['has no seconds before the probes are attached', [meta(), tick(9)], { seconds: 0 }],
    [
      'counts on over a restart of bpftrace',
      [
        ...[attached(2), listen(1), count(1, 'picks', 36_000, 3602), tick(3602), ended(3603)],
        ...[attached(3604), count(1, 'picks', 100, 3614), tick(3614)],
      ],
      { seconds: 3612, picks: 36_100 },
    ],
    ['begins at a reset', [attached(1), { kind: 'reset', tsNs: at(5) }, tick(7.25)], { seconds: 2.25 }],
    [
      'tells what was missed, malformed, and accepted elsewhere',
      [{ kind: 'lost', tsNs: 1, by: 'missed', events: 3 }, malformed(2), count(0, 'accepted', 4)],
      { missed: 3, malformed: 2, acceptedUnknown: 4 },
    ],
  ])('%s', (_, events, expected) => expect(summaryFacts(stateOf(events))).toMatchObject(expected));
});
