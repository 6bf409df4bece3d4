// Asks the host why a bind() or listen() may have been refused: the task, the settings, the addresses and the sockets of that moment.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { BindEvent, Grounds, ListenedEvent, Obstacle } from '../core/event.js';
import { holdersOf } from './established.js';
import { createPause, namespaceOf } from './listeners.js';
import { run, socketsOn } from './ss.js';

export type Call = BindEvent | ListenedEvent;

const [EPERM, EACCES, EADDRINUSE, EADDRNOTAVAIL] = [-1, -13, -98, -99];
/** Errnos of which the host knows more than the call: another error is the caller's own affair. */
export const ASKED: ReadonlySet<number> = new Set([EPERM, EACCES, EADDRINUSE, EADDRNOTAVAIL]);

/** CAP_NET_BIND_SERVICE (include/uapi/linux/capability.h). */
const BIND_SERVICE = 10n;
/** Namespaces that are looked through for an address. */
const SPACES = 256;

/** Everything that this errno asks for. `root` is usually /proc. Never rejects. */
export const askGrounds = async (call: Call, root: string): Promise<Grounds> => {
  const { ret, pid, netns, lport } = call;
  const proto = call.kind === 'bind' ? call.proto : 'tcp';
  const inside = netns === namespaceOf(root, 'self') ? null : memberOf(root, netns, pid);
  // Nobody is left in there: it cannot be asked.
  const isGone = inside === undefined;
  const denied = ret === EACCES || ret === EPERM;
  const task = denied ? taskOf(root, pid) : null;
  const wantsSettings = !isGone && (denied || ret === EADDRINUSE);
  const [portStart, portRange] = wantsSettings ? await settingsOf(inside, root) : [null, null];
  const reader = inside ?? 'self';
  return {
    task,
    portStart,
    portRange,
    address: ret === EADDRNOTAVAIL ? addressOf(root, isGone ? null : reader, call.laddr, netns) : null,
    sockets: ret === EADDRINUSE && !isGone ? await obstacles(root, proto, lport, inside) : null,
  };
};

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
};

const link = (path: string): string | null => {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
};

const pidsOf = (root: string): number[] => {
  try {
    return readdirSync(root).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
};

/** A process in that network namespace, best the one that asked; undefined = there is none. */
const memberOf = (root: string, netns: number, pid: number): number | undefined =>
  [pid, ...pidsOf(root)].find((each) => namespaceOf(root, each) === netns);

const taskOf = (root: string, pid: number): Grounds['task'] => {
  const status = read(`${root}/${pid}/status`);
  const word = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(status ?? '')?.[1];
  const effective = word('CapEff');
  if (effective === undefined || !/^[0-9a-f]+$/.test(effective)) return null;
  const label = (read(`${root}/${pid}/attr/current`) ?? '').replaceAll('\0', '').trim();
  const cgroup = /^0::(.*)$/m.exec(read(`${root}/${pid}/cgroup`) ?? '')?.[1];
  const users = link(`${root}/${pid}/ns/user`);
  return {
    hasCapability: ((BigInt(`0x${effective}`) >> BIND_SERVICE) & 1n) === 1n,
    hasOwnUsers: users !== null && users !== link(`${root}/self/ns/user`),
    noNewPrivs: word('NoNewPrivs') === '1',
    hasSeccomp: word('Seccomp') === '2',
    label: label === '' || label === 'unconfined' || label === 'kernel' ? null : label.slice(0, 200),
    cgroup: cgroup === undefined ? null : cgroup.slice(0, 200),
  };
};

const SETTINGS = '/proc/sys/net/ipv4';

const settingsOf = async (
  inside: number | null,
  root: string,
): Promise<[number | null, readonly [number, number] | null]> => {
  const files = ['ip_unprivileged_port_start', 'ip_local_port_range'].map((name) => `${SETTINGS}/${name}`);
  const text =
    inside === null
      ? files.map((file) => read(file) ?? '').join('')
      : await run(['cat', ...files], inside, root);
  const [, start, low, high] = /^(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(text ?? '') ?? [];
  if (high === undefined) return [null, null];
  return [Number(start), [Number(low), Number(high)]];
};

/** Who has an address: the namespace that asked, or another one that a process lives in. */
const addressOf = (
  root: string,
  reader: number | 'self' | null,
  laddr: string,
  netns: number,
): Grounds['address'] => {
  const here = reader === null ? null : interfaceOf(root, reader, laddr);
  if (here !== null) return { where: 'here', ...here, netns };
  const seen = new Set([netns]);
  for (const pid of pidsOf(root)) {
    const other = namespaceOf(root, pid);
    if (other === null || seen.has(other) || seen.size > SPACES) continue;
    seen.add(other);
    const there = interfaceOf(root, pid, laddr);
    if (there !== null) return { where: 'elsewhere', ...there, netns: other };
  }
  return reader === null ? null : { where: 'nowhere', iface: '', flags: 0, netns };
};

const interfaceOf = (
  root: string,
  pid: number | 'self',
  laddr: string,
): { readonly iface: string; readonly flags: number } | null => {
  const folder = `${root}/${pid}/net`;
  if (!laddr.includes(':'))
    return isLocal(read(`${folder}/fib_trie`) ?? '', laddr) ? { iface: '', flags: 0 } : null;
  const digits = expand(laddr);
  for (const line of (read(`${folder}/if_inet6`) ?? '').split('\n')) {
    const [address, , , , flags = '', iface = ''] = line.trim().split(/\s+/);
    if (address === digits) return { iface, flags: Number.parseInt(flags, 16) };
  }
  return null;
};

/** Whether the routes of a namespace (fib_trie_seq_show, net/ipv4/fib_trie.c) have the address as a host's own: `|-- A` and `/32 host LOCAL` below. */
const isLocal = (routes: string, laddr: string): boolean => {
  let address = '';
  for (const line of routes.split('\n')) {
    const leaf = /\|-- ([\d.]+)$/.exec(line);
    if (leaf !== null) address = leaf[1] ?? '';
    else if (address === laddr && / \/32 host LOCAL$/.test(line)) return true;
  }
  return false;
};

/** 32 hex digits of an IPv6 address. */
const expand = (laddr: string): string => {
  const [head = '', tail] = laddr.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: missing }, () => '0'), ...right]
    .map((each) => each.padStart(4, '0'))
    .join('');
};

const obstacles = async (
  root: string,
  proto: 'tcp' | 'udp',
  port: number,
  inside: number | null,
): Promise<Obstacle[] | null> => {
  const rows = await socketsOn(proto, port, inside, root);
  if (rows === null) return null;
  const inos = new Set(rows.map(({ ino }) => ino).filter((ino) => ino !== 0));
  const budget = { rows: 0, connections: 0, descriptors: 262_144 };
  const held =
    inos.size === 0 ? new Map() : await holdersOf(root, new Set(pidsOf(root)), inos, budget, createPause());
  return rows.map((row) => {
    const pid: number | null = held.get(row.ino) ?? null;
    const comm = pid === null ? null : read(`${root}/${pid}/comm`);
    return {
      ...row,
      holder: pid === null || comm === null ? null : { pid, comm: utf8(comm).replace(/\n$/, '') },
    };
  });
};

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');
