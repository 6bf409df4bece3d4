import { describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState, type Scope } from '../../../src/core/state/state.js';
import { parseClient } from '../../../src/core/words/explain.js';
import { createExplain, type Missing } from '../../../src/outputs/explain.js';
import { ALL, acceptOf, at, attached, count, listen, meta, owners, pick, slot, tick } from '../events.js';
import { createSink } from './sink.js';

const CLIENT = '10.0.3.18';
const START: readonly Event[] = [
  meta(),
  attached(1),
  ...[11, 12].map((ino) => listen(ino, 1)),
  ...[11, 12].map((ino, index) => slot(ino, index, 2)),
];
const mine = pick(12, 2, { raddr: '::ffff:10.0.3.18', index: 1, n: 2 });

/** What was printed, which event ended the wait, and what is said when none did. */
const run = async (
  events: readonly Event[],
  { client = CLIENT, scope = ALL }: { client?: string; scope?: Scope } = {},
): Promise<{ text: string; doneBy: Event | null; missing: Missing | null }> => {
  const { stream, text } = createSink();
  const state = createState(scope);
  const done: (Event | null)[] = [];
  let current: Event | null = null;
  const output = createExplain(
    stream,
    { client: parseClient(client) ?? expect.unreachable('no client'), onDone: () => done.push(current) },
    () => expect.unreachable(),
  );
  for (current of events) {
    apply(state, current);
    output.take(state, current);
  }
  await output.end(state);
  expect(done.length).toBeLessThanOrEqual(1);
  return { text: text(), doneBy: done[0] ?? null, missing: output.missing(state) };
};

it('passes over a pick that came while the probes were being attached: its accept may not be seen', async () => {
  const early = pick(12, 0.9, { raddr: '::ffff:10.0.3.18', index: 1, n: 2 });
  const { doneBy } = await run([
    meta(),
    listen(12, 0.1),
    early,
    ...START.slice(1),
    acceptOf(early),
    mine,
    acceptOf(mine),
  ]);
  expect(doneBy).toMatchObject({ kind: 'accept', pickNs: mine.tsNs });
});

it('explains the next pick of the client as text, once it is accepted, and no other', async () => {
  const accept = acceptOf(mine, 0.3);
  const events = [
    ...START,
    pick(11, 1.9),
    mine,
    pick(11, 2.0001),
    accept,
    { ...mine, tsNs: at(2.1) },
    tick(6),
  ];
  const { text, doneBy, missing } = await run(events);
  expect(text).toMatchInlineSnapshot(`
    "14:03:09.000 10.0.3.18:40012 -> 127.0.0.1:8888
    picked on cpu 0, seen by the tracepoint rung

    1 hash   not known on the tracepoint rung: it sees the connection only when its
             handshake is done; the hash is an argument of a kernel function that
             the fentry and kprobe rungs watch
    2 index  #1 of 2, read from socks[]; whether the hash, SO_INCOMING_CPU or a BPF
             program decided is not known
    3 socket pid 1012 nginx, ino 12, listening
    4 queue  1 of 511 with this one in it
    5 accept pid 1012 nginx, 0.3ms after the handshake
    "
  `);
  expect({ doneBy, missing }).toEqual({ doneBy: accept, missing: null });
});

it('tells by which program the hash was overruled', async () => {
  const chosen = pick(12, 2, { raddr: CLIENT, index: 1, n: 2, hash: 0x1000_0000, cause: 'bpf' });
  const events: Event[] = [
    ...START,
    meta({ rung: 'fentry' }),
    { kind: 'program', tsNs: at(1), ino: 11, type: 21, id: 42, name: 'by_cpu' },
    chosen,
    acceptOf(chosen, 0.3),
  ];
  expect((await run(events)).text).toMatchInlineSnapshot(`
    "14:03:09.000 10.0.3.18:40012 -> 127.0.0.1:8888
    picked on cpu 0, seen by the fentry rung

    1 hash   0x10000000 = 268,435,456: of the 4-tuple and a secret of this boot,
             read from the kernel
    2 index  #1 of 2, read from socks[]; computed hash x n >> 32 = 268435456 x 2 >>
             32 = #0: overruled: the group's sk_reuseport program id 42 "by_cpu"
             chose, not the hash
    3 socket pid 1012 nginx, ino 12, listening
    4 queue  1 of 511 were waiting when it arrived
    5 accept pid 1012 nginx, 0.3ms after the handshake

    By the hash alone, with other n: 1->#0, 2->#0, 3->#0, 4->#0
    "
  `);
});

it('stays within 80 columns where words can be broken', async () => {
  const widest = { laddr: '255.255.255.255', raddr: '255.255.255.255', rport: 65_535, n: 64, index: 63 };
  const picked = { ...mine, ...widest, hash: 0xffff_ffff, cause: 'hash' } as const;
  const { text } = await run([...START, picked, acceptOf(picked, 1)], { client: '255.255.255.255' });
  expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

describe('the wait for the accept', () => {
  it.each<[string, readonly Event[], string]>([
    ['not taken', [count(12, 'queue', 1, 2)], 'waiting for 3.0s'],
    ['taken unseen', [count(12, 'queue', 0, 3)], 'not seen'],
  ])('ends after three seconds of the run, %s', async (_, events, text) => {
    const { text: printed, doneBy } = await run([
      ...START,
      mine,
      ...events,
      tick(3),
      tick(4.9),
      tick(5),
      tick(6),
    ]);
    expect(doneBy).toEqual(tick(5));
    expect(printed.split('\n').at(-2)).toBe(`5 accept ${text}`);
  });

  it('is over when the connection is reset', async () => {
    const killed: Event = { ...mine, kind: 'killed', tsNs: at(2.5), pickNs: mine.tsNs };
    expect((await run([...START, mine, killed])).doneBy).toEqual(killed);
  });

  it('is not over when a SYN was dropped: it is sent again', async () => {
    const drop: Event = { ...mine, kind: 'drop', why: 'syn', tsNs: at(2) };
    const accept = acceptOf(mine, 1003);
    const { text, doneBy } = await run([...START, mine, drop, accept]);
    expect(doneBy).toEqual(accept);
    expect(text).toContain('pid 1012 nginx, 1.0s after the handshake');
  });

  it('is over with the run, and what is known is printed', async () => {
    const { text, doneBy, missing } = await run([...START, mine]);
    expect(text).toMatch(/\n5 accept waiting for 0\.0ms\n$/);
    expect({ doneBy, missing }).toEqual({ doneBy: null, missing: null });
  });
});

describe('picks that are not meant', () => {
  it.each<[string, Event[], { client?: string; scope?: Scope }]>([
    ['from another port', [mine], { client: '10.0.3.18:40013' }],
    ['to another port', [mine], { scope: { ...ALL, ports: [80] } }],
    ['to a listener of another process', [mine, owners(12, 1012)], { scope: { ...ALL, pid: 1 } }],
  ])('%s', async (_, events, options) => {
    const { text, missing } = await run([...START, ...events, tick(9)], options);
    expect(text).toBe('');
    expect(missing).not.toBeNull();
  });

  it('do not hide one to a listener of the process that was asked for', async () => {
    const scope = { ...ALL, pid: 1012 };
    expect((await run([...START, owners(12, 1012), mine], { scope })).text).toContain('pid 1012');
  });
});

it.each<[string, readonly Event[], Missing]>([
  ['was not attached', [meta(), listen(11)], { why: 'the probes were not attached yet', hint: null }],
  ['saw nothing', [...START, tick(5)], { why: 'none was seen in 4.0 s', hint: null }],
  [
    'saw others',
    [...START, pick(11, 2), count(11, 'picks', 1), count(11, 'printed', 1), tick(5)],
    { why: 'none was seen in 4.0 s; the picks seen (1) were of others', hint: null },
  ],
  [
    'sampled picks away',
    [...START, pick(11, 2), count(11, 'picks', 1500), count(11, 'printed', 1), tick(5)],
    {
      why: 'none was shown in 4.0 s, and only 1 of 1,500 picks were shown in detail',
      hint: 'more are shown with a higher --details (it was 1000 a second) or fewer ports (--port)',
    },
  ],
  [
    'saw a program refuse',
    [...START, count(11, 'refused', 3), tick(5)],
    {
      why: 'none was seen in 4.0 s; a BPF program refused 3 connections, whose clients are not known',
      hint: null,
    },
  ],
])('says why there is nothing to explain when it %s', async (_, events, missing) =>
  expect(await run(events)).toEqual({ text: '', doneBy: null, missing }),
);
