import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import type { Scope } from '../../../src/core/state/state.js';
import { type CheckFacts, checkFacts, whyNoCheck } from '../../../src/members/verdict.js';
import { createCheck } from '../../../src/outputs/check.js';
import { beats } from '../core/findings/rules/said.js';
import { ALL, attached, count, listen, meta, slot, socket, stateOf, tick } from '../events.js';
import { RUN } from './run.js';
import { createSink } from './sink.js';

const print = async (
  kind: 'lines' | 'json' | 'ndjson',
  events: readonly Event[],
  scope?: Scope,
): Promise<string> => {
  const { stream, text } = createSink();
  const output = createCheck(stream, kind, () => expect.unreachable());
  const state = stateOf(events, scope);
  output.take(state, tick(0));
  await output.end(state);
  expect(output.dropped()).toBe(0);
  return text();
};

const healthy: Event[] = [
  meta(),
  attached(1),
  ...[1, 2].flatMap((ino, i) => [listen(ino), slot(ino, i, 2)]),
  tick(2),
  ...[1, 2].flatMap((ino) => [count(ino, 'picks', 100, 3), count(ino, 'accepted', 100, 3)]),
  ...beats(3, 12),
];
const exitCode = (events: readonly Event[]) => checkFacts(stateOf(events)).exitCode;

describe('the verdict', () => {
  it.each<[string, Event[], 0 | 3]>([
    ['a healthy run', healthy, 0],
    ['nobody came', healthy.slice(0, 7), 0],
    ['a note alone', [meta(), attached(1), listen(1), slot(1, 0, 1), ...beats(2, 12)], 0],
    ['a warning', [...healthy, { kind: 'malformed', tsNs: 0, lines: 1, sample: '' }, tick(13)], 3],
    ['a problem', [...healthy, count(1, 'queue', 512, 12.5), tick(13)], 3],
    [
      'a problem that is over',
      [...healthy, count(1, 'queue', 512, 12.5), tick(13), count(1, 'queue', 0, 13.5), ...beats(14, 30)],
      3,
    ],
  ])('on %s', (_, events, code) => expect(exitCode(events)).toBe(code));

  it('is none where nobody listens', () => {
    const silent = [meta(), attached(1), tick(2)];
    expect(whyNoCheck(stateOf(silent, { ...ALL, ports: [80, 443] }))).toBe('nothing listens on port 80, 443');
    expect(whyNoCheck(stateOf(silent))).toBe('nothing listens here');
    expect(whyNoCheck(stateOf(RUN))).toBe(null);
  });

  it('is none where nobody looked: the run was ended before the probes were attached', () => {
    expect(whyNoCheck(stateOf([meta(), socket(1), socket(2)]))).toBe('the probes were never attached');
  });
});

it('comes after all members of a large host', async () => {
  const { stream, text, take } = createSink({ isSlow: true });
  const output = createCheck(stream, 'ndjson', () => expect.unreachable());
  const ending = output.end(stateOf(Array.from({ length: 9000 }, (_, ino) => socket(ino + 1))));
  take();
  await ending;
  expect(output.dropped()).toBe(0);
  expect(text().trimEnd().split('\n').at(-1)).toContain('"kind":"verdict"');
});

it('as lines: groups, findings, one last line', async () => {
  expect(await print('lines', healthy)).toMatchInlineSnapshot(`
    "tcp4 0.0.0.0:8888  2 listeners  picks 200  accepted 200
      2 workers, 200 connections: a largest share of 100 is ordinary, p = 1.00
    healthy: nothing found in 11.0 s, 200 picks, tracepoint rung
    "
  `);
  expect(await print('lines', RUN)).toMatchInlineSnapshot(`
    "tcp4 0.0.0.0:8888  3 listeners, 1 left  picks 1.3M  accepted 1.3M
      3 workers, 0 of 1.3M connections at this n: too few to judge, 15 more for any verdict, 103 for 1.5x
    x tcp 0.0.0.0:8888 #2 pid 1013 nginx: queue full, 512/511 queued: new connections to it are dropped
      try: Accept faster, or raise the backlog of listen() and net.core.somaxconn.
    x tcp 0.0.0.0:8888 had 1 connection queued when #1 pid 1012 nginx closed: reset
      but: whether net.ipv4.tcp_migrate_req moved them to other members is not seen by this rung
      try: sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14 and newer) would have given it to the 3 listeners that stay; or accept what is queued before closing.
    ! tcp 0.0.0.0:8888 bind() of pid 4194304 fifteen-bytes-x: EADDRINUSE: This socket did not set SO_REUSEPORT before bind(). No listener is seen on that address: what holds it is not known, for ss (iproute2) was not asked or gave no answer.
      but: told by the sockets that are there, not by the kernel
      try: setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1) before bind().
    i tcp 0.0.0.0:8888 n went 4 -> 3: about 50% of the clients that come again go to another member
    i 1 event lost by bpftrace as it ended: the last of the logs is missing, the counters are exact
    findings: 2 problems, 1 warning, 2 notes in 8.5 s, 1.3M picks, tracepoint rung
    "
  `);
});

it.each([
  ['fentry', 'picks', 'datagrams'],
  ['tracepoint', 'wake-ups', 'wake-ups'],
] as const)('as lines, of UDP on the %s rung', async (rung, picks, counted) => {
  const sockets = [1, 2].flatMap((ino, i) => [
    socket(ino, { proto: 'udp' }),
    slot(ino, i, 2, { proto: 'udp' }),
  ]);
  const counts = [1, 2].flatMap((ino) => [count(ino, 'picks', 2000, 3), count(ino, 'received', 1999, 3)]);
  const text = await print('lines', [meta({ rung }), attached(1), ...sockets, tick(2), ...counts, tick(3)]);
  const [head, shares] = text.split('\n');
  expect(head).toBe(`udp4 0.0.0.0:8888  2 sockets  ${picks} 4,000  received 3,998`);
  expect(shares).toContain(`  2 sockets, 4,000 ${counted}: `);
});

it('as one JSON object', async () => {
  const facts = JSON.parse(await print('json', RUN)) as CheckFacts;
  expect(facts).toEqual(JSON.parse(JSON.stringify(checkFacts(stateOf(RUN)))));
  expect(facts).toMatchObject({ verdict: 'findings', exitCode: 3, problems: 2, warnings: 1, notes: 2 });
  expect(facts.groups).toMatchObject([
    { lport: 8888, listeners: 3, left: 1, shares: { kind: 'few', workers: 3 } },
  ]);
});

it('as lines of JSON, the verdict last', async () => {
  const lines = (await print('ndjson', RUN))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });
  expect(lines.map(({ kind }) => kind).join(' ')).toBe(
    'group member member member member finding finding finding finding finding summary verdict',
  );
  expect(lines.at(-1)).toEqual({
    kind: 'verdict',
    verdict: 'findings',
    exitCode: 3,
    problems: 2,
    warnings: 1,
    notes: 2,
  });
});
