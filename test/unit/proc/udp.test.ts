import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDescriptors } from '../../../src/proc/descriptors.js';
import { createReceivers } from '../../../src/proc/udp.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'receivers-'));
});
afterEach(() => rmSync(root, { recursive: true }));

// As Linux 6.18 prints them.
const HEADING =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n';
const row = (local: string, ino: number, { remote = '00000000:0000', queue = 0, drops = 0 } = {}): string => {
  const state = remote.endsWith(':0000') ? '07' : '01';
  return ` 6941: ${local} ${remote} ${state} 00000000:${queue.toString(16).padStart(8, '0')} 00:00000000 00000000    33        0 ${ino} 2 00000000b43f88a1 ${drops}     \n`;
};
const put = (pid: number, rows: string, rows6 = ''): void => {
  mkdirSync(join(root, `${pid}/net`), { recursive: true });
  writeFileSync(join(root, `${pid}/net/udp`), HEADING + rows);
  writeFileSync(join(root, `${pid}/net/udp6`), HEADING + rows6);
};

const HOST = 4_026_531_833;
const DNS = '00000000:0035';
const ALONE = '00000000:8235';
const pair = row(DNS, 11, { queue: 768, drops: 5 }) + row(DNS, 12);
const met = (ino: number, tsNs = 8) => ({ ino, tsNs, netns: HOST, laddr: '0.0.0.0', lport: 53 });
const inos = (events: readonly object[] | null): unknown =>
  events?.map((event) => ('ino' in event ? event.ino : null));

describe('the UDP sockets of a namespace', () => {
  it('have what waits in bytes, what was dropped, and the peer of a connected one', () => {
    put(1, pair + row('0100007F:0035', 13, { remote: '0200007F:0050' }));
    const at = { kind: 'socket', tsNs: 9, proto: 'udp', netns: HOST, lport: 53, uid: 33 };
    expect(createReceivers(root, []).scan(1, HOST, 9)).toEqual([
      { ...at, laddr: '0.0.0.0', ino: 11, queue: 768, drops: 5 },
      { ...at, laddr: '0.0.0.0', ino: 12, queue: 0, drops: 0 },
      { ...at, laddr: '127.0.0.1', ino: 13, queue: 0, drops: 0, peer: { raddr: '127.0.0.2', rport: 80 } },
    ]);
  });

  it('are left out when they stand alone, unless asked for or seen by the kernel', () => {
    put(1, pair + row(ALONE, 14));
    expect(inos(createReceivers(root, []).scan(1, HOST, 9))).toEqual([11, 12]);
    expect(inos(createReceivers(root, [0x8235]).scan(1, HOST, 9))).toContain(14);
    const receivers = createReceivers(root, []);
    receivers.meet(met(14));
    expect(inos(receivers.scan(1, HOST, 9))).toContain(14);
  });

  it('stay when their sibling has gone', () => {
    const receivers = createReceivers(root, []);
    put(1, pair);
    receivers.scan(1, HOST, 9);
    put(1, row(DNS, 12));
    for (let i = 0; i < 2; i++) expect(inos(receivers.changes(10).events)).toEqual([]);
    put(1, row(DNS, 12));
    expect(inos(receivers.changes(10).events)).toEqual([11]);
    put(1, row(DNS, 12, { queue: 5 }));
    expect(inos(receivers.changes(11).events)).toEqual([12]);
  });

  it('say only what changed, and close when they are gone', () => {
    const receivers = createReceivers(root, []);
    put(1, pair);
    receivers.scan(1, HOST, 9);
    expect(receivers.changes(10)).toEqual({ events: [], isStale: false });
    put(1, row(DNS, 12, { drops: 3 }));
    expect(receivers.changes(11).events).toMatchObject([{ kind: 'socket', ino: 12, drops: 3, tsNs: 11 }]);
    // The kernel's file passes over open sockets: nobody believes it at once.
    expect(receivers.changes(12).events).toEqual([]);
    expect(receivers.changes(13).events).toMatchObject([
      { kind: 'close', proto: 'udp', ino: 11, tsNs: 13, pid: 0 },
    ]);
  });

  it('are there as long as a descriptor says so, whatever the file says, and gone when none does', () => {
    const descriptors = createDescriptors(root);
    const receivers = createReceivers(root, [], descriptors);
    mkdirSync(join(root, '7/fd'), { recursive: true });
    symlinkSync('socket:[11]', join(root, '7/fd/3'));
    put(1, pair);
    receivers.scan(1, HOST, 9);
    descriptors.know(11, [{ pid: 7, fds: [3] }]);
    put(1, row(DNS, 12));
    for (let i = 10; i < 20; i++) expect(receivers.changes(i).events).toEqual([]);
    expect(inos(receivers.scan(1, HOST, 20))).toEqual([12, 11]);
    rmSync(join(root, '7/fd/3'));
    expect(receivers.changes(21).events).toMatchObject([{ kind: 'close', ino: 11 }]);
  });

  it('close although no reading ever had them, once a reading after they were told of lacks them', () => {
    const descriptors = createDescriptors(root);
    const receivers = createReceivers(root, [], descriptors);
    put(1, pair);
    receivers.scan(1, HOST, 9);
    receivers.meet(met(14, 10));
    descriptors.know(14, [{ pid: 7, fds: [3] }]);
    expect(receivers.changes(10).events).toEqual([]);
    expect(receivers.changes(11).events).toMatchObject([{ kind: 'close', proto: 'udp', ino: 14 }]);
    expect(receivers.changes(12).events).toEqual([]);
  });

  it('close with their namespace, once a scan does not find it any more', () => {
    const receivers = createReceivers(root, []);
    put(1, pair);
    receivers.scan(1, HOST, 9);
    rmSync(join(root, '1'), { recursive: true });
    expect(receivers.changes(10)).toEqual({ events: [], isStale: true });
    expect(receivers.scanned(new Set([HOST]), 11)).toEqual([]);
    expect(receivers.scanned(new Set(), 12)).toMatchObject([
      { kind: 'close', ino: 11 },
      { kind: 'close', ino: 12 },
    ]);
    expect(receivers.changes(13)).toEqual({ events: [], isStale: false });
  });

  it('are not known where nothing can be read', () => {
    expect(createReceivers(root, []).scan(7, HOST, 9)).toBeNull();
  });
});
