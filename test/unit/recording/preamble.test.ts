import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { queueOf } from '../../../src/core/state/member.js';
import { createState, type State } from '../../../src/core/state/state.js';
import { totals } from '../../../src/core/state/totals.js';
import { parseEvent } from '../../../src/core/wire/json.js';
import { memberFacts, membersOf } from '../../../src/members/facts.js';
import { packageRoot } from '../../../src/package.js';
import { preamble } from '../../../src/recording/preamble.js';
import {
  ALL,
  acceptOf,
  at,
  attached,
  close,
  count,
  device,
  ended,
  listen,
  meta,
  owners,
  pick,
  slot,
  socket,
  stateOf,
  tick,
} from '../events.js';

/** What must be the same: the live members with their numbers, their groups, the sums. */
const factsOf = (state: State) => ({
  members: membersOf(state)
    .filter((member) => member.closedNs === null)
    .map((member) => ({
      ...memberFacts(member, state.meta?.rung ?? null),
      acceptor: member.acceptor,
      acceptors: [...member.acceptors].sort(),
      listener: member.listener,
      seenNs: member.seenNs,
      lastAcceptNs: member.lastAcceptNs,
      perSecond: member.perSecond,
    })),
  groups: [...state.groups.values()]
    .filter((group) => group.members.size > 0)
    .map(({ key, n, program }) => ({ key, n, program: program === null ? null : { ...program, ino: 0 } })),
  totals: totals(state),
  status: state.status,
  attachedNs: state.attachedNs,
  countedNs: state.countedNs,
  startNs: state.startNs,
});

/** The State of a part that begins after the first `cut` events, and that of a run whose counters were set to zero there. */
const both = (events: readonly Event[], cut: number): { part: State; run: State } | null => {
  const run = stateOf(events.slice(0, cut));
  const before = preamble(run);
  if (before === null) return null;
  apply(run, { kind: 'reset', tsNs: run.nowNs });
  const part = stateOf(before);
  for (const event of events.slice(cut)) for (const state of [run, part]) apply(state, event);
  return { part, run };
};

describe('a part of a recording', () => {
  const folder = fileURLToPath(new URL('test/fixtures/', packageRoot()));
  it.each(readdirSync(folder))('of %s means the same wherever it begins', (name) => {
    const lines = gunzipSync(readFileSync(`${folder}${name}`))
      .toString()
      .split('\n');
    const events = lines.map(parseEvent).filter((event) => event !== null);
    let compared = 0;
    for (let cut = 1; cut < events.length; cut += 7) {
      const states = both(events, cut);
      if (states === null) continue;
      // Two ticks after it the rates are the same too.
      const ticks = events.slice(cut).filter(({ kind }) => kind === 'tick').length;
      const [part, run] = [factsOf(states.part), factsOf(states.run)];
      const withoutRate = (facts: typeof part) =>
        ticks > 1 ? facts : { ...facts, members: facts.members.map((m) => ({ ...m, perSecond: null })) };
      expect(withoutRate(part), `cut after ${cut}`).toEqual(withoutRate(run));
      compared++;
    }
    expect(compared).toBeGreaterThan(50);
  });

  it('knows totals over restarts of bpftrace and resets', () => {
    const events: Event[] = [
      meta(),
      attached(1),
      listen(1, 1),
      socket(1),
      slot(1, 0, 1),
      count(1, 'picks', 100),
      { kind: 'reset', tsNs: at(3) },
      count(1, 'picks', 130),
      ended(4),
      attached(5),
      socket(1, { tsNs: at(5), queue: 2 }),
      count(1, 'picks', 7, 6),
      tick(6),
      // Here the part begins.
      count(1, 'picks', 12, 7),
      tick(7),
      count(1, 'picks', 12, 8),
      tick(8),
    ];
    const states = both(events, events.length - 4);
    expect(states && membersOf(states.part).map((m) => memberFacts(m, 'fentry').picks)).toEqual([5]);
    expect(states && factsOf(states.part)).toEqual(states && factsOf(states.run));
  });

  it('knows the interfaces that members are bound to', () => {
    const events: Event[] = [
      meta(),
      attached(1),
      ...[1, 2, 3].flatMap((ino) => [socket(ino), device(ino, ino), slot(ino, 0, 1)]),
      close(3),
      tick(2),
      close(2, 2.5),
      tick(3),
      tick(4),
    ];
    const states = both(events, events.length - 3);
    expect(states && factsOf(states.part)).toEqual(states && factsOf(states.run));
    expect(states?.part.members.get(1)).toMatchObject({ device: 1, laddr: '0.0.0.0%1' });
  });

  it('knows who accepted, by which thread, and who holds what', () => {
    const picked = pick(1, 2);
    const accepted = { ...acceptOf(picked, 1, 70), tid: 71 };
    const events: Event[] = [
      meta(),
      attached(1),
      socket(1),
      owners(1, 70, 80),
      slot(1, 0, 1),
      picked,
      acceptOf(picked, 1, 80),
      accepted,
      { ...accepted, tid: 72 },
      tick(3),
    ];
    const states = both(events, events.length);
    expect(states && factsOf(states.part)).toEqual(states && factsOf(states.run));
    expect(states?.part.members.get(1)?.acceptor).toMatchObject({ pid: 70, tid: null });
  });

  it('knows the connections that were open when they were last counted', () => {
    const where = { netns: socket(1).netns, laddr: '0.0.0.0', lport: 8888 };
    const processes = [{ pid: 70, connections: 3 }];
    const open: Event = { kind: 'open', tsNs: at(2), ...where, processes, others: 0 };
    const two = [socket(1), owners(1, 70), socket(2), owners(2, 80)];
    const events = [meta(), attached(1), ...two, open, tick(3), tick(4)];
    const states = both(events, events.length - 1);
    expect(states && membersOf(states.part).map((member) => member.open)).toEqual([3, 0]);
  });

  it('does not take a member for gone when it begins in the middle of a scan of /proc', () => {
    const scan = (second: number): Event[] => [
      ...[1, 2, 3].map((ino) => socket(ino, { tsNs: at(second) })),
      { kind: 'scanned', tsNs: at(second), netns: [socket(1).netns] },
    ];
    const events = [meta(), attached(1), ...scan(2), ...scan(4)];
    for (let cut = 7; cut <= events.length; cut++) {
      const states = both(events, cut);
      expect(states && factsOf(states.part).members.map(({ ino }) => ino)).toEqual([1, 2, 3]);
    }
  });

  it('does not begin before the run has told of itself', () => expect(preamble(createState(ALL))).toBeNull());

  it('begins while a queue is not known: nothing waits on a socket that has just begun to listen', () => {
    const events = [meta(), attached(1), listen(1), tick(2)];
    const states = both(events, events.length);
    expect(states && membersOf(states.run).map(queueOf)).toEqual([null]);
    expect(states && membersOf(states.part).map(queueOf)).toEqual([0]);
  });

  it('begins while the user of a member is not known, and makes none up', () => {
    const { netns, laddr, lport } = socket(1);
    const by = { reuseportId: 3, pid: 7, comm: 'nginx' };
    const joins = [0, 1].map(
      (index): Event => ({
        kind: 'join',
        tsNs: at(1),
        ino: index + 1,
        netns,
        laddr,
        lport,
        index,
        n: index + 1,
        ...by,
      }),
    );
    const events: Event[] = [meta(), attached(1), ...joins, owners(1, 70), tick(2), tick(3), tick(4)];
    const states = both(events, events.length - 2);
    expect(states && factsOf(states.part)).toEqual(states && factsOf(states.run));
    expect(states && membersOf(states.part).map(({ uid, index }) => [uid, index])).toEqual([
      [null, 0],
      [null, 1],
    ]);
  });
});
