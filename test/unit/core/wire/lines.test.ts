import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../src/core/event.js';
import { formatEvent, parseEvent } from '../../../../src/core/wire/json.js';
import { createLineReader } from '../../../../src/core/wire/lines.js';
import { CAPTURED } from '../../captured.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The events of one text, given whole. */
const read = (text: string): Event[] => createLineReader().read(encode(text));

/** The events of bytes that come in pieces cut at the given offsets. */
const readCut = (bytes: Uint8Array, cuts: readonly number[]): Event[] => {
  const reader = createLineReader();
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  return edges.slice(1).flatMap((end, i) => reader.read(bytes.subarray(edges[i], end)));
};

/** Malformed lines are reported with each piece: their sum is what must not depend on the cuts. */
const split = (events: readonly Event[]): { events: Event[]; malformed: number } => ({
  events: events.filter((event) => event.kind !== 'malformed'),
  malformed: events.reduce((sum, event) => sum + (event.kind === 'malformed' ? event.lines : 0), 0),
});

/** 16 bytes as the probes print comm: two little-endian numbers in hex. */
const hexComm = (bytes: Uint8Array): string => {
  const padded = new Uint8Array(16);
  padded.set(bytes.subarray(0, 16));
  const view = new DataView(padded.buffer);
  return [0, 8].map((at) => view.getBigUint64(at, true).toString(16)).join(' ');
};

describe('where a socket is whose lines were beyond the budget', () => {
  const NETNS = 4_026_531_833;
  const packed = (flags: number, port: number): string =>
    String(BigInt(flags) * 2n ** 48n + BigInt(NETNS) * 65_536n + BigInt(port));
  const told = (flags: number, a: bigint, b: bigint): string =>
    `counters 7\n@where_a[5]: ${a}\n@where_b[5]: ${b}\n@where[5]: ${packed(flags, 8888)}\n`;
  const join = (change: object) => ({
    kind: 'join',
    tsNs: 7,
    ino: 5,
    netns: NETNS,
    laddr: '127.0.0.1',
    lport: 8888,
    proto: 'tcp',
    index: null,
    n: 0,
    reuseportId: 0,
    pid: 0,
    comm: '',
    ...change,
  });

  it.each([
    ['IPv4', told(0, 0x0100007fn, 0n), [join({})]],
    ['UDP', told(2, 0x0100007fn, 0n), [join({ proto: 'udp' })]],
    // fe80::1, whose first half an older bpftrace prints as a negative number.
    [
      'IPv6',
      told(4, BigInt.asIntN(64, 0x000080fe00000000n), 0x0000000001000000n),
      [join({ laddr: 'fe80::1' })],
    ],
    [
      'closed',
      told(1, 0x0100007fn, 0n),
      [
        join({}),
        {
          kind: 'close',
          tsNs: 7,
          ino: 5,
          netns: NETNS,
          laddr: '127.0.0.1',
          lport: 8888,
          queue: 0,
          pid: 0,
          comm: '',
        },
      ],
    ],
    ['without an address', `@where[5]: ${packed(0, 8888)}\n`, []],
  ])('%s', (_, text, events) => expect(read(text)).toEqual(events));

  it('is told once, and once more when it has closed', () => {
    const reader = createLineReader();
    const lines = [0, 0, 1, 1].map((flags) => reader.read(encode(told(flags, 0x0100007fn, 0n))));
    expect(lines.map((events) => events.map(({ kind }) => kind))).toEqual([
      ['join'],
      [],
      ['join', 'close'],
      [],
    ]);
  });

  it('is beside the number of lines that were left out', () => {
    const reader = createLineReader();
    const read = (total: number) => reader.read(encode(`@unsaid: ${total}\n`));
    expect([read(0), read(5), read(5), read(9)].flat()).toEqual([
      { kind: 'lost', tsNs: 0, by: 'unsaid', events: 5 },
      { kind: 'lost', tsNs: 0, by: 'unsaid', events: 4 },
    ]);
  });
});

describe('every line of the wire contract', () => {
  const call = { pid: 5382, tid: 5382, uid: 0, comm: 'a\nb{c}', fd: 3, netns: 4026531833 };
  const at = { laddr: '0.0.0.0', lport: 18888 };
  const rows: readonly [line: string, event: Event][] = [
    [
      'pick 2410612738507 4802735 4026531833 33 2 4 1 4096 127.0.0.1 18888 127.0.0.1 24803 1',
      {
        kind: 'pick',
        tsNs: 2410612738507,
        ino: 4802735,
        netns: 4026531833,
        uid: 33,
        index: 2,
        n: 4,
        queue: 1,
        backlog: 4096,
        laddr: '127.0.0.1',
        lport: 18888,
        raddr: '127.0.0.1',
        // 24803 is 0x60e3 in network order: 0xe360.
        rport: 58208,
        cpu: 1,
        hash: null,
        cause: null,
      },
    ],
    [
      'pick 1 2 3 0 -1 0 1 128 ::ffff:10.0.0.1 80 ::1 20480 0',
      {
        kind: 'pick',
        tsNs: 1,
        ino: 2,
        netns: 3,
        uid: 0,
        index: null,
        n: 0,
        queue: 1,
        backlog: 128,
        laddr: '::ffff:10.0.0.1',
        lport: 80,
        raddr: '::1',
        rport: 80,
        cpu: 0,
        hash: null,
        cause: null,
      },
    ],
    [
      'accept 2410612780635 4802735 5382 5383 7d637b620a61 0 4 2410612563438 2410612563440',
      {
        kind: 'accept',
        tsNs: 2410612780635,
        ino: 4802735,
        pid: 5382,
        tid: 5383,
        comm: 'a\nb{c}',
        fd: 4,
        pickNs: 2410612563438,
        waitNs: 217195,
      },
    ],
    [
      'accept 2352828137492 0 31555 31555 65646f6e 0 -1 0 0',
      {
        kind: 'accept',
        tsNs: 2352828137492,
        ino: 0,
        pid: 31555,
        tid: 31555,
        comm: 'node',
        fd: null,
        pickNs: null,
        waitNs: null,
      },
    ],
    [
      'slot 2410612534354 4802746 4026531833 0.0.0.0 18888 33 1 1 4 0 4096',
      {
        kind: 'slot',
        tsNs: 2410612534354,
        ino: 4802746,
        netns: 4026531833,
        ...at,
        uid: 33,
        reuseport: true,
        index: 1,
        n: 4,
        queue: 0,
        backlog: 4096,
      },
    ],
    ['device 9 4802746 3', { kind: 'device', tsNs: 9, ino: 4802746, ifindex: 3 }],
    [
      'slot 9 4802746 4026531833 :: 18888 33 0 -1 0 3 128',
      {
        kind: 'slot',
        tsNs: 9,
        ino: 4802746,
        netns: 4026531833,
        laddr: '::',
        lport: 18888,
        uid: 33,
        reuseport: false,
        index: null,
        n: 0,
        queue: 3,
        backlog: 128,
      },
    ],
    [
      'listen 2410509230034 4802735 4026531833 0.0.0.0 18888 33 1 5382 7d637b620a61 0',
      {
        kind: 'listen',
        tsNs: 2410509230034,
        ino: 4802735,
        netns: 4026531833,
        ...at,
        uid: 33,
        reuseport: true,
        pid: 5382,
        comm: 'a\nb{c}',
      },
    ],
    [
      'close 2411970998298 4802746 4026531833 0.0.0.0 18888 7 5383 7d637b620a61 0',
      {
        kind: 'close',
        tsNs: 2411970998298,
        ino: 4802746,
        netns: 4026531833,
        ...at,
        queue: 7,
        pid: 5383,
        comm: 'a\nb{c}',
      },
    ],
    [
      'unaccepted 5 12 7 8 6b6d617370 0 -24',
      { kind: 'unaccepted', tsNs: 5, ino: 12, pid: 7, tid: 8, comm: 'psamk', ret: -24 },
    ],
    [
      'drawn 5 12 4026531833 18825 7 6b6d617370 0',
      { kind: 'drawn', tsNs: 5, ino: 12, netns: 4_026_531_833, lport: 18_825, pid: 7, comm: 'psamk' },
    ],
    [
      'dial 5 12 4026531833 10.0.0.5 5060 10.0.0.9 50195 1 5382 7069736d616b 0',
      {
        kind: 'dial',
        tsNs: 5,
        ino: 12,
        netns: 4_026_531_833,
        laddr: '10.0.0.5',
        lport: 5060,
        raddr: '10.0.0.9',
        rport: 5060,
        isFailed: true,
        pid: 5382,
        comm: 'kamsip',
      },
    ],
    [
      'bind 2410765695989 5382 5382 0 7d637b620a61 0 3 6 4026531833 0.0.0.0 18888 0 1 -98 4802882',
      {
        kind: 'bind',
        tsNs: 2410765695989,
        ...call,
        proto: 'tcp',
        ...at,
        reuseport: false,
        reuseaddr: true,
        ret: -98,
        ino: 4802882,
      },
    ],
    [
      'bind 5 5382 5382 0 7d637b620a61 0 3 17 4026531833 0.0.0.0 18888 1 0 0 12',
      {
        kind: 'bind',
        tsNs: 5,
        ...call,
        proto: 'udp',
        ...at,
        reuseport: true,
        reuseaddr: false,
        ret: 0,
        ino: 12,
      },
    ],
    [
      'listened 2410509274731 5382 5382 0 7d637b620a61 0 3 4026531833 0.0.0.0 18888 1 0 4096 0 4802735',
      {
        kind: 'listened',
        tsNs: 2410509274731,
        ...call,
        ...at,
        reuseport: true,
        reuseaddr: false,
        backlog: 4096,
        ret: 0,
        ino: 4802735,
      },
    ],
    [
      'choice 9 4802735 4026531833 33 3 8 96 511 10.0.0.5 8888 10.0.3.18 19612 2 1640531527 -1 1 0 -1 10',
      {
        kind: 'pick',
        tsNs: 9,
        ino: 4802735,
        netns: 4026531833,
        uid: 33,
        index: 3,
        n: 8,
        queue: 96,
        backlog: 511,
        laddr: '10.0.0.5',
        lport: 8888,
        raddr: '10.0.3.18',
        rport: 40012,
        cpu: 2,
        hash: 1640531527,
        // 1640531527 x 8 >> 32 = 3.
        cause: 'hash',
      },
    ],
    [
      'program 9 4802735 21 17 7463656a6572 0',
      { kind: 'program', tsNs: 9, ino: 4802735, type: 21, id: 17, name: 'reject' },
    ],
    [
      'lookup 9 4026531833 0 17 7463656a6572 0',
      { kind: 'lookup', tsNs: 9, netns: 4026531833, place: 0, id: 17, name: 'reject' },
    ],
    [
      'lookup 9 4026531833 -1 0 0 0',
      { kind: 'lookup', tsNs: 9, netns: 4026531833, place: null, id: 0, name: '' },
    ],
    ['attach 9 17 -1 0 0 0', { kind: 'program', tsNs: 9, ino: 17, type: -1, id: 0, name: '' }],
    [
      'refused 9 17 4026531833 4026531840',
      { kind: 'refused', tsNs: 9, ino: 17, netns: 4026531833, hash: 4026531840 },
    ],
    ['queued 9 17 5', { kind: 'queued', tsNs: 9, ino: 17, pickNs: 5 }],
    [
      'drop 9 17 3 1 10.0.0.5 8888 10.0.3.18 19612',
      {
        kind: 'drop',
        tsNs: 9,
        ino: 17,
        netns: 3,
        why: 'syn',
        laddr: '10.0.0.5',
        lport: 8888,
        raddr: '10.0.3.18',
        rport: 40012,
      },
    ],
    [
      'killed 9 17 3 10.0.3.18 19612 0',
      { kind: 'killed', tsNs: 9, ino: 17, netns: 3, raddr: '10.0.3.18', rport: 40012, pickNs: null },
    ],
    [
      'stopping 9 17 3 5 2 5382 65646f6e 0',
      { kind: 'stopping', tsNs: 9, ino: 17, netns: 3, queue: 5, synQueue: 2, pid: 5382, comm: 'node' },
    ],
    [
      'uclose 9 17 3 0.0.0.0 18888 4608 5382 65646f6e 0',
      {
        kind: 'close',
        proto: 'udp',
        tsNs: 9,
        ino: 17,
        netns: 3,
        ...at,
        queue: 4608,
        pid: 5382,
        comm: 'node',
      },
    ],
    [
      'uslot 9 17 3 0.0.0.0 18888 33 1 2 4 768 212992',
      {
        kind: 'slot',
        proto: 'udp',
        tsNs: 9,
        ino: 17,
        netns: 3,
        ...at,
        uid: 33,
        reuseport: true,
        index: 2,
        n: 4,
        queue: 768,
        backlog: 212_992,
      },
    ],
    [
      'receive 9 17 5382 5390 65646f6e 0',
      { kind: 'receive', tsNs: 9, ino: 17, pid: 5382, tid: 5390, comm: 'node' },
    ],
    ['moved 9 17 18 3 0', { kind: 'moved', tsNs: 9, ino: 17, toIno: 18, netns: 3, what: 'child' }],
    ['moved 9 17 18 3 1', { kind: 'moved', tsNs: 9, ino: 17, toIno: 18, netns: 3, what: 'request' }],
    [
      'join 9 17 3 0.0.0.0 18888 2 3 7 5382 65646f6e 0 6',
      {
        kind: 'join',
        tsNs: 9,
        ino: 17,
        netns: 3,
        ...at,
        index: 2,
        n: 3,
        reuseportId: 7,
        pid: 5382,
        comm: 'node',
        proto: 'tcp',
      },
    ],
    [
      'leave 9 17 3 0.0.0.0 18888 0 3 19 5382 65646f6e 0',
      {
        kind: 'leave',
        tsNs: 9,
        ino: 17,
        netns: 3,
        ...at,
        index: 0,
        n: 3,
        movedIno: 19,
        pid: 5382,
        comm: 'node',
      },
    ],
    [
      'port 9 5382 17 3 18888 -98 7 3 33 1 0 0 0.0.0.0 18 1001 10 0 1 127.0.0.1',
      {
        kind: 'port',
        tsNs: 9,
        tid: 5382,
        ino: 17,
        netns: 3,
        lport: 18888,
        ret: -98,
        state: 7,
        path: 'refused',
        uid: 33,
        reuseport: true,
        reuseaddr: false,
        hasGroup: false,
        laddr: '0.0.0.0',
        culprit: { ino: 18, uid: 1001, state: 10, reuseport: false, reuseaddr: true, laddr: '127.0.0.1' },
      },
    ],
    [
      'port 9 5382 17 3 18888 0 10 0 33 1 0 1 :: 0 0 0 0 0 0.0.0.0',
      {
        kind: 'port',
        tsNs: 9,
        tid: 5382,
        ino: 17,
        netns: 3,
        lport: 18888,
        ret: 0,
        state: 10,
        path: 'free',
        uid: 33,
        reuseport: true,
        reuseaddr: false,
        hasGroup: true,
        laddr: '::',
        culprit: null,
      },
    ],
    ['tick 2411368131718', { kind: 'tick', tsNs: 2411368131718 }],
    ['Lost 12329 events', { kind: 'lost', tsNs: 0, by: 'perf', events: 12329 }],
    ['@picks[4802772]: 2', { kind: 'count', tsNs: 0, ino: 4802772, counter: 'picks', total: 2 }],
    ['@printed[17]: 0', { kind: 'count', tsNs: 0, ino: 17, counter: 'printed', total: 0 }],
    ['@accepted[0]: 3', { kind: 'count', tsNs: 0, ino: 0, counter: 'accepted', total: 3 }],
    ['@queue[17]: 512', { kind: 'count', tsNs: 0, ino: 17, counter: 'queue', total: 512 }],
  ];
  it.each(rows)('%s', (line, event) => expect(read(`${line}\n`)).toEqual([event]));

  it('gives a map line the time of the newest line before it', () => {
    expect(read('counters 2411368121503\n@picks[1]: 2\n')).toEqual([
      { kind: 'count', tsNs: 2411368121503, ino: 1, counter: 'picks', total: 2 },
    ]);
  });

  it.each(['', 'counters 5', 'Attaching 16 probes...', '@spent: 4', '@other[1, 2]: 3'])(
    'passes over %j without an event',
    (line) => expect(read(`${line}\n`)).toEqual([]),
  );

  it('makes of a MPTCP bind one of TCP', () => {
    const [event] = read('bind 5 1 1 0 0 0 3 262 1 0.0.0.0 80 1 0 0 12\n');
    expect(event).toMatchObject({ kind: 'bind', proto: 'tcp' });
  });
});

describe('a captured run', () => {
  const bytes = encode(CAPTURED);
  const whole = createLineReader().read(bytes);

  it('has no malformed line', () => {
    const kinds = whole.reduce<Record<string, number>>((sums, { kind }) => {
      sums[kind] = (sums[kind] ?? 0) + 1;
      return sums;
    }, {});
    expect(kinds).toEqual({
      tick: 3,
      bind: 2,
      listen: 5,
      listened: 1,
      slot: 5,
      pick: 12,
      accept: 12,
      count: 40,
      close: 2,
    });
  });

  it('reads the same when it comes cut at any byte', () => {
    const text = JSON.stringify(whole);
    const wrong = [...bytes.keys()].filter((cut) => JSON.stringify(readCut(bytes, [cut])) !== text);
    expect(wrong).toEqual([]);
  });

  it('reads the same when it comes byte by byte', () => {
    expect(readCut(bytes, [...bytes.keys()])).toEqual(whole);
  });

  it('survives a recording: every event is one of NDJSON', () => {
    expect(whole.map((event) => parseEvent(formatEvent(event)))).toEqual(whole);
  });
});

describe('malformed lines are counted and skipped', () => {
  it.each([
    'pick',
    'pick 1',
    'pick 1 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5',
    'pick 1 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 6 7',
    'pick 1 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 6 ',
    'pick 1 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 x',
    'pick 1 2 3 0 0 4 1 511  80 1.2.3.4 5 6',
    'pick 1 2 3 0 0 4 1 511 nginx 80 1.2.3.4 5 6',
    `pick 1 2 3 0 0 4 1 511 ${'1:'.repeat(23)} 80 1.2.3.4 5 6`,
    ' tick 1',
    'tick  1',
    'tick 1\r',
    'tick 1.5',
    'tick 0x10',
    'tick -',
    'tick -5',
    'pick -5 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 6',
    'tick 123456789012345678901',
    'TICK 1',
    'accept 1 2 3 3 7D 0 4 0 0',
    'accept 1 2 3 3 nginx 4 0 0',
    'accept 1 2 3 3 11112222333344445 0 4 0 0',
    'moved 9 17 18 3 2',
    'moved 9 17 18 3 -1',
    'port 9 5 17 3 80 0 10 4 33 1 0 1 :: 0 0 0 0 0 ::',
    'choice 1 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 6',
    'Lost events',
    'Lost many events',
    'Lost 5 lines',
    'Lost 5 events and more',
    'Lost -5 events',
    '@picks[-5]: 1',
    '@picks[5]: -1',
    '@picks[5]: 1 ',
    '@picks[5]:1',
    '@picks[5] 1',
    '@picks[]: 1',
    '@picks[5',
    '@picks: 5',
    '@picks[ab]: 1',
    '@picks[a-1]: 1',
    '@picks[1:3]: 4',
    '@picks[1, 2]: 4',
    '@picks[18446744073709551615]: 1',
    '@: 5',
    '__proto__ 1',
    'constructor 1',
    'toString 1',
    'ERROR: Unknown map',
  ])('%j', (line) => {
    expect(read(`tick 7\n${line}\ntick 8\n`)).toEqual([
      { kind: 'tick', tsNs: 7 },
      { kind: 'tick', tsNs: 8 },
      { kind: 'malformed', tsNs: 8, lines: 1, sample: line },
    ]);
  });

  it('drops a line above 4096 bytes once, whole or in pieces, and reads on behind it', () => {
    const bytes = encode(`tick 1\nAttaching ${'9'.repeat(20_000)}\ntick 2\n`);
    const expected = {
      events: [
        { kind: 'tick', tsNs: 1 },
        { kind: 'tick', tsNs: 2 },
      ],
      malformed: 1,
    };
    for (const cuts of [[], [8], [5000], [20_016], [4000, 8000, 12_000], [...bytes.keys()]]) {
      expect(split(readCut(bytes, cuts))).toEqual(expected);
    }
  });

  it('keeps no more of a line without an end than the limit', () => {
    const reader = createLineReader();
    for (let i = 0; i < 1000; i++) reader.read(new Uint8Array(65_536).fill(65));
    expect(split(reader.read(encode('\ntick 3\n'))).events).toEqual([{ kind: 'tick', tsNs: 3 }]);
  });
});

describe('numbers', () => {
  it.each([
    ['tick 9007199254740993', 9007199254740992],
    ['tick 18446744073709551615', 2 ** 64],
  ])('reads the u64 of %j as the nearest double', (line, tsNs) => {
    expect(read(`${line}\n`)).toEqual([{ kind: 'tick', tsNs }]);
  });

  it('knows an accept by its pick although 2^53 ns (104 days of uptime) have passed', () => {
    const born = '17446744073709551';
    const [pick, accept] = read(
      `pick ${born} 2 3 0 0 4 1 511 0.0.0.0 80 1.2.3.4 5 6\naccept 17446744173709551 2 9 9 0 0 4 ${born} ${born}\n`,
    );
    expect(accept).toMatchObject({ pickNs: pick?.tsNs, waitNs: 100_000_000 });
  });
});

describe('process names', () => {
  const commOf = (bytes: Uint8Array): unknown => {
    const [event, ...others] = read(`accept 5 2 3 3 ${hexComm(bytes)} 4 0 0\n`);
    expect(others).toEqual([]);
    return event?.kind === 'accept' ? event.comm : event;
  };

  it.each([
    'nginx: worker',
    'a\nb{c}',
    '\npick 1 2 3 0 0',
    '} END { exit()',
    '\u001b[31m\u001b[2J',
    '\u001b]0;pwned\u0007',
    'Lost 5 events',
    '@picks[1]: 9\n',
    '\r\n\t \u0001\u007f',
    'größer',
    '\ufeffnginx',
    '',
  ])('gives back %j and nothing else', (name) => expect(commOf(encode(name))).toBe(name));

  it('replaces what is not UTF-8, such as a character cut at the sixteenth byte', () => {
    expect(commOf(Uint8Array.of(0x6e, 0xff, 0xc3, 0x28))).toBe('n\ufffd\ufffd(');
    expect(commOf(encode('123456789012345ß'))).toBe('123456789012345\ufffd');
  });

  it('ends at the first NUL, whatever 16 bytes they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const nul = bytes.indexOf(0);
        const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
          nul < 0 ? bytes : bytes.subarray(0, nul),
        );
        expect(commOf(bytes)).toBe(name);
      }),
    );
  });
});

describe('whatever bytes come', () => {
  const lines = CAPTURED.split('\n').filter((line) => line !== '');
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...lines).map(encode),
    fc
      .constantFrom('\n', ' ', '@picks[', ']: ', 'pick ', 'accept 1 ', 'port 9 ', 'Lost ', '-1', '0')
      .map(encode),
  );
  const soup = fc
    .array(chunk, { maxLength: 30 })
    .map((chunks) => Uint8Array.from(chunks.flatMap((c) => [...c])));

  it('never throws, and counts the same however it is cut', () => {
    fc.assert(
      fc.property(soup, fc.array(fc.nat(1000), { maxLength: 10 }), (bytes, cuts) => {
        const inside = cuts.filter((cut) => cut < bytes.length);
        expect(split(readCut(bytes, inside))).toEqual(split(readCut(bytes, [])));
      }),
      { numRuns: 500 },
    );
  });

  it('reads each line by itself: nothing leaks from one into the next', () => {
    /** Map lines and Lost have no time of their own. */
    const timeless = (event: Event): Event =>
      event.kind === 'count' || event.kind === 'lost' ? { ...event, tsNs: 0 } : event;
    fc.assert(
      fc.property(soup, (bytes) => {
        const alone = new TextDecoder('latin1')
          .decode(bytes)
          .split('\n')
          .slice(0, -1)
          .flatMap((line) => createLineReader().read(Buffer.from(`${line}\n`, 'latin1')));
        const together = split(readCut(bytes, []));
        expect({ ...together, events: together.events.map(timeless) }).toEqual(split(alone));
      }),
      { numRuns: 500 },
    );
  });

  it('takes a line as an event only when it is one of the contract from its first byte to its last', () => {
    const contract =
      /^(?:(?:pick|accept|slot|listen|close|bind|listened) \d+(?: [-0-9a-fA-F.:]+){6,15}|tick \d+|@\w+\[\d+\]: \d+|Lost \d+ events)$/;
    const words = fc.constantFrom(
      ...CAPTURED.split(/\s/),
      '',
      '-1',
      '@picks[1]:',
      'Lost',
      'events',
      '\u001b[2J',
    );
    const line = fc.oneof(
      fc.array(words, { maxLength: 18 }).map((list) => list.join(' ')),
      fc.constantFrom(...lines),
    );
    fc.assert(
      fc.property(line, (text) => {
        const { events } = split(read(`${text}\n`));
        expect(events.length).toBeLessThanOrEqual(contract.test(text) ? 1 : 0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('warnings of a running program (bpftrace 0.23)', () => {
  const warning = [
    "stdin:909:7-38: WARNING: Can't delete map element because it does not exist.",
    '      delete(@cursor[(uint64)$reuse]);',
    '        // over two lines',
    '      ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~',
  ].join('\n');

  it('are passed over with the lines they quote, and no more', () => {
    const reader = createLineReader();
    const events = reader.read(new TextEncoder().encode(`${warning}\n${warning}\ntick 5\nnonsense\n`));
    expect(events).toEqual([
      { kind: 'tick', tsNs: 5 },
      { kind: 'malformed', tsNs: 5, lines: 1, sample: 'nonsense' },
    ]);
  });
});
