import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scanProc } from '../../../src/proc/listeners.js';
import { createOpens, type OpensOptions } from '../../../src/proc/openconnections.js';

const HOST = 4_026_531_833;
const BLUE = 4_026_532_301;

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'opens-'));
});
afterEach(() => rmSync(root, { recursive: true }));

// As Linux 6.18 prints them.
const HEADING =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';
const row = (local: string, ino: number, state = '0A'): string =>
  `   0: ${local} ${local.replace(/:.*/, '')}:9C40 ${state} 00000000:00000000 00:00000000 00000000    33        0 ${ino} 1 00000000f0a5e1d4 100 0 0 10 0                     \n`;
const ANY = '00000000:22B8';
const HOME = '0100007F:22B8';
const established = (ino: number, local = HOME): string => row(local, ino, '01');

const put = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
/** A process with its descriptors, and the tables of the namespace that it is in. */
const addProcess = (pid: number, inos: readonly number[], tcp: string, tcp6 = '', netns = HOST): void => {
  const at = join(root, String(pid));
  put(join(at, 'comm'), 'nginx\n');
  put(join(at, 'net/tcp'), HEADING + tcp);
  put(join(at, 'net/tcp6'), HEADING + tcp6);
  mkdirSync(join(at, 'ns'), { recursive: true });
  symlinkSync(`net:[${netns}]`, join(at, 'ns/net'));
  mkdirSync(join(at, 'fd'));
  inos.forEach((ino, fd) => void symlinkSync(`socket:[${ino}]`, join(at, 'fd', String(fd))));
};

const opensOf = async (options: Partial<OpensOptions> = {}) => {
  const opens = createOpens({ root, ports: [], nowNs: () => 9, pace: { everyMs: 0, rest: 0 }, ...options });
  opens.know(await scanProc({ root, names: join(root, 'none'), nowNs: () => 7 }));
  return opens;
};
/** What one count says. */
const counted = async (options: Partial<OpensOptions> = {}) => (await opensOf(options)).count();
const home = { kind: 'open', tsNs: 9, netns: HOST, laddr: '0.0.0.0', lport: 8888, others: 0 };

describe('open connections', () => {
  it('are counted by the process that holds them, on addresses that listeners share', async () => {
    const table = row(ANY, 11) + row(ANY, 12) + [21, 22, 23].map((ino) => established(ino)).join('');
    addProcess(7, [11, 21, 22], table);
    addProcess(8, [12, 23], table);
    expect(await counted()).toEqual([
      {
        ...home,
        processes: [
          { pid: 7, connections: 2 },
          { pid: 8, connections: 1 },
        ],
      },
    ]);
  });

  it('are neither those that close, nor those in an accept queue, nor those of other ports', async () => {
    const rows =
      row(HOME, 21, '06') + row(HOME, 22, '08') + established(0) + established(23, '0100007F:0050');
    const table = row(ANY, 11) + row(ANY, 12) + rows;
    addProcess(7, [11, 12, 21, 22, 23], table);
    expect(await counted()).toEqual([{ ...home, processes: [] }]);
  });

  it('are not those that were dialled from the port', async () => {
    const table = row(ANY, 11) + row(ANY, 12) + [21, 22, 23].map((ino) => established(ino)).join('');
    addProcess(7, [11, 21, 22, 23], table);
    addProcess(8, [12], table);
    const opens = await opensOf();
    const dial = {
      kind: 'dial',
      tsNs: 8,
      netns: HOST,
      laddr: '127.0.0.1',
      lport: 8888,
      raddr: '10.0.0.9',
      rport: 5060,
      pid: 7,
      comm: 'sip',
    } as const;
    for (const ino of [21, 22]) opens.dialled({ ...dial, ino, isFailed: false });
    opens.dialled({ ...dial, ino: 22, isFailed: true });
    expect(await opens.count()).toEqual([{ ...home, processes: [{ pid: 7, connections: 2 }] }]);
  });

  it('are not those that look dialled at the first count, for nobody saw them begin', async () => {
    const to = (ino: number, far: string): string => established(ino).replace('0100007F:9C40', far);
    const sink = row('00000000:4981', 13);
    const hosts = [1, 2, 3].map((host) => to(20 + host, `0${host}00000A:13C4`)).join('');
    const table = row(ANY, 11) + row(ANY, 12) + sink + to(31, '0101007F:4981') + hosts + established(41);
    addProcess(7, [11, 31, 21, 22, 23], table);
    addProcess(8, [12, 41], table);
    expect(await counted()).toEqual([{ ...home, processes: [{ pid: 8, connections: 1 }] }]);
  });

  it('hold unread bytes when they did so at the last count, too', async () => {
    const unread = (ino: number, state: string): string =>
      row(HOME, ino, state).replace('00000000:00000000 00:', '00000000:00000052 00:');
    const table = row(ANY, 11) + row(ANY, 12) + established(21) + unread(22, '01') + unread(23, '08');
    addProcess(7, [11, 21, 22, 23], table);
    addProcess(8, [12], table);
    const opens = await opensOf();
    const processes = [{ pid: 7, connections: 2 }];
    expect(await opens.count()).toEqual([{ ...home, processes }]);
    expect(await opens.count()).toEqual([{ ...home, processes, unread: [{ pid: 7, connections: 2 }] }]);
  });

  it('are others when no process that holds a listener has them, or several do', async () => {
    const table = row(ANY, 11) + row(ANY, 12) + established(21) + established(22) + established(23);
    addProcess(7, [11, 21, 22], table);
    addProcess(8, [12, 22], table);
    addProcess(9, [23], table);
    expect(await counted()).toEqual([{ ...home, processes: [{ pid: 7, connections: 1 }], others: 2 }]);
  });

  it('are those of the address that names theirs, before those of the wildcard', async () => {
    const listeners = row(ANY, 11) + row(ANY, 12) + row(HOME, 13);
    const table = listeners + established(21) + established(22, '0200007F:22B8');
    addProcess(7, [11, 12, 13, 21, 22], table);
    expect(await counted()).toEqual([{ ...home, processes: [{ pid: 7, connections: 1 }] }]);
  });

  it('over IPv4 to an IPv6 socket are of that', async () => {
    const any6 = `${'0'.repeat(32)}:22B8`;
    const mapped = '0000000000000000FFFF00000100007F:22B8';
    addProcess(7, [11, 12, 21], '', row(any6, 11) + row(any6, 12) + established(21, mapped));
    expect(await counted()).toEqual([{ ...home, laddr: '::', processes: [{ pid: 7, connections: 1 }] }]);
  });

  it('are told apart by their network namespace', async () => {
    const table = row(ANY, 11) + row(ANY, 12) + established(21);
    addProcess(7, [11, 12, 21], table);
    addProcess(
      8,
      [31, 32, 41, 42],
      row(ANY, 31) + row(ANY, 32) + established(41) + established(42),
      '',
      BLUE,
    );
    expect(await counted()).toEqual([
      { ...home, processes: [{ pid: 7, connections: 1 }] },
      { ...home, netns: BLUE, processes: [{ pid: 8, connections: 2 }] },
    ]);
  });

  it('are said again when they have changed, or who listens may have, and not while it rests', async () => {
    const table = row(ANY, 11) + row(ANY, 12) + established(21);
    addProcess(7, [11, 12, 21, 22], table);
    const opens = await opensOf();
    const resting = await opensOf({ pace: { everyMs: 0, rest: 1e9 } });
    for (const each of [opens, resting]) expect(await each.count()).toHaveLength(1);
    expect(await opens.count()).toEqual([]);
    opens.know(await scanProc({ root, names: join(root, 'none'), nowNs: () => 7 }));
    expect(await opens.count()).toHaveLength(1);
    put(join(root, '7/net/tcp'), HEADING + table + established(22));
    expect(await opens.count()).toHaveLength(1);
    expect(await resting.count()).toEqual([]);
  });

  it.each<[string, NonNullable<OpensOptions['most']>]>([
    ['rows', { rows: 4, connections: 99, descriptors: 99 }],
    ['connections', { rows: 99, connections: 1, descriptors: 99 }],
    ['descriptors', { rows: 99, connections: 99, descriptors: 3 }],
  ])('are unknown, not too few, when there are too many %s', async (_, most) => {
    const table = row(ANY, 11) + row(ANY, 12) + established(21) + established(22);
    addProcess(7, [11, 12, 21, 22], table);
    expect(await counted({ most })).toEqual([{ ...home, processes: null }]);
  });
});

describe('nothing is said', () => {
  const shared = row(ANY, 11) + row(ANY, 12);

  it.each<[string, string, Partial<OpensOptions>]>([
    ['where nobody shares', row(ANY, 11), {}],
    ['of ports that were not asked for', shared, { ports: [80] }],
  ])('%s', async (_, listeners, options) => {
    addProcess(7, [11, 12, 21], listeners + established(21));
    expect(await counted(options)).toEqual([]);
  });

  it('of processes that have gone', async () => {
    addProcess(7, [11, 12, 21], shared + established(21));
    const opens = await opensOf();
    rmSync(join(root, '7'), { recursive: true });
    expect(await opens.count()).toEqual([]);
  });

  it('of a namespace whose tables cannot be read, and the others are counted', async () => {
    addProcess(7, [11, 12, 21], shared + established(21));
    addProcess(8, [31, 32, 41], row(ANY, 31) + row(ANY, 32) + established(41), '', BLUE);
    const opens = await opensOf();
    rmSync(join(root, '7/net'), { recursive: true });
    expect(await opens.count()).toMatchObject([{ netns: BLUE, processes: [{ pid: 8, connections: 1 }] }]);
  });

  it('once the second listener has closed', async () => {
    addProcess(7, [11, 12, 21], shared + established(21));
    const opens = await opensOf();
    opens.forget(12);
    expect(await opens.count()).toEqual([]);
  });
});
