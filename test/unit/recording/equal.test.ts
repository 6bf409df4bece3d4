// A replay equals the run that was recorded, at any time: the same State, the same text in every view and output.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import type { Event } from '../../../src/core/event.js';
import { createState, type Scope, type State } from '../../../src/core/state/state.js';
import { parseEvent } from '../../../src/core/wire/json.js';
import { createLines } from '../../../src/outputs/lines.js';
import { createNdjson } from '../../../src/outputs/ndjson.js';
import { formatTable } from '../../../src/outputs/table.js';
import { packageRoot } from '../../../src/package.js';
import { openRecorder } from '../../../src/recording/recorder.js';
import { openReplay } from '../../../src/recording/replay.js';
import { VIEWS } from '../../../src/tui/views.js';
import { ALL, ended, owners, socket } from '../events.js';
import { look, USUAL, WIDE } from '../tui/look.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'equal-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const FIXTURES = fileURLToPath(new URL('test/fixtures/', packageRoot()));
const eventsIn = (name: string): Event[] =>
  gunzipSync(readFileSync(join(FIXTURES, name)))
    .toString()
    .split('\n')
    .map(parseEvent)
    .filter((event) => event !== null);

/** What nobody asked for, as a host has it beside: it is in no recording. */
const strangers = (event: Event): Event[] =>
  event.kind === 'scanned'
    ? [
        socket(900_001, { tsNs: event.tsNs, lport: 22 }),
        { ...owners(900_001, 7), tsNs: event.tsNs },
        { ...owners(900_002, 7), tsNs: event.tsNs },
      ]
    : [];

/** A run with everything that changes State beside the kernel: the key r, what is lost, bpftrace's end and its restart. */
const eventfulRun = (name: string): Event[] => {
  const events = eventsIn(name);
  const at = (part: number): number => events[Math.floor(events.length * part)]?.tsNs ?? 0;
  const extra: readonly [number, Event][] = [
    [0.4, { kind: 'lost', tsNs: at(0.4), by: 'perf', events: 3 }],
    [0.5, { kind: 'reset', tsNs: at(0.5) }],
    [0.55, { kind: 'malformed', tsNs: at(0.55), lines: 2, sample: '\u001b[2J' }],
    [0.6, { ...ended(0, 'bpftrace ended (SIGKILL)'), tsNs: at(0.6) }],
    [0.65, { kind: 'attaching', tsNs: at(0.65) }],
    [0.7, { kind: 'attached', tsNs: at(0.7) }],
  ];
  return events.flatMap((event, i) => [
    ...extra.filter(([part]) => Math.floor(events.length * part) === i).map(([, each]) => each),
    ...strangers(event),
    event,
  ]);
};

/** Everything that can be seen of a State. */
const seen = (state: State): Record<string, unknown> => ({
  // Of the sockets that are known to be out of scope nothing is recorded.
  state: structuredClone({ ...state, outside: null }),
  table: formatTable(state),
  ...Object.fromEntries(
    [USUAL, WIDE].flatMap((size) =>
      VIEWS.map(({ title }, i) => [
        `${title} at ${size.columns}`,
        look(state, size)
          .press(String(i + 1))
          .text(),
      ]),
    ),
  ),
});

type Watched = {
  readonly state: State;
  readonly take: (event: Event) => void;
  readonly text: () => Promise<string[]>;
};

/** A State with the outputs that follow it. */
const watch = (scope: Scope): Watched => {
  const state = createState(scope);
  const streams = [new PassThrough(), new PassThrough()] as const;
  const outputs = [
    createLines(streams[0], { isQuiet: false }, () => undefined),
    createNdjson(streams[1], () => undefined),
  ];
  return {
    state,
    take: (event) => {
      apply(state, event);
      for (const output of outputs) output.take(state, event);
    },
    text: async () => {
      const texts = streams.map(async (stream) => (await stream.setEncoding('utf8').toArray()).join(''));
      for (const output of outputs) await output.end(state);
      for (const stream of streams) stream.end();
      return Promise.all(texts);
    },
  };
};

/** Records the run and remembers what was seen at each tick: when the first event after it comes. */
const recordRun = async (path: string, scope: Scope, events: readonly Event[]) => {
  const { state, take, text } = watch(scope);
  const recorder = openRecorder({
    path,
    scope,
    maxBytes: null,
    existing: 'refuse',
    onFailure: (why) => expect.unreachable(why),
  });
  const ticks = events.filter(({ kind }) => kind === 'tick').map(({ tsNs }) => tsNs);
  const atTick = new Map<number, Record<string, unknown>>();
  for (const event of events) {
    for (const tick of ticks) if (!atTick.has(tick) && event.tsNs > tick) atTick.set(tick, seen(state));
    take(event);
    recorder.take(state, event);
  }
  await recorder.end();
  return { atTick, atEnd: seen(state), text: await text() };
};

const replayUntil = async (path: string, untilNs: number | null) => {
  const replay = await openReplay({
    paths: [path],
    speed: Number.POSITIVE_INFINITY,
    from: null,
    until: untilNs === null ? null : { kind: 'after', ns: untilNs },
    seconds: null,
    signal: new AbortController().signal,
  });
  const { state, take, text } = watch(replay.scope ?? ALL);
  for await (const batch of replay.events) for (const event of batch) take(event);
  expect(replay.stopped()).toBeNull();
  return { seen: seen(state), text: await text() };
};

describe.each(readdirSync(FIXTURES))('%s', (name) => {
  const events = eventfulRun(name);
  const startNs = events[0]?.tsNs ?? 0;
  const ports = events.flatMap((event) => (event.kind === 'meta' ? event.ports : [])).slice(0, 1);

  it.each<[string, Scope]>([
    ['all of it', { ...ALL, ports }],
    [
      'one process',
      { ...ALL, ports, pid: events.flatMap((e) => (e.kind === 'accept' ? [e.pid] : []))[0] ?? 0 },
    ],
    ['IPv6, of which there is nothing', { ...ALL, ports, family: 6 }],
  ])('replays as it was, at every tick: %s', async (_, scope) => {
    const path = join(folder, `${name}-${scope.pid}-${scope.family}`);
    const live = await recordRun(path, scope, events);
    expect(live.atTick.size).toBeGreaterThan(10);
    for (const [tick, expected] of live.atTick)
      expect((await replayUntil(path, tick - startNs)).seen, `at ${tick}`).toEqual(expected);
    const whole = await replayUntil(path, null);
    expect(whole.seen).toEqual(live.atEnd);
    expect(whole.text).toEqual(live.text);
  });
});
