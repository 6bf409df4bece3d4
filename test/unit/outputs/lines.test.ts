import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState, type Scope } from '../../../src/core/state/state.js';
import { createLines } from '../../../src/outputs/lines.js';
import { ALL, acceptOf, at, close, ended, listen, meta, NETNS, pick } from '../events.js';
import { RUN } from './run.js';
import { createSink } from './sink.js';

/** All that is printed of a run. */
const print = async (events: readonly Event[], scope: Scope = ALL, isQuiet = false): Promise<string> => {
  const { stream, text } = createSink();
  const state = createState(scope);
  const output = createLines(stream, { isQuiet }, () => expect.unreachable());
  for (const event of events) {
    apply(state, event);
    output.take(state, event);
  }
  await output.end(state);
  return text();
};

/** The lines of single events alone. */
const lines = async (events: readonly Event[], scope: Scope = ALL): Promise<string[]> => {
  const [log = ''] = (await print(events, scope)).split('\n\n');
  return log.split('\n').slice(1);
};

it('prints a line for each event worth one, under a heading', async () => {
  expect(await lines(RUN, { ...ALL, ports: [8888] })).toMatchInlineSnapshot(`
    [
      "14:03:08.000 listen          1011 nginx                    0.0.0.0:8888",
      "14:03:08.000 listen          1012 nginx                    0.0.0.0:8888",
      "14:03:08.000 listen          1013 nginx                    0.0.0.0:8888",
      "14:03:08.000 listen          1014 nginx                    0.0.0.0:8888",
      "14:03:09.100 pick     0/4    1011 nginx           1/511    127.0.0.1:40012",
      "14:03:09.200 pick     1/4    1012 nginx           1/511    192.168.100.100:65535",
      "14:03:09.300 pick     2/4    1013 nginx           512/511  10.0.3.18:33001",
      "14:03:09.100 accept   0/4    1011 nginx                    fd 21 after 0.3ms",
      "14:03:09.247 accept   1/4    1012 nginx                    fd 21 after 47.1ms",
      "14:03:09.600 bind         4194304 fifteen-bytes-x          0.0.0.0:8888 without SO_REUSEPORT: EADDRINUSE: This socket did not set SO_REUSEPORT before bind().",
      "14:03:09.800 close           1012 nginx           1 left   0.0.0.0:8888",
      "14:03:10.000 found  x overflow: tcp 0.0.0.0:8888 #2 pid 1013 nginx: queue full, 512/511 queued: new connections to it are dropped Try: Accept faster, or raise the backlog of listen() and net.core.somaxconn.",
      "14:03:10.000 found  x lost-at-close: tcp 0.0.0.0:8888 had 1 connection queued when #1 pid 1012 nginx closed: reset (but: whether net.ipv4.tcp_migrate_req moved them to other members is not seen by this rung) Try: sysctl net.ipv4.tcp_migrate_req=1 (Linux 5.14 and newer) would have given it to the 3 listeners that stay; or accept what is queued before closing.",
      "14:03:10.000 found  ! bind-refused: tcp 0.0.0.0:8888 bind() of pid 4194304 fifteen-bytes-x: EADDRINUSE: This socket did not set SO_REUSEPORT before bind(). No listener is seen on that address: what holds it is not known, for ss (iproute2) was not asked or gave no answer. (but: told by the sockets that are there, not by the kernel) Try: setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1) before bind().",
      "14:03:10.000 found  i renumbered: tcp 0.0.0.0:8888 n went 4 -> 3: about 50% of the clients that come again go to another member",
      "14:03:16.500 found  i lossy: 1 event lost by bpftrace as it ended: the last of the logs is missing, the counters are exact",
    ]
  `);
});

it('keeps the lines of connections and listeners within 80 columns for IPv4', async () => {
  const widest = { laddr: '255.255.255.255', pid: 4_194_304, comm: 'fifteen-bytes-x' };
  const picked = pick(1, 2, { n: 64, index: 63, queue: 512, raddr: '255.255.255.255', rport: 65_535 });
  const events = [
    listen(1, 1, widest),
    picked,
    { ...acceptOf(picked), ...widest },
    close(1, 3, { ...widest, queue: 5 }),
  ];
  const printed = await lines([meta(), ...events], { ...ALL, ports: [8888] });
  expect(printed.map((line) => line.split(' ')[1])).toEqual(['listen', 'pick', 'accept', 'close']);
  expect(printed.filter((line) => line.length > 80)).toEqual([]);
});

it('says to which port a connection went, when there may be several', async () => {
  const [, line = ''] = await lines([meta(), listen(1), pick(1)]);
  expect(line.trimEnd().slice(-28)).toMatchInlineSnapshot(`"1    127.0.0.1:40012 > :8888"`);
});

it.each<[string, Event[], string]>([
  ['a close with connections queued', [close(1, 2, { queue: 5 })], '5 left   0.0.0.0:8888'],
  ['losses', [{ kind: 'lost', tsNs: 5, by: 'perf', events: 7 }], 'lost 7 events'],
  ['skipped runs', [{ kind: 'lost', tsNs: 5, by: 'missed', events: 7 }], 'lost 7 probe runs'],
  ['the end of bpftrace', [ended(3, 'bpftrace ended (\u001b[2J)\nmore')], 'bpftrace ended (?[2J)'],
  [
    'an accept whose pick was not shown',
    [{ ...acceptOf(pick(1)), pickNs: null, waitNs: null }],
    'fd 21 after -',
  ],
])('says %s', async (_, events, text) => {
  const printed = await lines([meta(), listen(1), ...events]);
  expect(printed.at(-1)).toMatch(new RegExp(`${text.replace(/[()?[\].]/g, '\\$&')}$`));
});

describe('a refused call', () => {
  const asked = {
    ...{
      pid: 9,
      tid: 9,
      uid: 33,
      comm: 'nginx',
      fd: 3,
      netns: NETNS,
      laddr: '0.0.0.0',
      lport: 8888,
      ino: 99,
    },
    ...{ reuseport: true, reuseaddr: false, ret: -98 },
  };
  const bind: Event = { ...asked, kind: 'bind', tsNs: at(2), proto: 'tcp' };
  const port: Event = {
    ...asked,
    kind: 'port',
    tsNs: at(1.9),
    state: 7,
    path: 'refused',
    hasGroup: false,
    culprit: { ino: 11, uid: 0, state: 10, reuseport: true, reuseaddr: false, laddr: '0.0.0.0' },
  };
  it.each<[string, Event[], string]>([
    [
      'by the sockets there',
      [bind],
      '0.0.0.0:8888: EADDRINUSE: On 0.0.0.0:8888 now: 1 socket with SO_REUSEPORT: pid 1011 nginx.',
    ],
    [
      "by the kernel's verdict",
      [port, bind],
      '0.0.0.0:8888: EADDRINUSE: In the way: a listener of pid 1011 nginx on 0.0.0.0:8888.',
    ],
    [
      'at listen()',
      [{ ...asked, kind: 'listened', tsNs: at(2), backlog: 5, ret: -13 }],
      '0.0.0.0:8888: EACCES: Port 8888 needs no capability (only ports below 1024 (net.ipv4.ip_unprivileged_port_start) need CAP_NET_BIND_SERVICE): a sandbox or security module refused it.',
    ],
    ['as far as anybody knows', [{ ...bind, ret: -22 }], 'EINVAL: The kernel refused it for another reason.'],
  ])('says why, %s', async (_, events, text) => {
    const printed = await lines([meta(), listen(11, 1), ...events], { ...ALL, ports: [8888] });
    expect(printed.at(-1)?.endsWith(text), printed.at(-1)).toBe(true);
  });
});

it('prints nothing of ports that were not asked for, whatever the probes let through', async () => {
  const other = { lport: 80 };
  const events = [listen(21, 1, other), close(21, 2, other), pick(21, 2, other)];
  expect(await lines([meta(), listen(11, 1), ...events], { ...ALL, ports: [8888] })).toHaveLength(1);
});

describe('with --once', () => {
  it('prints the table alone', async () => {
    const text = await print(RUN, ALL, true);
    expect(text.split('\n')[0]).toMatch(/^tcp4 0\.0\.0\.0:8888 /);
  });
});

it('prints only the table when nothing happened', async () => {
  expect(await print([meta()], { ...ALL, ports: [80] })).toMatch(/^Nothing listened on port 80\.\n/);
});

it('lets no process name move a cursor or begin a line', async () => {
  const events = [
    listen(1, 1, { comm: '\n12:00:00.000 pick\u001b[2J' }),
    close(1, 2, { comm: '\r\u009b31m' }),
  ];
  const printed = await lines([meta(), ...events]);
  expect(printed).toHaveLength(2);
  expect(printed.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
});
