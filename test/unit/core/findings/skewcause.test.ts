import { describe, expect, it } from 'vitest';
import { apply } from '../../../../src/core/apply.js';
import type { Event, PickEvent } from '../../../../src/core/event.js';
import { findings } from '../../../../src/core/findings/diagnosis.js';
import type { Finding } from '../../../../src/core/state/finding.js';
import { createState, type Scope, type State } from '../../../../src/core/state/state.js';
import { ALL, at, close, count, listen, meta, pick, slot, tick } from '../../events.js';

/** Four members that have had the picks `from` at second 2 and `to` at second 12. */
const four = (from: readonly number[], to: readonly number[], n = 4): Event[] => [
  meta(),
  ...[1, 2, 3, 4].map((ino, i) => slot(ino, i, n)),
  ...from.map((picks, i) => count(i + 1, 'picks', picks)),
  tick(2),
  ...to.map((picks, i) => count(i + 1, 'picks', picks)),
];
const NONE = [0, 0, 0, 0];
const SKEWED = [100, 400, 100, 100];

const skewIn = (events: readonly Event[], scope: Scope = ALL): Finding[] => {
  const state: State = createState(scope);
  for (const event of events) apply(state, event);
  return findings(state).filter(({ rule }) => rule === 'skew');
};
const said = (events: readonly Event[], scope?: Scope): string | undefined => skewIn(events, scope)[0]?.text;

/** Picks of member 2 (or another) from clients that the rows choose. */
const picks = (times: number, change: (i: number) => Partial<PickEvent>, ino = 2): Event[] =>
  Array.from({ length: times }, (_, i) => pick(ino, 3 + i / 100, { index: ino - 1, ...change(i) }));
const manyClients = picks(40, (i) => ({ raddr: `10.0.0.${i}`, rport: 33_000 + i }));

const WHO = 'tcp 0.0.0.0:8888 #1 ino 2: 2.29x its fair share';
// p = 1 / (likelihood ratio of 400 in 700 alone, Beta(1, 3), at a weight of 1 / 8): 10^-68.21 with scipy 1.17.
const NUMBERS = '(400 of 700 in 10 s, p = 6e-69)';

describe('a skew says who, how much, and why, as far as the rung can know', () => {
  it.each<[string, Event[], string]>([
    ['nothing known', [], `${WHO} ${NUMBERS}`],
    ['many clients', manyClients, `${WHO} ${NUMBERS}`],
    [
      'one client that comes again',
      [...manyClients, ...picks(60, () => ({ raddr: '10.0.3.18' }))],
      `${WHO}: 60% of its shown picks are 10.0.3.18:40012 again ${NUMBERS}`,
    ],
    [
      'one client over IPv6 with few ports',
      picks(40, (i) => ({ raddr: '2001:db8::1', rport: 40_000 + (i % 8) })),
      `${WHO}: its 40 shown picks come from 8 ports of 2001:db8::1 ${NUMBERS}`,
    ],
    [
      'a few clients',
      picks(60, (i) => ({ raddr: `10.0.0.${i % 6}` })),
      `${WHO}: its 60 shown picks come from 6 ports of 6 clients ${NUMBERS}`,
    ],
    [
      'clients of other members that come again',
      [...manyClients, ...picks(60, () => ({}), 1)],
      `${WHO} ${NUMBERS}`,
    ],
    ['picks from before', Array.from({ length: 60 }, () => pick(2, 1.9, { index: 1 })), `${WHO} ${NUMBERS}`],
    [
      'a BPF program',
      [{ kind: 'program', tsNs: at(3), ino: 2, type: 21, id: 7, name: 'pick\u001b[2J' }],
      `${WHO}: the sk_reuseport program id 7 "pick?[2J" chooses ${NUMBERS}`,
    ],
    [
      'picks of a program that was not seen',
      picks(30, (i) => ({ rport: i, cause: 'bpf' })),
      `${WHO}: a BPF program chooses ${NUMBERS}`,
    ],
    [
      'SO_INCOMING_CPU',
      picks(30, (i) => ({ rport: i, cause: i % 3 === 0 ? 'hash' : 'incoming-cpu' })),
      `${WHO}: SO_INCOMING_CPU chose 67% of the shown picks ${NUMBERS}`,
    ],
    [
      'a full queue, which explains no share of 2.29x among four',
      [count(3, 'queue', 512)],
      `${WHO} ${NUMBERS}`,
    ],
  ])('%s', (_, events, expected) => {
    expect(said([...four(NONE, SKEWED), ...events, tick(12)])).toBe(expected);
  });

  it('a member that does not accept, where handshakes are what is counted', () => {
    const events = [...four(NONE, [300, 10, 300, 300]), count(2, 'queue', 512)];
    expect(said([...events, tick(12)])).toMatch(
      /^tcp 0.0.0.0:8888 #1 ino 2: 0.04x its fair share: it does not accept, 512\/511 queued \(10 of 910 in 10 s, p = /,
    );
    expect(said([...events, { ...meta({ rung: 'fentry' }), tsNs: at(3) }, tick(12)])).toMatch(
      /fair share \(/,
    );
  });

  it('a member that is never picked', () => {
    expect(said([...four(NONE, [300, 0, 300, 300]), tick(12)])).toMatch(
      /ino 2: gets no picks \(0 of 900 in 10 s/,
    );
  });

  it('n that changed before', () => {
    const events = [...four(NONE, NONE, 5), slot(4, 3, 4, { tsNs: at(3) }), tick(3)];
    const grown = SKEWED.map((each, i) => count(i + 1, 'picks', each));
    expect(said([...events, ...grown, tick(12)])).toBe(`${WHO}: it began when n went 5 -> 4 ${NUMBERS}`);
  });

  it('each with a mark, a member, one thing to try and the mechanism', () => {
    const [finding] = skewIn([...four(NONE, SKEWED), tick(12)]);
    expect(finding).toMatchObject({
      severity: 'warning',
      ino: 2,
      group: expect.stringContaining('8888'),
      sinceNs: at(2),
      raisedNs: at(12),
      doubt: null,
      evidence: { picks: 400, groupPicks: 700, members: 4, ratio: 2.286, seconds: 10, cause: 'unknown' },
    });
    expect([finding?.advice, finding?.why]).toEqual([
      expect.stringMatching(/\.$/),
      expect.stringMatching(/\.$/),
    ]);
  });
});

it.each<[string, Event[]]>([
  ['few-clients', picks(60, () => ({ raddr: '10.0.3.18' }))],
  ['bpf-program', picks(30, (i) => ({ rport: i, cause: 'bpf' }))],
  ['incoming-cpu', picks(30, (i) => ({ rport: i, cause: 'incoming-cpu' }))],
])('names the cause %s for scripts', (cause, events) => {
  expect(skewIn([...four(NONE, SKEWED), ...events, tick(12)])[0]?.evidence.cause).toBe(cause);
});

describe('no skew is found', () => {
  it.each<[string, Event[]]>([
    ['in equal shares', [...four(NONE, [100, 101, 99, 100]), tick(12)]],
    ['in what was before the first look', [...four(SKEWED, SKEWED), tick(12)]],
    ['in few picks', [...four(NONE, [0, 29, 0, 0]), tick(12)]],
    ['in one listener', [meta(), slot(1, 0, 1), tick(2), count(1, 'picks', 5000), tick(3)]],
    [
      'in listeners without SO_REUSEPORT',
      [
        ...[1, 2].map((ino) => listen(ino, 1, { reuseport: false })),
        tick(2),
        count(1, 'picks', 5000),
        tick(3),
      ],
    ],
    ['in what are several groups to the kernel', [...four(NONE, SKEWED, 2), tick(12)]],
    ['when a member has left since', [...four(NONE, SKEWED), tick(12), close(1, 12.5), tick(13)]],
    ['when the accused has left just now', [...four(NONE, SKEWED), tick(12), close(2, 12.5), tick(13)]],
    ['after a reset', [...four(NONE, SKEWED), tick(12), { kind: 'reset', tsNs: at(12.5) }, tick(13)]],
  ])('%s', (_, events) => expect(skewIn(events)).toEqual([]));

  it('by whoever asked for another process', () => {
    expect(skewIn([...four(NONE, SKEWED), tick(12)], { ...ALL, pid: 42 })).toEqual([]);
  });
});
