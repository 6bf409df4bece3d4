import { expect, it } from 'vitest';
import { parseRow } from '../../../src/proc/ss.js';

// As iproute2 6.1 prints them on Linux 6.18.
it.each([
  [
    'ESTAB     0      0                   127.0.0.1:18806          127.0.0.1:700   uid:1000 ino:142883 sk:100c cgroup:/ <->',
    {
      state: 'ESTAB',
      laddr: '127.0.0.1',
      lport: 18_806,
      raddr: '127.0.0.1',
      rport: 700,
      ino: 142_883,
      uid: 1000,
    },
  ],
  [
    'TIME-WAIT 0      0                   127.0.0.1:18806          127.0.0.1:700   timer:(timewait,59sec,0) ino:0 sk:100d',
    { state: 'TIME-WAIT', ino: 0, seconds: 59 },
  ],
  ['TIME-WAIT 0 0 [::1]:80 [::1]:4000 timer:(timewait,1min3sec,0) ino:0 sk:1', { laddr: '::1', seconds: 63 }],
  [
    'LISTEN    0      4096                           *:47009                  *:*      ino:77 sk:1 v6only:0 <->',
    { state: 'LISTEN', laddr: '::', lport: 47_009, raddr: '::', rport: 0, isSixOnly: false },
  ],
  ['LISTEN 0 9 [::]:47009 [::]:* ino:78 sk:2 v6only:1 <->', { laddr: '::', isSixOnly: true, ino: 78 }],
  ['UNCONN 0 0 0.0.0.0%eth0:68 0.0.0.0:* ino:79 sk:3', { state: 'UNCONN', laddr: '0.0.0.0', lport: 68 }],
  [
    'ESTAB 0 0 [::ffff:127.0.0.1]:80 [::ffff:10.0.0.9]:4000 ino:80 sk:4',
    { laddr: '127.0.0.1', raddr: '10.0.0.9' },
  ],
])('%s', (line, expected) => expect(parseRow(line)).toMatchObject(expected));

it.each([
  '',
  'State Recv-Q',
  'ESTAB 0 0 nonsense',
  'ESTAB x 0 1.2.3.4:5 1.2.3.4:6',
  '\u001b[31mESTAB 0 0 1:1 1:1',
])('makes nothing of %j', (line) => expect(parseRow(line)).toBe(null));
