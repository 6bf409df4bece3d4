// src/proc/grounds.ts over a folder that stands for /proc, and on this host's own sockets.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BindEvent } from '../../../src/core/event.js';
import { askGrounds } from '../../../src/proc/grounds.js';
import { namespaceOf } from '../../../src/proc/listeners.js';

const [HOME, BLUE] = [4_026_531_833, 4_026_532_301];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'grounds-'));
  put('self/ns/net', `net:[${HOME}]`, true);
  put('self/ns/user', 'user:[1]', true);
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string, text: string, isLink = false): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  if (isLink) symlinkSync(text, join(root, path));
  else writeFileSync(join(root, path), text);
};
const addProcess = (pid: number, netns: number, users = 1): void => {
  put(`${pid}/ns/net`, `net:[${netns}]`, true);
  put(`${pid}/ns/user`, `user:[${users}]`, true);
};
const call = (change: Partial<BindEvent>): BindEvent => ({
  kind: 'bind',
  tsNs: 5,
  pid: 7,
  tid: 7,
  uid: 0,
  comm: 'srv',
  fd: 3,
  proto: 'tcp',
  netns: HOME,
  laddr: '127.0.0.1',
  lport: 8888,
  reuseport: true,
  reuseaddr: false,
  ret: -13,
  ino: 99,
  ...change,
});

it('reads what may refuse a task', async () => {
  addProcess(7, HOME, 2);
  put('7/status', 'Name:\tsrv\nCapEff:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n');
  put('7/attr/current', 'nginx (enforce)\n\0');
  put('7/cgroup', '1:name=systemd:/x\n0::/srv.service\n');
  expect((await askGrounds(call({}), root)).task).toEqual({
    hasCapability: true,
    hasOwnUsers: true,
    noNewPrivs: true,
    hasSeccomp: true,
    label: 'nginx (enforce)',
    cgroup: '/srv.service',
  });
});

it('knows nothing of a task that has ended, and of a namespace that nobody is in', async () => {
  expect((await askGrounds(call({}), root)).task).toBe(null);
  expect(await askGrounds(call({ netns: BLUE, ret: -99, laddr: '2001:db8::5' }), root)).toEqual({
    task: null,
    portStart: null,
    portRange: null,
    address: null,
    sockets: null,
  });
});

const SIX = '20010db8000000000000000000000005 02 40 00 c0       v0\n';

it('finds an IPv6 address here, with its flags, or elsewhere', async () => {
  addProcess(7, BLUE);
  addProcess(8, HOME);
  put('7/net/if_inet6', SIX);
  put('self/net/if_inet6', '');
  const asked = { ret: -99, laddr: '2001:db8::5' };
  expect((await askGrounds(call({ ...asked, netns: BLUE }), root)).address).toEqual({
    where: 'here',
    iface: 'v0',
    flags: 0xc0,
    netns: BLUE,
  });
  expect((await askGrounds(call(asked), root)).address).toMatchObject({ where: 'elsewhere', netns: BLUE });
  expect((await askGrounds(call({ ...asked, laddr: '2001:db8::6' }), root)).address?.where).toBe('nowhere');
});

it('finds an IPv4 address among the local routes', async () => {
  const routes =
    'Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.0.5\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n';
  put('self/net/fib_trie', routes);
  const where = async (laddr: string) => (await askGrounds(call({ ret: -99, laddr }), root)).address?.where;
  expect([await where('10.0.0.5'), await where('10.0.0.255')]).toEqual(['here', 'nowhere']);
});

it('asks ss for the sockets on the port, and finds who holds them', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const lport = typeof address === 'object' && address !== null ? address.port : 0;
  const netns = namespaceOf('/proc', 'self') ?? 0;
  const { sockets, portRange } = await askGrounds(call({ ret: -98, lport, netns }), '/proc');
  server.close();
  // Where there is no ss, nothing is said of them.
  if (sockets !== null)
    expect(sockets).toMatchObject([
      { state: 'LISTEN', laddr: '127.0.0.1', lport, holder: { pid: process.pid } },
    ]);
  expect(portRange?.length).toBe(2);
});
