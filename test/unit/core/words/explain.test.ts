import { describe, expect, it } from 'vitest';
import type { Event, PickEvent } from '../../../../src/core/event.js';
import type { LoggedPick, State } from '../../../../src/core/state/state.js';
import {
  type Explanation,
  explain,
  isFrom,
  outcomeOf,
  parseClient,
} from '../../../../src/core/words/explain.js';
import { acceptOf, at, close, listen, meta, pick, slot, stateOf } from '../../events.js';

const GROUP: readonly Event[] = [
  ...[11, 12, 13, 14].map((ino) => listen(ino, 1)),
  ...[11, 12, 13, 14].map((ino, index) => slot(ino, index, 4)),
];
const FENTRY: readonly Event[] = [meta({ rung: 'fentry' }), ...GROUP];

const newest = (state: State): LoggedPick => {
  const logged = state.picks.items.findLast((item): item is LoggedPick => item.kind === 'pick');
  return logged ?? expect.unreachable('no pick was taken');
};

const explained = (events: readonly Event[], isShort = false, otherN: number | null = null): Explanation => {
  const state = stateOf(events);
  return explain(state, newest(state), { nowNs: state.nowNs, isShort, otherN });
};

const step = (events: readonly Event[], name: string, isShort = false): string | undefined =>
  explained(events, isShort).steps.find((one) => one.name === name)?.text;

/** 0xc0000000 x 4 >> 32 = 3. */
const hashed = (ino: number, change: Partial<PickEvent>): PickEvent =>
  pick(ino, 2, { index: ino - 11, hash: 0xc000_0000, cpu: 5, ...change });
const program = (type: number, id: number, name: string): Event => ({
  kind: 'program',
  tsNs: at(1),
  ino: 11,
  type,
  id,
  name,
});

describe('a pick by the hash', () => {
  const picked = hashed(14, { cause: 'hash', raddr: '::ffff:10.0.3.18' });

  it('is arithmetic from the hash to the accept', () => {
    expect(explained([...FENTRY, picked, acceptOf(picked, 0.3)])).toEqual({
      title: '10.0.3.18:40012 -> 127.0.0.1:8888',
      steps: [
        {
          name: 'hash',
          text: '0xc0000000 = 3,221,225,472: of the 4-tuple and a secret of this boot, read from the kernel',
        },
        {
          name: 'index',
          text: '#3 of 4, read from socks[]; computed hash x n >> 32 = 3221225472 x 4 >> 32 = #3: it agrees; the hash alone decided',
        },
        { name: 'socket', text: 'pid 1014 nginx, ino 14, listening' },
        { name: 'queue', text: '1 of 511 were waiting when it arrived' },
        { name: 'accept', text: 'pid 1014 nginx, 0.3ms after the handshake' },
      ],
      others: 'By the hash alone, with other n: 3->#2, 4->#3, 5->#3, 8->#6',
    });
  });

  it('tries the number of members that was asked for, and none below one', () => {
    const { others } = explained([...FENTRY, { ...picked, n: 1, index: 0 }], false, 64);
    expect(others).toBe('By the hash alone, with other n: 1->#0, 2->#1, 64->#48');
  });

  it('that is not where the hash points says so', () => {
    expect(step([...FENTRY, hashed(12, { cause: 'hash' })], 'index')).toMatch(
      /= #3: it DISAGREES; the hash alone decided$/,
    );
  });
});

it.each<[string, Partial<PickEvent>, readonly Event[], string]>([
  [
    'SO_INCOMING_CPU',
    { cause: 'incoming-cpu' },
    [],
    'overruled: SO_INCOMING_CPU of that member matched this CPU (5)',
  ],
  [
    'a connected UDP socket',
    { cause: 'skipped-connected' },
    [],
    'skipped, because that is a connected UDP socket: the kernel took the next one that is not',
  ],
  [
    'a program that was not seen',
    { cause: 'bpf' },
    [],
    "overruled: the group's BPF program chose, not the hash",
  ],
  [
    'a classic program',
    { cause: 'bpf' },
    [program(0, 0, '')],
    "overruled: the group's classic BPF program chose, not the hash",
  ],
  [
    'a program with a hostile name',
    { cause: 'bpf' },
    [program(21, 7, 'by\u001b_cpu')],
    'overruled: the group\'s sk_reuseport program id 7 "by?_cpu" chose, not the hash',
  ],
  [
    'a program of a type without a name',
    { cause: 'bpf' },
    [program(99, 7, '')],
    "overruled: the group's type 99 program id 7 chose, not the hash",
  ],
  ['nothing that was seen', { cause: null }, [], 'it DISAGREES, and nothing that was seen tells why'],
  [
    'what may be a program, where the kernel does not tell',
    { cause: null },
    [program(1, 3, '')],
    "it differs; whether the group's socket filter program id 3 chose is not known",
  ],
])('says that the hash was overruled by %s', (_, change, events, text) =>
  expect(step([...FENTRY, ...events, hashed(12, change)], 'index')).toBe(
    `#1 of 4, read from socks[]; computed hash x n >> 32 = 3221225472 x 4 >> 32 = #3: ${text}`,
  ),
);

it.each<[string, Partial<PickEvent>, string]>([
  [
    'SO_INCOMING_CPU',
    { cause: 'incoming-cpu' },
    'it agrees: SO_INCOMING_CPU of that member matched this CPU (5)',
  ],
  ['a program', { cause: 'bpf' }, "the same, but the group's BPF program chose, not the hash"],
  [
    'the fallback from a program',
    { cause: 'bpf-fallback' },
    "it agrees; the group's BPF program gave no valid member, so the kernel fell back to the hash",
  ],
])('says that %s came to what the hash gives', (_, change, text) =>
  expect(step([...FENTRY, hashed(14, change)], 'index')).toMatch(
    new RegExp(`= #3: ${text.replace(/[()]/g, '\\$&')}$`),
  ),
);

it('tells a refusal by the program, with no socket, queue or accept', () => {
  const { steps } = explained([
    ...FENTRY,
    program(21, 7, 'drop'),
    hashed(11, { index: null, cause: 'bpf-refused' }),
  ]);
  expect(steps.map(({ name }) => name)).toEqual(['hash', 'index']);
  expect(steps[1]?.text).toBe(
    'none of 4; computed hash x n >> 32 = 3221225472 x 4 >> 32 = #3: not used: the group\'s sk_reuseport program id 7 "drop" refused the connection (SK_DROP), no member was taken',
  );
});

describe('on the tracepoint rung', () => {
  const rejected = [{ rung: 'fentry', why: 'this kernel has no BTF\nand more' }] as const;
  const events = [meta({ rejected }), ...GROUP, pick(12, 2, { index: 1 })];

  it('says that the hash is not known, and why', () => {
    const text = step(events, 'hash') ?? '';
    expect(text).toMatch(/^not known on the tracepoint rung: /);
    expect(text).toMatch(/ \(not here: fentry: this kernel has no BTF\)$/);
    expect(step(events, 'hash', true)).toBe('not known on rung tracepoint');
  });

  it('says that what decided is not known, and computes nothing', () => {
    const text = '#1 of 4, read from socks[]';
    expect(step(events, 'index')).toBe(
      `${text}; whether the hash, SO_INCOMING_CPU or a BPF program decided is not known`,
    );
    expect(step(events, 'index', true)).toBe(text);
    expect(explained(events).others).toBeNull();
  });

  it.each<[string, Partial<PickEvent>, string]>([
    ['the only member', { index: 0, n: 1 }, '#0 of 1, read from socks[]: the only member'],
    ['a slot beyond those looked at', { index: null, n: 300 }, 'one of 300, not found in socks[]; whether'],
    ['no group', { index: null, n: 0 }, 'none: this listener is in no SO_REUSEPORT group'],
  ])('tells %s', (_, change, text) =>
    expect(step([meta(), ...GROUP, pick(11, 2, change)], 'index')).toContain(text),
  );
});

describe('the socket and its queue', () => {
  it.each<[string, readonly Event[], string, string]>([
    ['moved since', [slot(12, 0, 3)], 'socket', 'pid 1012 nginx, ino 12, listening, at #0 now'],
    ['closed since', [close(12, 3.5)], 'socket', 'pid 1012 nginx, ino 12, closed 1.5s after this pick'],
    [
      'held by several',
      [
        {
          kind: 'owners',
          tsNs: at(2),
          ino: 12,
          holders: [
            { pid: 1, comm: 'a\n', fds: [3] },
            { pid: 2, comm: 'b', fds: [3] },
          ],
        },
      ],
      'socket',
      '2 holders (a?, b), ino 12, listening',
    ],
    [
      'held by one with its descriptor',
      [{ kind: 'owners', tsNs: at(2), ino: 12, holders: [{ pid: 7, comm: 'a', fds: [3, 4] }] }],
      'socket',
      'pid 7 a, fd 3 4, ino 12, listening',
    ],
    ['full', [], 'queue', '512 of 511 with this one in it: FULL'],
  ])('%s', (_, events, name, text) =>
    expect(step([meta(), ...GROUP, pick(12, 2, { index: 1, queue: 512 }), ...events], name)).toBe(text),
  );

  it('that nobody knows is named by its inode', () => {
    expect(step([meta(), pick(99, 2)], 'socket')).toBe('ino 99, of which nothing else is known');
  });
});

describe('what became of it', () => {
  const picked = pick(11, 2);
  it.each<[string, readonly Event[], string, string]>([
    ['waits', [{ kind: 'tick', tsNs: at(2.5) }], 'waiting for 500.0ms', ' '],
    ['waits long', [{ kind: 'tick', tsNs: at(3.5) }], 'waiting for 1.5s', '!'],
    ['was accepted late', [acceptOf(picked, 1200)], 'pid 1011 nginx, 1.2s after the handshake', '!'],
    ['met a full queue', [{ ...picked, kind: 'drop', why: 'syn', tsNs: at(2) }], 'queue full: dropped', 'x'],
    [
      'was reset',
      [{ kind: 'killed', tsNs: at(3), ino: 11, netns: 1, raddr: '::', rport: 1, pickNs: picked.tsNs }],
      'listener closed: reset',
      'x',
    ],
    ['has lost its listener', [close(11, 3)], 'listener closed', 'x'],
    [
      'was taken unseen',
      [
        { kind: 'count', tsNs: at(3), ino: 11, counter: 'queue', total: 0 },
        { kind: 'tick', tsNs: at(4.5) },
      ],
      'not seen',
      ' ',
    ],
  ])('%s', (_, events, text, mark) => {
    const state = stateOf([meta(), ...GROUP, picked, ...events]);
    const logged = newest(state);
    expect(outcomeOf(state, logged, state.nowNs).mark).toBe(mark);
    expect(step([meta(), ...GROUP, picked, ...events], 'accept')).toBe(text);
  });

  it('is compared with the usual wait when there were others', () => {
    const earlier = pick(11, 1.5);
    expect(
      step([meta(), ...GROUP, earlier, acceptOf(earlier, 1), picked, acceptOf(picked, 1)], 'accept'),
    ).toBe('pid 1011 nginx, 1.0ms after the handshake   (this listener: p50 1.0ms  p99 1.0ms)');
  });
});

describe('a client', () => {
  it.each<[string, string, number]>([
    ['10.0.3.18', '10.0.3.18', 1],
    ['10.0.3.18', '::ffff:10.0.3.18', 1],
    ['::ffff:10.0.3.18', '10.0.3.18', 1],
    ['::FFFF:0a00:312', '10.0.3.18', 1],
    ['10.0.3.18:40012', '10.0.3.18', 40_012],
    ['[::ffff:10.0.3.18]:40012', '10.0.3.18', 40_012],
    ['::1', '::1', 1],
    ['[::1]', '0:0:0:0:0:0:0:1', 1],
    ['[::1]:65535', '::1', 65_535],
    ['2001:DB8:0:0:1::2', '2001:db8::1:0:0:2', 1],
    ['::', '::', 1],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8', 1],
  ])('%s is that of a pick from %s port %i', (text, raddr, rport) => {
    const client = parseClient(text) ?? expect.unreachable('it was not understood');
    expect(isFrom(client, pick(1, 1, { raddr, rport }))).toBe(true);
  });

  it.each<[string, string, number]>([
    ['10.0.3.18', '10.0.3.19', 1],
    ['10.0.3.18:40012', '10.0.3.18', 40_013],
    ['::1', '127.0.0.1', 1],
    ['::10.0.3.18', '10.0.3.18', 1],
    ['[::1]:80', '::1', 81],
    ['::1:80', '::1', 80],
  ])('%s is not that of a pick from %s port %i', (text, raddr, rport) => {
    const client = parseClient(text) ?? expect.unreachable('it was not understood');
    expect(isFrom(client, pick(1, 1, { raddr, rport }))).toBe(false);
  });

  it.each([
    ...[
      '',
      'localhost',
      'abc',
      '10',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      '10.0.0.1.2',
      '10.0.0.1:',
      '10.0.0.1:0',
    ],
    ...[
      '10.0.0.1:65536',
      '10.0.0.1:80x',
      '10.0.0.1/8',
      ':::',
      '::1::',
      '1:2:3',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
    ],
    ...[
      '1:2:3:4:5:6:7::8',
      'g::',
      '[::1',
      '::1]',
      '[::1]80',
      '[10.0.0.1]:80',
      'fe80::1%eth0',
      '::1.2.3.4:80',
      ' ::1',
    ],
  ])('is not %j', (text) => expect(parseClient(text)).toBeNull());
});

describe('a pick whose hash was learned', () => {
  const at6 = (change: Partial<PickEvent>): PickEvent => pick(13, 2, { index: 2, ...change });
  const texts = (events: readonly Event[], told: number | string): Explanation => {
    const state = stateOf(events);
    const options = { nowNs: state.nowNs, isShort: false, otherN: null, learned: () => told };
    return explain(state, newest(state), options);
  };
  const TRACEPOINT = [meta(), ...GROUP];

  it('is told with its arithmetic', () => {
    const { steps, others } = texts([...TRACEPOINT, at6({})], 0x8000_0000);
    expect(steps.slice(0, 2)).toEqual([
      {
        name: 'hash',
        text: '0x80000000 = 2,147,483,648: computed here of the 4-tuple and a secret of this boot, which earlier picks gave away',
      },
      {
        name: 'index',
        text: '#2 of 4, read from socks[]; computed hash x n >> 32 = 2147483648 x 4 >> 32 = #2: it agrees; the hash decided',
      },
    ]);
    expect(others).toBe('By the hash alone, with other n: 3->#1, 4->#2, 5->#2, 8->#4');
    expect(steps.find(({ name }) => name === 'queue')?.text).toBe('1 of 511 with this one in it');
  });

  it.each([
    [
      'no program',
      [],
      'it DISAGREES: SO_INCOMING_CPU, a BPF program or a change of the members during the handshake decided',
    ],
    [
      'a program',
      [program(21, 81, 'quic')],
      'it differs: the group\'s sk_reuseport program id 81 "quic" chose, not the hash',
    ],
  ] as const)('says who else chose with %s', (_, events, decided) => {
    const { steps } = texts([...TRACEPOINT, ...events, at6({ index: 1 })], 0x8000_0000);
    expect(steps[1]?.text).toBe(
      `#1 of 4, read from socks[]; computed hash x n >> 32 = 2147483648 x 4 >> 32 = #2: ${decided}`,
    );
  });

  it('says in the words of who learns it why it is not known', () => {
    const { steps, others } = texts([...TRACEPOINT, at6({})], 'not known yet: 12 more picks are needed');
    expect(steps[0]?.text).toBe('not known yet: 12 more picks are needed');
    expect(others).toBeNull();
  });

  it('is that of the kernel where it told one', () => {
    const { steps } = texts([...FENTRY, hashed(14, { cause: 'hash' })], 1);
    expect(steps[0]?.text).toMatch(/^0xc0000000 .* read from the kernel$/);
  });
});
