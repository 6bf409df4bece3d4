// src/core/words/grounds.ts: refusals that no listener causes, by what the host said of them.
import { describe, expect, it } from 'vitest';
import type { BindEvent, Event, Grounds, Obstacle } from '../../../../src/core/event.js';
import { findings } from '../../../../src/core/findings/diagnosis.js';
import { close, listen, NETNS, slot, socket, stateOf, tick } from '../../events.js';

const asked = (change: Partial<BindEvent> = {}): BindEvent => ({
  kind: 'bind',
  tsNs: 2e9,
  pid: 77,
  tid: 77,
  uid: 0,
  comm: 'srv',
  fd: 3,
  proto: 'tcp',
  netns: NETNS,
  laddr: '0.0.0.0',
  lport: 8888,
  reuseport: true,
  reuseaddr: true,
  ret: -98,
  ino: 99,
  ...change,
});
const NOTHING: Grounds = { task: null, portStart: null, portRange: null, address: null, sockets: null };
const TASK = {
  hasCapability: true,
  hasOwnUsers: false,
  noNewPrivs: false,
  hasSeccomp: false,
  label: null,
  cgroup: '/system.slice/srv.service',
};
const row = (change: Partial<Obstacle> = {}): Obstacle => ({
  state: 'ESTAB',
  laddr: '127.0.0.1',
  lport: 8888,
  raddr: '127.0.0.1',
  rport: 700,
  ino: 12,
  uid: 0,
  isSixOnly: false,
  seconds: null,
  holder: { pid: 9, comm: 'chat' },
  ...change,
});
const answer = (grounds: Partial<Grounds> | null, call = asked()): Event => ({
  kind: 'grounds',
  tsNs: 2.1e9,
  tid: call.tid,
  callNs: call.tsNs,
  grounds: grounds === null ? null : { ...NOTHING, ...grounds },
});
const said = (events: readonly Event[]): string[] =>
  findings(stateOf(events)).flatMap(({ rule, text, advice }) =>
    rule === 'bind-refused' ? [`${text.replace(/^.*?: E/, 'E')} Try: ${advice}`] : [],
  );
const explained = (grounds: Partial<Grounds>, change: Partial<BindEvent> = {}): string => {
  const call = asked(change);
  return said([call, answer(grounds, call), tick(3)])[0] ?? '';
};

describe('a refusal is laid to', () => {
  it.each<[string, Partial<Grounds>, Partial<BindEvent>, RegExp]>([
    [
      'the capability, where it is missing',
      { task: { ...TASK, hasCapability: false }, portStart: 1024 },
      { ret: -13, lport: 80, uid: 65_534 },
      /^EACCES: Ports below 1024 .* need CAP_NET_BIND_SERVICE, which it has not \(uid 65534\)\. Try: Give the service/,
    ],
    [
      'the user namespace that the capability is of',
      { task: { ...TASK, hasOwnUsers: true }, portStart: 1024 },
      { ret: -13, lport: 80 },
      /which it has in its own user namespace alone/,
    ],
    [
      'a sandbox, for no capability is needed',
      { task: { ...TASK, noNewPrivs: true }, portStart: 1024 },
      { ret: -13 },
      /^EACCES: Port 8888 needs no capability .* a sandbox or security module refused it: it has no_new_privs set, .*Landlock/,
    ],
    [
      'a security module, which it names by the label, for the capability is there',
      { task: { ...TASK, label: 'nginx (enforce)', hasSeccomp: true }, portStart: 1024 },
      { ret: -13, lport: 80 },
      /and it has that: a sandbox .* label is nginx \(enforce\); it has a seccomp filter; Landlock shows nowhere/,
    ],
    [
      'the setting of that namespace, where more ports are privileged',
      { task: { ...TASK, hasCapability: false }, portStart: 10_000 },
      { ret: -13, uid: 33 },
      /^EACCES: Ports below 10000 /,
    ],
    [
      'nobody by name, when who asked has ended',
      { portStart: 1024 },
      { ret: -13 },
      /a sandbox or security module refused it: which one is not known, the process has ended/,
    ],
    [
      'a program of its cgroup',
      { task: TASK },
      { ret: -1 },
      /^EPERM: A BPF program of its cgroup \/system\.slice\/srv\.service refused it .*; it has no seccomp filter\. Try: See bpftool cgroup tree/,
    ],
    [
      'an address that is tentative',
      { address: { where: 'here', iface: 'v0', flags: 0xc0, netns: NETNS } },
      { ret: -99, laddr: '2001:db8::5' },
      /^EADDRNOTAVAIL: 2001:db8::5 is an address of v0, but still tentative/,
    ],
    [
      'an address that two hosts have',
      { address: { where: 'here', iface: 'v0', flags: 0x48, netns: NETNS } },
      { ret: -99, laddr: '2001:db8::5' },
      /another host has it, too.*dadfailed/,
    ],
    [
      'an address of another namespace',
      { address: { where: 'elsewhere', iface: 'v0', flags: 0, netns: 7 } },
      { ret: -99, laddr: '2001:db8::5' },
      /but one of v0 in network namespace 7\./,
    ],
    [
      'an address that nobody has',
      { address: { where: 'nowhere', iface: '', flags: 0, netns: NETNS } },
      { ret: -99, laddr: '10.9.9.9' },
      /10\.9\.9\.9 is no address of network namespace \d+, nor of another one in which a process lives/,
    ],
    [
      'an outgoing connection that drew the port',
      {
        sockets: [row({ state: 'TIME-WAIT', ino: 0, holder: null, seconds: 9 }), row()],
        portRange: [8000, 9000],
      },
      {},
      /^EADDRINUSE: In the way: pid 9 chat, its connection 127\.0\.0\.1:8888 -> 127\.0\.0\.1:700 \(ESTAB\) and 1 more\. Nobody listens there: connect\(\) drew the port, .*8000 to 9000.* Try: Set net\.ipv4\.ip_local_reserved_ports=8888/,
    ],
    [
      'a client that is connected to itself',
      { sockets: [row({ raddr: '127.0.0.1', rport: 8888 })], portRange: [8000, 9000] },
      {},
      /pid 9 chat, which is connected to itself: 127\.0\.0\.1:8888 -> 127\.0\.0\.1:8888/,
    ],
    [
      'an old connection, with the time that it has',
      { sockets: [row({ state: 'TIME-WAIT', ino: 0, holder: null, seconds: 43 })] },
      {},
      /In the way: an old connection .* in TIME_WAIT for 43 s more\. Try: Set SO_REUSEADDR/,
    ],
    [
      'a UDP socket',
      { sockets: [row({ state: 'UNCONN', laddr: '0.0.0.0', raddr: '0.0.0.0', rport: 0 })] },
      { proto: 'udp', reuseport: false },
      /did not set SO_REUSEPORT.* In the way: pid 9 chat, its socket on 0\.0\.0\.0:8888 \(UNCONN\)/,
    ],
    [
      'nothing that shows, and what may be bound without listening',
      { sockets: [row({ laddr: '10.0.0.1' })] },
      { laddr: '127.0.0.1' },
      /No socket shows on that address: .* is bound and does not listen/,
    ],
    ['nobody, when ss gave no answer', {}, {}, /what holds it is not known, for ss .* gave no answer/],
    ['the family', {}, { ret: -97 }, /^EAFNOSUPPORT: The family of the address is not that of the socket/],
  ])('%s', (_, grounds, change, expected) => expect(explained(grounds, change)).toMatch(expected));
});

describe('a refused bind', () => {
  it('waits for what the host says, and is told without it when that does not come', () => {
    const run = [asked(), answer(null), tick(3), tick(4)];
    expect(said(run)).toEqual([]);
    expect(said([...run, answer({ sockets: [row()], portRange: [1, 9000] }), tick(5)])).toHaveLength(1);
    expect(said([...run, tick(5), tick(6), tick(7), tick(8)])).toHaveLength(1);
  });

  it('is told once, also when who held the port closes', () => {
    const held = [listen(1, 1, { uid: 5 }), slot(1, 0, 1, { uid: 5 })];
    const run = [...held, asked(), answer({ sockets: [] }), tick(3), close(1, 4), tick(5), tick(6)];
    const all = said(run);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatch(/theirs is 5, this one's 0/);
    expect(stateOf(run).findings.raised).toBe(1);
  });

  it('is told anew when another one holds the port', () => {
    const second = asked({ tsNs: 4e9 });
    const run = [
      asked(),
      answer({ sockets: [row()], portRange: [1, 9000] }),
      tick(3),
      second,
      answer({ sockets: [row({ holder: { pid: 10, comm: 'retry' } })], portRange: [1, 9000] }, second),
      tick(5),
    ];
    expect(said(run).map((line) => /pid \d+ \w+/.exec(line)?.[0])).toEqual(['pid 9 chat', 'pid 10 retry']);
  });

  it('is not laid to a listener with IPV6_V6ONLY that has nothing to do with IPv4', () => {
    const six = [listen(5, 1, { laddr: '::', reuseport: false }), slot(5, null, 0, { laddr: '::' })];
    const four = [listen(1, 1), slot(1, 0, 1)];
    const sockets = [row({ state: 'LISTEN', laddr: '::', raddr: '::', rport: 0, ino: 5, isSixOnly: true })];
    expect(said([...six, ...four, asked({ uid: 7 }), answer({ sockets }), tick(3)])[0]).toMatch(
      /On 0\.0\.0\.0:8888 now: 1 socket .* theirs is 33, this one's 7/,
    );
  });

  it('says of listen() that the option was cleared, where it was set at bind()', () => {
    const bound = asked({ ret: 0, tsNs: 1.5e9 });
    const { proto: _, ...call } = asked({ reuseport: false });
    const run = [
      listen(1),
      slot(1, 0, 1),
      socket(1),
      bound,
      { ...call, kind: 'listened', backlog: 5 } as const,
    ];
    expect(said([...run, tick(3)])[0]).toMatch(
      /had SO_REUSEPORT at bind\(\), and has it no more at listen\(\)/,
    );
  });
});
