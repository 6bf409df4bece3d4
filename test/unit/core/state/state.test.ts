import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event } from '../../../../src/core/event.js';
import { total } from '../../../../src/core/state/member.js';
import { createState, isShown, type State } from '../../../../src/core/state/state.js';
import { totals } from '../../../../src/core/state/totals.js';
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
  socket,
  stateOf,
  tick,
} from '../../events.js';

const picksOf = (state: State, ino: number): number | null => {
  const member = state.members.get(ino);
  return member === undefined ? null : total(member.counters.picks);
};

const reset = (seconds: number): Event => ({ kind: 'reset', tsNs: at(seconds) });

describe('the counters of a member', () => {
  it.each<[string, Event[], number | null]>([
    ['are what the kernel printed last', [listen(1), count(1, 'picks', 3), count(1, 'picks', 7)], 7],
    ['count from before the socket is known', [count(1, 'picks', 3), listen(1)], 3],
    ['begin at zero', [listen(1)], 0],
    ['belong to nobody out of scope', [count(1, 'picks', 3)], null],
    [
      'go on where they were when bpftrace starts again',
      [listen(1), attached(1), count(1, 'picks', 5), ended(3), attached(4), count(1, 'picks', 2)],
      7,
    ],
    [
      'stay when bpftrace starts again',
      [listen(1), attached(1), count(1, 'picks', 5), ended(3), attached(4)],
      5,
    ],
    [
      'add up over two restarts',
      [
        listen(1),
        attached(1),
        count(1, 'picks', 5),
        attached(4),
        count(1, 'picks', 2),
        attached(6),
        count(1, 'picks', 1),
      ],
      8,
    ],
    ['are zero after a reset', [listen(1), attached(1), count(1, 'picks', 5), reset(3)], 0],
    [
      'count on from a reset',
      [listen(1), attached(1), count(1, 'picks', 5), reset(3), count(1, 'picks', 9)],
      4,
    ],
    [
      'survive a restart after a reset',
      [
        listen(1),
        attached(1),
        count(1, 'picks', 5),
        reset(3),
        count(1, 'picks', 9),
        attached(5),
        count(1, 'picks', 3),
      ],
      7,
    ],
    [
      'survive a reset after a restart',
      [
        listen(1),
        attached(1),
        count(1, 'picks', 5),
        attached(3),
        count(1, 'picks', 3),
        reset(5),
        count(1, 'picks', 4),
      ],
      1,
    ],
    ['stay when it closes', [listen(1), count(1, 'picks', 5), close(1)], 5],
    [
      'take what is printed after it closed',
      [listen(1), count(1, 'picks', 5), close(1), count(1, 'picks', 6)],
      6,
    ],
    [
      'go on when it listens again, and its keys in the kernel begin anew',
      [listen(1), count(1, 'picks', 5), close(1, 2), listen(1, 9), count(1, 'picks', 1)],
      6,
    ],
    [
      'begin anew when it listens on another port',
      [listen(1), count(1, 'picks', 5), close(1, 2), listen(1, 9, { lport: 9999 }), count(1, 'picks', 6)],
      1,
    ],
  ])('%s', (_, events, picks) => expect(picksOf(stateOf(events), 1)).toBe(picks));
});

describe('the totals of a run', () => {
  it.each<[string, Event[], object]>([
    ['are zero at first', [], { picks: 0, accepted: 0, shown: 0, sampledAway: 0, lost: 0 }],
    [
      'know what was sampled away in the kernel',
      [
        listen(1),
        count(1, 'picks', 10),
        count(1, 'printed', 2),
        count(1, 'accepted', 9),
        pick(1),
        pick(1, 1.6),
      ],
      { picks: 10, accepted: 9, shown: 2, sampledAway: 8, lost: 0 },
    ],
    [
      'know what was printed and did not come, at the end',
      [listen(1), count(1, 'picks', 10), count(1, 'printed', 4), pick(1), ended(9)],
      { picks: 10, accepted: 0, shown: 1, sampledAway: 6, lost: 3 },
    ],
    [
      'say a line is lost once it has not come for a whole tick',
      [listen(1), count(1, 'picks', 4), count(1, 'printed', 4), pick(1), tick(2), tick(3)],
      { picks: 4, accepted: 0, shown: 1, sampledAway: 0, lost: 3 },
    ],
    [
      'wait a tick for lines that are under way',
      [listen(1), count(1, 'picks', 4), count(1, 'printed', 4), pick(1), tick(2)],
      { picks: 4, accepted: 0, shown: 1, sampledAway: 0, lost: 0 },
    ],
    [
      'lose nothing that bpftrace brought late, after several ticks at once',
      [
        ...[listen(1), attached(1), count(1, 'picks', 3), count(1, 'printed', 3), tick(2), tick(3), tick(4)],
        ...[pick(1, 1.1), pick(1, 1.2), pick(1, 1.3), tick(5), tick(6)],
      ],
      { picks: 3, accepted: 0, shown: 3, sampledAway: 0, lost: 0 },
    ],
    [
      'do not forget a loss because lines come before their count',
      [
        ...[listen(1), attached(1), count(1, 'picks', 3), count(1, 'printed', 3), tick(2), tick(3)],
        ...[pick(1, 3.1), pick(1, 3.2), tick(4), count(1, 'picks', 5), count(1, 'printed', 5)],
        ...[pick(1, 4.1), tick(5), count(1, 'picks', 6), count(1, 'printed', 6), tick(6)],
      ],
      { picks: 6, accepted: 0, shown: 3, sampledAway: 0, lost: 3 },
    ],
    [
      'lose nothing that was shown before a reset and is counted after it',
      [
        listen(1),
        attached(1),
        ...[pick(1, 1.1), pick(1, 1.2), pick(1, 1.3)],
        reset(1.5),
        count(1, 'picks', 4),
        count(1, 'printed', 4),
        pick(1, 1.6),
        ...[tick(2), tick(3), tick(4)],
      ],
      { picks: 4, accepted: 0, shown: 4, sampledAway: 0, lost: 0 },
    ],
    [
      'keep those of a member that left',
      [listen(1), listen(2), count(1, 'picks', 4), count(2, 'picks', 3), close(1)],
      { picks: 7, accepted: 0, shown: 0, sampledAway: 7, lost: 0 },
    ],
    [
      'keep those of a member whose inode another socket has now',
      [
        listen(1),
        count(1, 'picks', 4),
        count(1, 'accepted', 4),
        close(1),
        listen(1, 9),
        count(1, 'picks', 3),
      ],
      { picks: 7, accepted: 4, shown: 0, sampledAway: 7, lost: 0 },
    ],
    [
      'leave out sockets that nobody asked for',
      [listen(1), listen(2, 1, { lport: 80 }), count(1, 'picks', 4), count(2, 'picks', 100)],
      { picks: 4, accepted: 0, shown: 0, sampledAway: 4, lost: 0 },
    ],
    [
      'count sockets of which nothing was told, because the kernel counts only what was asked for',
      [listen(1), count(1, 'picks', 4), count(3, 'picks', 9), count(0, 'accepted', 2)],
      { picks: 13, accepted: 0, shown: 0, sampledAway: 13, lost: 0 },
    ],
    [
      'lose nothing of sockets that nobody asked for',
      [
        listen(2, 1, { lport: 80 }),
        pick(2, 1.5, { lport: 80 }),
        count(2, 'printed', 1),
        tick(2),
        tick(3),
        tick(4),
      ],
      { picks: 0, accepted: 0, shown: 0, sampledAway: 0, lost: 0 },
    ],
  ])('%s', (_, events, expected) =>
    expect(totals(stateOf(events, { ...ALL, ports: [8888] }))).toEqual(expected),
  );

  it('add up: picks = shown + sampledAway + lost, whatever was sampled and lost', () => {
    const member = fc.record({
      picks: fc.nat(1000),
      printed: fc.nat(1000),
      shown: fc.nat(40),
      closes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(member, { maxLength: 12 }), fc.boolean(), (members, resets) => {
        const state = stateOf([attached(1)]);
        for (const [i, { picks, printed, shown, closes }] of members.entries()) {
          const ino = i + 1;
          apply(state, listen(ino));
          for (let k = 0; k < Math.min(shown, printed, picks); k++) apply(state, pick(ino, 1.5 + k / 1000));
          apply(state, count(ino, 'picks', picks));
          apply(state, count(ino, 'printed', Math.min(printed, picks)));
          if (closes) apply(state, close(ino));
          apply(state, tick(2 + i));
        }
        if (resets) apply(state, reset(50));
        apply(state, ended(60));
        const { picks, shown, sampledAway, lost } = totals(state);
        expect(shown + sampledAway + lost).toBe(picks);
      }),
    );
  });

  it('count accepts whose listener is unknown, over restarts and from a reset', () => {
    const unknown = (total: number): Event => count(0, 'accepted', total);
    const rows: readonly [Event[], number][] = [
      [[unknown(3)], 3],
      [[attached(1), unknown(3), attached(4), unknown(2)], 5],
      [[attached(1), unknown(3), reset(4)], 0],
      [[attached(1), unknown(3), reset(4), unknown(5)], 2],
    ];
    for (const [events, expected] of rows) expect(stateOf(events).acceptedUnknown).toBe(expected);
    expect(stateOf([unknown(3)]).members.size).toBe(0);
  });

  it('add up what bpftrace lost, what the kernel skipped and what was malformed', () => {
    const state = stateOf([
      { kind: 'lost', tsNs: 1, by: 'perf', events: 3 },
      { kind: 'lost', tsNs: 2, by: 'missed', events: 5 },
      { kind: 'lost', tsNs: 3, by: 'perf', events: 4 },
      malformed(2),
      malformed(1),
    ]);
    const { lostPerf, missed, malformed: lines } = state;
    expect({ lostPerf, missed, malformed: lines }).toEqual({ lostPerf: 7, missed: 5, malformed: 3 });
  });
});

describe('the scope', () => {
  const sockets: readonly Event[] = [
    listen(1, 1, { lport: 80 }),
    listen(2, 1, { lport: 443 }),
    listen(3, 1, { lport: 80, laddr: '::' }),
    listen(4, 1, { lport: 80, laddr: '::ffff:10.0.0.1' }),
    listen(5, 1, { lport: 80, netns: 7 }),
  ];
  it.each([
    ['everything', {}, [1, 2, 3, 4, 5]],
    ['a port', { ports: [80] }, [1, 3, 4, 5]],
    ['several ports', { ports: [443, 8080] }, [2]],
    ['IPv4, with mapped addresses', { family: 4 as const }, [1, 2, 4, 5]],
    ['IPv6', { family: 6 as const }, [3]],
    ['a network namespace', { netns: 7 }, [5]],
    ['all of these', { ports: [80], family: 4 as const, netns: NETNS }, [1, 4]],
  ])('takes only %s', (_, scope, members) =>
    expect([...stateOf(sockets, { ...ALL, ...scope }).members.keys()]).toEqual(members),
  );

  it('keeps picks and binds that are not asked for out of the logs', () => {
    const bind: Event = {
      kind: 'bind',
      tsNs: 1,
      pid: 1,
      tid: 1,
      uid: 0,
      comm: 'a',
      fd: 3,
      proto: 'tcp',
      netns: 1,
      laddr: '0.0.0.0',
      lport: 443,
      reuseport: true,
      reuseaddr: false,
      ret: -98,
      ino: 9,
    };
    const state = stateOf([pick(1, 2, { lport: 443 }), bind], { ...ALL, ports: [80] });
    expect([state.picks.items, state.binds.items, state.waiting.size]).toEqual([[], [], 0]);
  });

  it.each([
    ['its only holder', [owners(1, 42)], true],
    ['one of its holders', [owners(1, 7, 42)], true],
    ['who accepts on it', [owners(1, 7), acceptOf(pick(1), 1, 42)], true],
    ['nobody of it', [owners(1, 7)], false],
  ])('of a process shows a member when it is %s', (_, events, shown) => {
    const state = stateOf([listen(1), ...events], { ...ALL, pid: 42 });
    const member = state.members.get(1);
    expect(member === undefined ? member : isShown(state, member)).toBe(shown);
  });
});

describe('the log of picks', () => {
  const first = pick(1, 1.5);
  const logOf = (events: readonly Event[]): unknown[] =>
    stateOf(events).picks.items.map((entry) =>
      entry.kind === 'pick' ? [entry.pick.ino, entry.acceptedBy, entry.waitNs] : entry.event.kind,
    );
  const done = [1, { pid: 1001, comm: 'nginx' }, 2e6];

  it.each<[string, Event[], unknown[]]>([
    ['a pick waits for its accept', [first], [[1, null, null]]],
    ['an accept completes its pick', [first, acceptOf(first, 2)], [done]],
    [
      'an accept read before its pick, from another CPU, completes it too',
      [acceptOf(first, 2), first],
      [done],
    ],
    [
      'an accept of another listener at the same nanosecond completes nothing',
      [first, acceptOf(pick(2, 1.5), 2)],
      [[1, null, null]],
    ],
    [
      'one read before, of another listener, completes nothing',
      [acceptOf(pick(2, 1.5), 2), first],
      [[1, null, null]],
    ],
    [
      'an accept whose pick was not shown completes nothing',
      [{ ...acceptOf(first), pickNs: null }, first],
      [[1, null, null]],
    ],
    [
      'joins and leaves stand between the picks',
      [listen(1), first, close(1)],
      ['listen', [1, null, null], 'close'],
    ],
  ])('%s', (_, events, expected) => expect(logOf(events)).toEqual(expected));

  it('keeps the newest 4096, numbered over the whole run, and waits for no others', () => {
    const state = stateOf([]);
    for (let i = 1; i <= 20_000; i++) apply(state, pick(1, i / 1000));
    expect(state.picks.items.length).toBeLessThanOrEqual(4096);
    expect(state.waiting.size).toBe(state.picks.items.length);
    expect(state.picks.items.at(-1)).toMatchObject({ number: 20_000 });
  });

  it('waits for a bounded number of picks that never come', () => {
    const state = stateOf([]);
    for (let i = 1; i <= 20_000; i++) apply(state, acceptOf(pick(1, i / 1000)));
    expect(state.early.size).toBeLessThanOrEqual(1024);
  });
});

describe('what becomes of a logged pick on the function rungs', () => {
  const first = pick(1, 1.5);
  const { raddr, rport, netns } = first;
  const drop = (why: 'syn' | 'ack', change = {}): Event => ({
    kind: 'drop',
    tsNs: at(2),
    ino: 1,
    netns,
    why,
    laddr: '127.0.0.1',
    lport: 8888,
    raddr,
    rport,
    ...change,
  });
  const queued: Event = { kind: 'queued', tsNs: at(1.6), ino: 1, pickNs: first.tsNs };
  const killed: Event = { kind: 'killed', tsNs: at(2), ino: 1, netns, raddr, rport, pickNs: first.tsNs };
  const fate = (events: readonly Event[]): unknown => {
    const [entry] = stateOf([meta({ rung: 'fentry' }), first, ...events]).picks.items;
    return entry?.kind === 'pick' ? [entry.queuedNs, entry.acceptedBy?.pid ?? null, entry.failure] : entry;
  };

  it.each<[string, Event[], unknown[]]>([
    ['nothing yet', [], [null, null, null]],
    ['its handshake is done', [queued], [at(1.6), null, null]],
    ['it is accepted', [queued, acceptOf(first)], [at(1.6), 1001, null]],
    ['its SYN met a full queue', [drop('syn')], [null, null, 'syn-dropped']],
    ['its last ACK met a full queue', [drop('ack')], [null, null, 'ack-dropped']],
    ['it was dropped first and accepted in the end', [drop('ack'), acceptOf(first)], [null, 1001, null]],
    ['its listener closed', [queued, killed], [at(1.6), null, 'killed']],
    ['another client was dropped', [drop('syn', { rport: 1 })], [null, null, null]],
    ['another listener dropped it', [drop('syn', { ino: 2 })], [null, null, null]],
  ])('%s', (_, events, expected) => expect(fate(events)).toEqual(expected));
});

describe('who is behind a socket', () => {
  const memberIn = (events: readonly Event[]) => {
    const { holders, acceptor, listener } = stateOf(events).members.get(1) ?? {};
    return { holders: holders?.map(({ pid }) => pid), acceptor: acceptor?.pid, listener: listener?.pid };
  };
  it.each<[string, Event[], object]>([
    [
      'a new listener is held by who called listen()',
      [listen(1)],
      { holders: [1001], acceptor: undefined, listener: 1001 },
    ],
    [
      '/proc knows better',
      [listen(1), owners(1, 7, 8)],
      { holders: [7, 8], acceptor: undefined, listener: 1001 },
    ],
    [
      'owners of a socket that nobody asked for are forgotten',
      [owners(1, 7), listen(1)],
      { holders: [1001], acceptor: undefined, listener: 1001 },
    ],
    [
      'a new scan replaces the old',
      [socket(1), owners(1, 7, 8), owners(1, 8)],
      { holders: [8], acceptor: undefined, listener: undefined },
    ],
    [
      'who accepts is the acceptor',
      [socket(1), acceptOf(pick(1), 1, 9)],
      { holders: [], acceptor: 9, listener: undefined },
    ],
    [
      'an inode given anew forgets them',
      [listen(1), acceptOf(pick(1), 1, 9), close(1), listen(1, 9, { pid: 5 })],
      { holders: [5], acceptor: undefined, listener: 5 },
    ],
  ])('%s', (_, events, expected) =>
    expect(memberIn(events)).toMatchObject(JSON.parse(JSON.stringify(expected))),
  );
});

describe('rates and queues at a tick', () => {
  const rates = (events: readonly Event[]) => {
    const { perSecond, acceptsPerSecond, waitingSinceNs } = stateOf(events).members.get(1) ?? {};
    return { perSecond, acceptsPerSecond, waitingSinceNs };
  };
  const known: readonly Event[] = [listen(1), count(1, 'picks', 10), count(1, 'accepted', 4), tick(2)];
  const grown: readonly Event[] = [...known, count(1, 'picks', 40), count(1, 'accepted', 14)];

  it.each<[string, readonly Event[], object]>([
    ['one tick gives no rate', known, { perSecond: null, acceptsPerSecond: null }],
    ['two do', [...grown, tick(3)], { perSecond: 30, acceptsPerSecond: 10 }],
    ['by the time between them', [...grown, tick(4)], { perSecond: 15, acceptsPerSecond: 5 }],
    ['a tick right after another is passed over', [...grown, tick(2.1)], { perSecond: null }],
    [
      'never below zero after a reset',
      [...grown, tick(3), reset(3.5), tick(4)],
      { perSecond: 0, acceptsPerSecond: 0 },
    ],
    [
      'a queue that nobody serves begins to wait',
      [...known, count(1, 'queue', 3), tick(3)],
      { waitingSinceNs: at(3) },
    ],
    ['and goes on to', [...known, count(1, 'queue', 3), tick(3), tick(4)], { waitingSinceNs: at(3) }],
    [
      'until it is served, and what is left waits from then on',
      [...known, count(1, 'queue', 3), tick(3), count(1, 'accepted', 5), tick(4)],
      { waitingSinceNs: at(4) },
    ],
    [
      'or empty',
      [...known, count(1, 'queue', 3), tick(3), count(1, 'queue', 0), tick(4)],
      { waitingSinceNs: null },
    ],
    [
      'the queue that /proc saw counts before the first pick',
      [socket(1, { queue: 2 }), tick(2)],
      { waitingSinceNs: at(2) },
    ],
    [
      'but not after a restart',
      [socket(1, { queue: 2 }), attached(1), ended(2), attached(9), tick(10)],
      { waitingSinceNs: null },
    ],
  ])('%s', (_, events, expected) => expect(rates(events)).toMatchObject(expected));
});

describe('the life of a run', () => {
  it('follows bpftrace from attaching to its end and back', () => {
    const state = createState(ALL);
    const seen = [
      meta(),
      { kind: 'attaching', tsNs: at(1) } as const,
      attached(2),
      ended(3, 'bpftrace ended (exit 1)'),
      attached(4),
    ].map((event) => {
      apply(state, event);
      return [state.status, state.ended?.why ?? null, state.attachedNs];
    });
    expect(seen).toEqual([
      ['attaching', null, null],
      ['attaching', null, null],
      ['attached', null, at(2)],
      ['ended', 'bpftrace ended (exit 1)', at(2)],
      ['attached', null, at(4)],
    ]);
  });

  it('takes the time of the newest event as now', () => {
    expect(stateOf([tick(5), tick(3)]).nowNs).toBe(at(5));
  });

  it('keeps the names of network namespaces', () => {
    const state = stateOf([{ kind: 'netns', tsNs: 1, netns: 7, name: 'blue' }]);
    expect([...state.netnsNames]).toEqual([[7, 'blue']]);
  });
});

describe('a scan of /proc', () => {
  it('ends members that it should have listed and did not, in the namespaces it read', () => {
    const state = stateOf([
      meta(),
      { ...socket(1), tsNs: at(1) },
      { ...socket(2), tsNs: at(1) },
      { ...socket(3, { netns: 77 }), tsNs: at(1) },
      { ...socket(1), tsNs: at(2) },
      { kind: 'scanned', tsNs: at(2), netns: [NETNS] },
    ]);
    expect([...state.members.values()].map((member) => [member.ino, member.closedNs])).toEqual([
      [1, null],
      [2, at(2)],
      [3, null],
    ]);
  });

  it('does not bring back a socket that closed while it was being read', () => {
    const state = stateOf([meta(), listen(1, 1), close(1, 3), { ...socket(1), tsNs: at(2) }]);
    expect(state.members.get(1)?.closedNs).toBe(at(3));
  });
});
