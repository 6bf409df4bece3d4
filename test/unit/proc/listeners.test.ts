import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOWHERE } from '../../../src/core/text/place.js';
import {
  findNetns,
  hostNamespace,
  namesOf,
  namespaceOf,
  readMigrateReq,
  scanProc,
} from '../../../src/proc/listeners.js';

const HOST = 4_026_531_833;
const BLUE = 4_026_532_301;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'procfs-'));
  mkdirSync(join(folder, 'proc'));
  mkdirSync(join(folder, 'netns'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const options = () => ({ root: join(folder, 'proc'), names: join(folder, 'netns'), nowNs: () => 417 });

type Process = {
  readonly netns?: number;
  readonly comm?: string;
  readonly tcp?: string;
  readonly tcp6?: string;
  /** Descriptor -> what it links to. */
  readonly fds?: Readonly<Record<number, string>>;
};

const put = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
const link = (path: string, target: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
};

const addProcess = (pid: number, { netns, comm, tcp, tcp6, fds }: Process): string => {
  const at = join(folder, 'proc', String(pid));
  mkdirSync(at);
  if (netns !== undefined) link(join(at, 'ns/net'), `net:[${netns}]`);
  if (comm !== undefined) put(join(at, 'comm'), `${comm}\n`);
  if (tcp !== undefined) put(join(at, 'net/tcp'), HEADING + tcp);
  if (tcp6 !== undefined) put(join(at, 'net/tcp6'), HEADING + tcp6);
  for (const [fd, target] of Object.entries(fds ?? {})) link(join(at, 'fd', fd), target);
  return at;
};

// As Linux 6.18 prints them.
const HEADING =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';
const row = (local: string, ino: number, { state = '0A', queue = 0, uid = 33 } = {}): string => {
  const remote = local.length > 13 ? '0'.repeat(32) : '0'.repeat(8);
  const queues = `00000000:${queue.toString(16).toUpperCase().padStart(8, '0')}`;
  return `   0: ${local} ${remote}:0000 ${state} ${queues} 00:00000000 00000000 ${uid.toString().padStart(5)}        0 ${ino} 1 00000000f0a5e1d4 100 0 0 10 0                     \n`;
};
const ANY4 = '00000000:22B8';
const ANY6 = `${'0'.repeat(32)}:22B8`;
const LOOPBACK = '0100007F:22B9';

const socket = (ino: number, change: object = {}) => ({
  kind: 'socket',
  tsNs: 417,
  proto: 'tcp',
  netns: HOST,
  laddr: '0.0.0.0',
  lport: 8888,
  ino,
  uid: 33,
  queue: 0,
  ...change,
});
const owners = (ino: number, ...holders: readonly (readonly [number, string, number[]])[]) => ({
  kind: 'owners',
  tsNs: 417,
  ino,
  holders: holders.map(([pid, comm, fds]) => ({ pid, comm, fds })),
});

/** What a scan found, less the word that it is complete. */
const scan = async (options: Parameters<typeof scanProc>[0]) =>
  (await scanProc(options)).filter((event) => event.kind !== 'scanned');

describe('a scan of /proc', () => {
  it('finds nothing in an empty one, and in one that is not there', async () => {
    expect(await scan(options())).toEqual([]);
    expect(await scan({ ...options(), root: '/nowhere', names: '/nowhere' })).toEqual([]);
  });

  it('finds listeners of both families with address, port, queue, uid and all who hold them', async () => {
    addProcess(1201, {
      netns: HOST,
      comm: 'nginx',
      tcp: row(ANY4, 17, { queue: 511 }) + row(LOOPBACK, 18, { uid: 0 }),
      tcp6: row(ANY6, 19),
      fds: {
        0: '/dev/null',
        3: 'anon_inode:[eventpoll]',
        6: 'socket:[17]',
        7: 'socket:[19]',
        9: 'socket:[17]',
      },
    });
    addProcess(1202, {
      netns: HOST,
      comm: 'nginx',
      fds: { 6: 'socket:[17]', 7: 'socket:[99]', 8: 'pipe:[17]' },
    });
    expect(await scan(options())).toEqual([
      socket(17, { queue: 511 }),
      socket(18, { laddr: '127.0.0.1', lport: 8889, uid: 0 }),
      socket(19, { laddr: '::' }),
      owners(17, [1201, 'nginx', [6, 9]], [1202, 'nginx', [6]]),
      owners(19, [1201, 'nginx', [7]]),
    ]);
  });

  it('ends with the namespaces that it could read, so that what it did not list is known to be gone', async () => {
    addProcess(1, { netns: BLUE, tcp: row(ANY4, 17) });
    expect((await scanProc(options())).at(-1)).toEqual({ kind: 'scanned', tsNs: 417, netns: [BLUE] });
  });

  it('reads every network namespace once, with its name', async () => {
    put(join(folder, 'netns/blue'), '');
    addProcess(1, { netns: HOST, tcp: row(ANY4, 17), tcp6: '' });
    addProcess(2, { netns: BLUE, tcp: row(ANY4, 27), tcp6: '' });
    addProcess(3, { netns: HOST, tcp: row(ANY4, 99), tcp6: '' });
    expect(await scan(options())).toEqual([
      { kind: 'netns', tsNs: 417, netns: statSync(join(folder, 'netns/blue')).ino, name: 'blue' },
      socket(17),
      socket(27, { netns: BLUE }),
    ]);
  });

  it('asks the next process of a namespace when the first has vanished or may not be read', async () => {
    addProcess(1, {});
    addProcess(2, { netns: HOST });
    // A directory in place of the file: opening succeeds and reading fails, as with a process that ends in between.
    mkdirSync(join(addProcess(3, { netns: HOST }), 'net/tcp'), { recursive: true });
    addProcess(4, { netns: HOST, tcp: row(ANY4, 17) });
    expect(await scan(options())).toEqual([socket(17)]);
  });

  it('passes over descriptors that vanish or may not be listed, and processes without a name', async () => {
    const at = addProcess(1, { netns: HOST, comm: 'a', tcp: row(ANY4, 17), fds: { 3: 'socket:[17]' } });
    put(join(at, 'fd/4'), 'no link');
    put(join(addProcess(2, { netns: HOST, comm: 'b' }), 'fd'), 'no folder');
    addProcess(3, { netns: HOST, fds: { 5: 'socket:[17]' } });
    expect(await scan(options())).toEqual([socket(17), owners(17, [1, 'a', [3]], [3, '', [5]])]);
  });

  it('takes names as they are, whatever they hold, but for the line end of the file', async () => {
    const comm = '\u001b[2J{bold}\n17 (x) ß';
    addProcess(1, { netns: HOST, comm, tcp: row(ANY4, 17), fds: { 3: 'socket:[17]' } });
    expect(await scan(options())).toEqual([socket(17), owners(17, [1, comm, [3]])]);
  });

  it('leaves out sockets of the kernel (inode 0), and what does not listen', async () => {
    addProcess(1, {
      netns: HOST,
      tcp: row(ANY4, 0) + row(ANY4, 17) + row(ANY4, 18, { state: '01' }) + row(ANY4, 19),
    });
    expect(await scan(options())).toEqual([socket(17)]);
  });

  it('passes over lines that are cut or broken', async () => {
    addProcess(1, {
      netns: HOST,
      tcp: `   0: 000 000 0A\n   1: ZZZZZZZZ:22B8 0 0A 0:0 0 0 0 0 5\n${row(ANY4, 17).trimEnd()}`,
    });
    expect(await scan(options())).toEqual([socket(17)]);
  });

  it('reads files longer than one read', async () => {
    const rows = Array.from({ length: 2000 }, (_, i) => row(ANY4, 1000 + i)).join('');
    addProcess(1, { netns: HOST, tcp: rows });
    expect(await scan(options())).toEqual(Array.from({ length: 2000 }, (_, i) => socket(1000 + i)));
  });
});

describe('the names of holders', () => {
  it('are asked for once for each process, of the sockets that are asked for alone', async () => {
    addProcess(1, {
      netns: HOST,
      comm: 'a',
      tcp: row(ANY4, 17) + row(LOOPBACK, 18),
      fds: { 3: 'socket:[18]' },
    });
    addProcess(2, { comm: 'b', fds: { 3: 'socket:[17]', 4: 'socket:[18]', 5: 'socket:[17]' } });
    addProcess(3, { comm: 'c' });
    const asked: object[] = [];
    const events = await scanProc(options(), {
      isAsked: ({ lport }) => lport === 8888,
      describe: async (process) => {
        asked.push(process);
        return { kind: 'process', tsNs: 417, pid: process.pid, command: 'x', ...NOWHERE };
      },
    });
    expect(asked).toEqual([{ pid: 2, comm: 'b', tsNs: 417 }]);
    expect(events.map(({ kind }) => kind)).toEqual([
      'socket',
      'socket',
      'process',
      'owners',
      'owners',
      'scanned',
    ]);
  });
});

describe('network namespaces', () => {
  it('are read from a process', () => {
    addProcess(7, { netns: BLUE });
    link(join(folder, 'proc/8/ns/net'), 'mnt:[5]');
    expect([7, 8, 9].map((pid) => namespaceOf(options().root, pid))).toEqual([BLUE, null, null]);
  });

  it('have names, of which those that vanish are passed over', () => {
    put(join(folder, 'netns/blue'), '');
    link(join(folder, 'netns/gone'), '/nowhere');
    expect(namesOf(options(), 5).map(({ name, tsNs }) => [name, tsNs])).toEqual([['blue', 5]]);
  });

  it('are found by name, process id or inode', () => {
    put(join(folder, 'netns/blue'), '');
    put(join(folder, 'netns/12'), '');
    addProcess(7, { netns: BLUE });
    addProcess(12, { netns: BLUE });
    const inode = (name: string): number => statSync(join(folder, 'netns', name)).ino;
    const found = ['blue', '7', '12', String(BLUE), '8', 'red', '', '-7', '../proc'].map((text) =>
      findNetns(text, options()),
    );
    expect(found).toEqual([inode('blue'), BLUE, inode('12'), BLUE, null, null, null, null, null]);
  });

  it('are not found by an inode that no process is in, unless most processes are hidden', () => {
    addProcess(7, { netns: BLUE });
    expect(findNetns(String(BLUE + 1), options())).toBeNull();
    link(join(folder, 'proc/self/ns/pid'), 'pid:[4026532999]');
    expect(findNetns(String(BLUE + 1), options())).toBe(BLUE + 1);
  });
});

it.each<[string, string | null, number | null]>([
  ['off', '0\n', 0],
  ['on', '1\n', 1],
  ['not there, as before 5.14', null, null],
  ['nonsense', 'x\n', null],
])('net.ipv4.tcp_migrate_req is %s', (_, text, expected) => {
  if (text !== null) put(join(folder, 'proc/sys/net/ipv4/tcp_migrate_req'), text);
  expect(readMigrateReq(join(folder, 'proc'))).toBe(expected);
});

describe("the host's network namespace", () => {
  const ours = (pids: string): void => {
    link(join(folder, 'proc/self/ns/net'), `net:[${BLUE}]`);
    link(join(folder, 'proc/self/ns/pid'), `pid:[${pids}]`);
  };
  const [hostPids, otherPids] = ['4026531836', '4026532999'];

  it.each([
    ['is that of the first process, seen from a container that has its pid namespace', hostPids, HOST, HOST],
    ['is our own where the first process is another', otherPids, HOST, BLUE],
    ['is our own where that process cannot be asked', hostPids, undefined, BLUE],
  ])('%s', (_, pids, first, expected) => {
    ours(pids);
    addProcess(1, first === undefined ? {} : { netns: first });
    expect(hostNamespace(join(folder, 'proc'))).toBe(expected);
  });
});
