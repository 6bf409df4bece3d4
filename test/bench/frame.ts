// What a frame of 120x40 costs with 256 members: the whole way from State to the terminal's bytes, and of that the rows alone.
import { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { apply } from '../../src/core/apply.js';
import { createState, type State } from '../../src/core/state/state.js';
import { createLineReader } from '../../src/core/wire/lines.js';
import { render } from '../../src/tui/frame.js';
import { createModel, goTo, type Model, type ViewName } from '../../src/tui/model.js';
import { prepared } from '../../src/tui/moves.js';
import { toSgr } from '../../src/tui/paint.js';
import { openScreen } from '../../src/tui/screen.js';
import { type Figure, isTry, median, report, spread } from './figure.js';
import { createWire } from './wire.js';

const MEMBERS = 256;
const SIZE = { columns: 120, rows: 40 };
const FRAMES = isTry ? 20 : 200;
const GOAL_MS = 3;
const VIEWS: readonly ViewName[] = ['groups', 'group', 'picks', 'binds', 'explain', 'findings'];

/** A minute of a group under load, in which one more second can pass. */
const busyState = (): { readonly state: State; readonly second: () => void } => {
  const perSecond = 10_000;
  const wire = createWire({ rung: 'fentry', members: MEMBERS, perSecond, startNs: 1_000_000_000_000 });
  const state = createState({ ports: [8888], family: null, netns: null, pid: null });
  const reader = createLineReader();
  const read = (text: string): void => {
    for (const event of reader.read(Buffer.from(text))) apply(state, event);
  };
  const tsNs = 999_000_000_000;
  apply(state, {
    ...{ kind: 'meta', tsNs, wallMs: 0, version: '', host: 'bench', kernel: '', bpftrace: null },
    ...{ rung: 'fentry', rejected: [], ports: [8888], hostNetns: 4_026_531_840, budgetPerSecond: 1000 },
  });
  apply(state, { kind: 'attached', tsNs });
  read(wire.begin());
  const second = (): void => {
    read(wire.connections(1000));
    wire.count(perSecond - 1000);
    read(wire.counters(wire.nowNs()));
  };
  for (let i = 0; i < 60; i++) second();
  return { state, second };
};

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** CPU of one frame's rows, each after a new second. */
const rowsOf = (name: ViewName): number[] => {
  const { state, second } = busyState();
  const [group = null] = state.groups.keys();
  const start: Model = { ...goTo(createModel([8888]), name), group: name === 'groups' ? null : group };
  const times: number[] = [];
  for (let i = 0; i < FRAMES; i++) {
    second();
    const before = cpuMs();
    const model = prepared(start, state, SIZE);
    const rows = render({ state, model, ...SIZE, nowNs: state.nowNs, isReplay: false, elsewhere: () => [] });
    const text = rows.map((row) => toSgr(row, { useColor: true, isAscii: false })).join('\n');
    times.push(cpuMs() - before);
    if (!text.includes('8888')) throw new Error(`${name}: no frame`);
  }
  return times;
};

/** A terminal that takes everything at once. */
const sink = (): WriteStream & { frames: number; bytes: number } => {
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      counts.frames++;
      counts.bytes += chunk.length;
      done();
    },
  });
  const counts = Object.assign(stream, { ...SIZE, isTTY: true, frames: 0, bytes: 0 });
  return counts as unknown as WriteStream & { frames: number; bytes: number };
};

/** CPU of whole frames as the screen draws them, through blessed: one for each key, each after a new second. */
const wholeFrames = async (): Promise<{ readonly ms: number[]; readonly bytes: number }> => {
  const { state, second } = busyState();
  const output = sink();
  const screen = await openScreen({
    ...{ state: () => state, elsewhere: () => [], input: null, output },
    ...{ useColor: true, ascii: false, isReplay: false, nowNs: () => state.nowNs },
    actions: { reset: () => {}, restart: () => {}, writeSnapshot: async () => '' },
  });
  const times: number[] = [];
  const frames = Math.min(FRAMES, 120);
  const before = output.bytes;
  for (let i = 0; i < frames; i++) {
    second();
    const drawn = output.frames;
    const cpu = cpuMs();
    output.emit('resize');
    while (output.frames === drawn) await new Promise((resolve) => setTimeout(resolve, 5));
    times.push(cpuMs() - cpu);
  }
  screen.close();
  // The compiler works on the first ones.
  return { ms: times.slice(frames / 4), bytes: (output.bytes - before) / frames };
};

const figures: Figure[] = [];
const whole = await wholeFrames();
figures.push({
  what: `frame of ${SIZE.columns}x${SIZE.rows}, ${MEMBERS} members, to the terminal`,
  value: median(whole.ms),
  unit: 'ms',
  goal: { below: GOAL_MS },
  note: `${spread(whole.ms)}; ${Math.round(whole.bytes)} bytes`,
});
for (const name of VIEWS) {
  const times = rowsOf(name);
  figures.push({ what: `  rows of the view ${name}`, value: median(times), unit: 'ms', note: spread(times) });
}
report('frame', figures);
