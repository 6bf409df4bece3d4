import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import type { Scope } from '../../../src/core/state/state.js';
import { NOWHERE } from '../../../src/core/text/place.js';
import { formatTable } from '../../../src/outputs/table.js';
import {
  ALL,
  acceptOf,
  attached,
  count,
  listen,
  meta,
  NETNS,
  owners,
  pick,
  slot,
  socket,
  stateOf,
  tick,
} from '../events.js';
import { RUN } from './run.js';

const table = (events: readonly Event[], scope: Scope = ALL): string => formatTable(stateOf(events, scope));

it('shows a run', () => {
  expect(table(RUN)).toMatchInlineSnapshot(`
    "tcp4 0.0.0.0:8888  3 listeners  picks 1.3M  accepted 1.3M
      IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99
        0    1011 nginx            30,001  2.4%   30,001       0/511   0.3ms   0.3ms
        1       - 2 holders             0  0.0%        0       0/511       -       -
    x   2    1013 nginx              1.2M 97.6%     1.2M     512/511       -       -
        -    1012 nginx            20,212     -   20,211      closed  47.1ms  47.1ms
      3 workers, 0 of 1.3M connections at this n:
        too few to judge, 15 more for any verdict, 103 for 1.5x

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
    1.3M picks in 8.5 s = 3 shown + 1.3M sampled away + 1 lost
    tracepoint rung, Linux 6.18.44, bpftrace 0.17.0"
  `);
});

it('tells the share of one process of the picks of all members that are there, shown or not', () => {
  const rowOf = (pid: number) => table(RUN, { ...ALL, pid }).split('\n')[2];
  expect([1011, 1012].map(rowOf)).toEqual([
    '    0    1011 nginx            30,001  2.4%   30,001       0/511   0.3ms   0.3ms',
    '    -    1012 nginx            20,212     -   20,211      closed  47.1ms  47.1ms',
  ]);
});

it('judges a group also where one process of it is shown', () => {
  expect(table(RUN, { ...ALL, pid: 1011 })).toContain('  3 workers, 0 of 1.3M connections at this n:\n');
});

it('says that nothing listens', () => {
  expect(table([meta(), attached(1), tick(2)], { ...ALL, ports: [80, 443] })).toMatchInlineSnapshot(`
    "Nothing listened on port 80, 443.

    0 picks in 1.0 s = 0 shown + 0 sampled away + 0 lost
    tracepoint rung, Linux 6.18.44, bpftrace 0.17.0"
  `);
});

it('shows several groups, each under its own line', () => {
  expect(
    table([
      meta(),
      { kind: 'netns', tsNs: 0, netns: 7, name: 'blue\u001b[2J' },
      listen(1, 1, { lport: 443, laddr: '::' }),
      listen(2, 1, { lport: 80, reuseport: false }),
      socket(3, { netns: 7 }),
      socket(4, { netns: 4_026_532_301, laddr: '2001:db8:85a3:1234:5678:8a2e:370:7334' }),
      owners(4, 1, 2, 3),
    ]),
  ).toMatchInlineSnapshot(`
    "tcp4 0.0.0.0:8888  netns blue?[2J  1 listener  picks 0  accepted 0
      IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99
        -       - -                     0     -        0         0/-       -       -

    tcp6 [::]:443  1 listener  picks 0  accepted 0
      IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99
        0    1001 nginx                 0     -        0         -/-       -       -

    tcp4 0.0.0.0:80  1 listener without SO_REUSEPORT  picks 0  accepted 0
      IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99
        -    1002 nginx                 0     -        0         -/-       -       -

    tcp6 [2001:db8:85a3:1234:5678:8a2e:370:7334]:8888  netns 4026532301  1 listener  picks 0  accepted 0
      IDX     PID COMM              PICKS SHARE ACCEPTED       QUEUE     P50     P99
        -       - 3 holders             0     -        0         0/-       -       -

    0 picks in 0.0 s = 0 shown + 0 sampled away + 0 lost
    tracepoint rung, Linux 6.18.44, bpftrace 0.17.0"
  `);
});

it('says once what all members are called, and below each what tells it from the others', () => {
  const called = (pid: number, container: string, command: string): Event => ({
    kind: 'process',
    tsNs: 0,
    pid,
    command,
    ...NOWHERE,
    runtime: 'docker',
    container: container.repeat(64),
  });
  const same = [called(7, 'a', 'nginx: worker process'), called(8, 'a', 'nginx: worker process')];
  const apart = [called(7, 'a', 'gunicorn: worker'), called(8, 'b', `gunicorn ${'x'.repeat(99)}`)];
  const members = [listen(1), listen(2), owners(1, 7), owners(2, 8)];
  const rowsOf = (events: readonly Event[]) =>
    table([...events, ...members])
      .split('\n')
      .slice(1, 6);
  expect(rowsOf(same)).toEqual([
    '  docker aaaaaaaaaaaa  nginx: worker process',
    expect.stringContaining('IDX'),
    expect.stringContaining(' 7 nginx'),
    expect.stringContaining(' 8 nginx'),
    expect.stringContaining('2 workers'),
  ]);
  expect(rowsOf(apart)).toEqual([
    expect.stringContaining('IDX'),
    expect.stringContaining(' 7 nginx'),
    '      docker aaaaaaaaaaaa  gunicorn: worker',
    expect.stringContaining(' 8 nginx'),
    `      docker bbbbbbbbbbbb  gunicorn ${'x'.repeat(41)}...`,
  ]);
});

it('asks for the names of a member a few times, however many there are', () => {
  const members = Array.from({ length: 100 }, (_, i) => [listen(i + 1), owners(i + 1, i + 1)]).flat();
  const state = stateOf(members);
  let asked = 0;
  for (const member of state.members.values()) {
    const { holders } = member;
    const get = () => {
      asked++;
      return holders;
    };
    Object.defineProperty(member, 'holders', { get });
  }
  formatTable(state);
  expect(asked).toBeLessThan(100 * 50);
});

describe('within 80 columns', () => {
  const longest = { comm: 'fifteen-bytes-x', pid: 4_194_304 };
  it.each<[string, readonly Event[]]>([
    ['the run', RUN],
    [
      'the largest numbers and longest names over IPv4',
      [
        meta(),
        ...[1, 2].map((ino) => listen(ino, 1, { ...longest, laddr: '255.255.255.255', lport: 65_535 })),
        slot(1, 0, 2, { laddr: '255.255.255.255', lport: 65_535, backlog: 65_535, queue: 65_535 }),
        slot(2, 1, 2, { laddr: '255.255.255.255', lport: 65_535, backlog: 65_535, queue: 65_535 }),
        count(1, 'picks', 9e11),
        count(1, 'accepted', 9e11),
        { ...acceptOf(pick(1), 3_600_000), ...longest },
      ],
    ],
  ])('%s', (_, events) => {
    const lines = table(events).split('\n');
    // What is said of a finding or of the host is a sentence, of any length.
    const isTable = (line: string): boolean =>
      !/^(?:[x!i-] | {2}(?:but|try): )/.test(line) || /^x +\d/.test(line);
    expect(lines.filter((line) => isTable(line) && line.length > 80)).toEqual([]);
  });
});

it('lets no process name move a cursor', () => {
  const text = table([
    meta(),
    listen(1, 1, { comm: '\u001b[2J\u0007\n\u009b' }),
    { kind: 'netns', tsNs: 0, netns: NETNS, name: '\r' },
  ]);
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(text.split('\n')[2]).toContain('1001 ?[2J???');
});

it('claims no account of picks between two counts', () => {
  const events = [meta(), attached(1), listen(1), count(1, 'picks', 2), count(1, 'printed', 2)];
  const last = (more: readonly Event[]): string | undefined =>
    table([...events, ...more])
      .split('\n')
      .at(-2);
  const [first, second, third] = [pick(1, 3), pick(1, 4), pick(1, 5)];
  expect(last([first, second])).toBe('2 picks in 3.0 s = 2 shown + 0 sampled away + 0 lost');
  expect(last([first, second, third])).toBe('2 picks in 4.0 s at the last count; 3 shown by now');
});

it('judges every pick since a reset, as at the beginning of a later part of a recording', () => {
  const counts = (picks: number, seconds: number): Event[] =>
    [1, 2].map((ino) => count(ino, 'picks', picks + ino, seconds));
  const text = table([
    ...[meta(), attached(1), slot(1, 0, 2), slot(2, 1, 2), tick(2), ...counts(100, 3), tick(3)],
    { kind: 'reset', tsNs: 3_500_000_000 },
    ...[...counts(200, 4), tick(4), ...counts(300, 5), tick(5)],
  ]);
  expect(text).toContain('picks 400  accepted');
  expect(text).toContain('  2 workers, 400 connections: a largest share of 200 is ordinary');
});
