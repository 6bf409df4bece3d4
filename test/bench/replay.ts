// How long a recording of 1,000,000 events takes to replay as fast as possible, beside gunzip and JSON.parse of the same lines, and in how much memory.
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGunzip, gunzipSync } from 'node:zlib';
import { apply } from '../../src/core/apply.js';
import type { Event } from '../../src/core/event.js';
import { createState } from '../../src/core/state/state.js';
import { parseEvent } from '../../src/core/wire/json.js';
import { packageRoot } from '../../src/package.js';
import { openRecorder } from '../../src/recording/recorder.js';
import { openReplay } from '../../src/recording/replay.js';
import { type Figure, isTry, median, spread as rangeOf, report } from './figure.js';

const EVENTS = isTry ? 20_000 : 1_000_000;
const ROUNDS = isTry ? 2 : 5;
/** What the replay may take of the time of the baseline. */
const LIMIT = 2;
const FIXTURE = fileURLToPath(new URL('test/fixtures/linux-6.12-fentry.ndjson.gz', packageRoot()));
const ALL = { ports: [], family: null, netns: null, pid: null };

/** Connections per second of the two recordings: the default budget of details, and a night on which little happens. */
const RATES = [1000, 10] as const;

/** Connections that a kernel was captured with, over and over at that rate, with the counters that go with them. */
function* manyEvents(perSecond: number): Generator<Event> {
  const lines = gunzipSync(readFileSync(FIXTURE)).toString().split('\n');
  const captured = lines.map(parseEvent).filter((event) => event !== null);
  const isStart = ({ kind }: Event): boolean =>
    !['pick', 'queued', 'accept', 'close', 'leave'].includes(kind);
  const start = captured
    .slice(
      0,
      captured.findIndex(({ kind }) => kind === 'pick'),
    )
    .filter(isStart);
  const picks = captured.filter((event) => event.kind === 'pick');
  const accepts = captured.filter((event) => event.kind === 'accept');
  const members = [...new Set(accepts.map(({ ino }) => ino))];
  const acceptsOf = members.map((ino) => accepts.filter((each) => each.ino === ino));
  const startNs = start.at(-1)?.tsNs ?? 0;
  const totals = new Map(members.map((ino) => [ino, 0]));
  yield* start;
  for (let done = start.length, connection = 0, second = 0; done < EVENTS; second++) {
    for (let i = 0; i < perSecond && done < EVENTS; i++, connection++, done += 3) {
      const tsNs = Math.round(startNs + (second + i / perSecond) * 1e9);
      const accept = acceptsOf[spread(connection, acceptsOf.length)]?.[connection % 8];
      const pick = picks[connection % picks.length];
      if (accept === undefined || pick === undefined) throw new Error(`no connections in ${FIXTURE}`);
      const { ino } = accept;
      totals.set(ino, (totals.get(ino) ?? 0) + 1);
      yield { ...pick, ino, tsNs, rport: 1024 + (connection % 60_000) };
      yield { kind: 'queued', tsNs: tsNs + 40_000, ino, pickNs: tsNs };
      yield { ...accept, tsNs: tsNs + 340_000, pickNs: tsNs, waitNs: 300_000 };
    }
    const tsNs = startNs + (second + 1) * 1e9;
    for (const [ino, total] of totals)
      for (const counter of ['picks', 'printed', 'established', 'accepted'] as const) {
        yield { kind: 'count', tsNs, ino, counter, total };
        done++;
      }
    yield { kind: 'tick', tsNs };
    done++;
  }
}

/** A fair hash, the same in every run (a step of splitmix32), to 0 .. n - 1 as the kernel scales it. */
const spread = (i: number, n: number): number => {
  const mixed = Math.imul(i ^ (i >>> 16), 0x21f0aaad);
  return Math.floor((((mixed ^ (mixed >>> 15)) >>> 0) * n) / 2 ** 32);
};

const record = async (path: string, perSecond: number): Promise<number> => {
  const recorder = openRecorder({
    path,
    scope: ALL,
    maxBytes: null,
    existing: 'refuse',
    onFailure: (why) => {
      throw new Error(why);
    },
  });
  const state = createState(ALL);
  let written = 0;
  for (const event of manyEvents(perSecond)) {
    apply(state, event);
    recorder.take(state, event);
    // Its queue is bounded: let it be written.
    if (++written % 20_000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await recorder.end();
  return written;
};

const parseOnly = async (path: string): Promise<number> => {
  const started = performance.now();
  const bytes = createReadStream(path, { highWaterMark: 1 << 18 }).pipe(createGunzip({ chunkSize: 1 << 18 }));
  const decoder = new TextDecoder();
  let rest = '';
  let parsed = 0;
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (typeof JSON.parse(line) === 'object') parsed++;
  }
  if (parsed < EVENTS) throw new Error(`${parsed} lines parsed`);
  return performance.now() - started;
};

const replay = async (path: string, rss: number[]): Promise<number> => {
  const started = performance.now();
  const state = createState(ALL);
  const { events, stopped } = await openReplay({
    paths: [path],
    speed: Number.POSITIVE_INFINITY,
    from: null,
    until: null,
    seconds: null,
    signal: new AbortController().signal,
  });
  let applied = 0;
  let next = 0;
  for await (const batch of events) {
    for (const event of batch) apply(state, event);
    applied += batch.length;
    if (applied < next) continue;
    rss.push(process.memoryUsage.rss());
    next += EVENTS / 20;
  }
  if (applied < EVENTS || stopped() !== null) throw new Error(`${applied} events, ${stopped()?.text}`);
  return performance.now() - started;
};

const compare = async (perSecond: number, path: string): Promise<Figure[]> => {
  const written = await record(path, perSecond);
  const [parsing, replaying, ratios]: [number[], number[], number[]] = [[], [], []];
  const rss: number[] = [];
  await parseOnly(path);
  for (let round = 0; round < ROUNDS; round++) {
    const alone = await parseOnly(path);
    const whole = await replay(path, rss);
    parsing.push(alone);
    replaying.push(whole);
    ratios.push(whole / alone);
  }
  // The first round grows the heap to what it needs.
  const flat = rss.slice(20).map((bytes) => bytes / 2 ** 20);
  const name = `${written} events, ${perSecond} connections/s`;
  return [
    { what: `${name}: gunzip and JSON.parse`, value: median(parsing), unit: 'ms', note: rangeOf(parsing) },
    { what: `${name}: replay`, value: median(replaying), unit: 'ms', note: rangeOf(replaying) },
    // A night on which little happens is mostly ticks, at which every finding is asked for.
    {
      what: `${name}: replay / parsing`,
      value: median(ratios),
      unit: 'x',
      note: rangeOf(ratios),
      ...(perSecond === RATES[0] ? { goal: { below: LIMIT } } : {}),
    },
    {
      what: `${name}: most resident memory / least, after the first round`,
      value: Math.max(...flat) / Math.min(...flat),
      unit: 'x',
      note: `${Math.round(Math.min(...flat))} to ${Math.round(Math.max(...flat))} MB`,
    },
  ];
};

const folder = mkdtempSync(join(tmpdir(), 'replay-bench-'));
try {
  const figures: Figure[] = [];
  for (const rate of RATES) figures.push(...(await compare(rate, join(folder, `${rate}.ndjson.gz`))));
  report('replay', figures);
} finally {
  rmSync(folder, { recursive: true });
}
