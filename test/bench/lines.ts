// Lines a second from bpftrace's pipe to State, on one core, beside cutting the same bytes into lines and no more.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTracer } from '../../src/bpftrace/tracer.js';
import { apply } from '../../src/core/apply.js';
import { createState } from '../../src/core/state/state.js';
import { type Figure, isTry, median, report, spread } from './figure.js';
import { createWire, type Rung } from './wire.js';

const CONNECTIONS = isTry ? 20_000 : 300_000;
const ROUNDS = isTry ? 3 : 5;
const PER_SECOND = 100_000;
const GOAL = 2_000_000;
const ALL = { ports: [], family: null, netns: null, pid: null };
const NEWLINE = 10;

/** A program named bpftrace that prints the lines. */
const printer = (folder: string, rung: Rung): { readonly lines: number; readonly bytes: number } => {
  const wire = createWire({ rung, members: 4, perSecond: PER_SECOND, startNs: 1_000_000_000_000 });
  let text = `tick 1000000000000\n${wire.begin()}`;
  const parts: string[] = [];
  for (let made = 0; made < CONNECTIONS; made += PER_SECOND / 10) {
    text += wire.connections(PER_SECOND / 10);
    if (made % PER_SECOND === 0) text += wire.counters(wire.nowNs());
    parts.push(text);
    text = '';
  }
  const all = Buffer.from(parts.join(''));
  writeFileSync(join(folder, 'lines'), all);
  writeFileSync(join(folder, 'bpftrace'), `#!/bin/sh\nexec cat ${join(folder, 'lines')}\n`, { mode: 0o755 });
  let lines = 0;
  for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, at + 1)) lines++;
  return { lines, bytes: all.length };
};

/** Seconds of CPU that this process took meanwhile: what others do on the machine is not in it. */
const cpuSeconds = async (run: () => Promise<void>): Promise<number> => {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

const toState = async (connections: number): Promise<void> => {
  const state = createState(ALL);
  const tracer = startTracer({ program: '', params: [], pages: 64, nowNs: () => 0 });
  for await (const events of tracer.events) for (const event of events) apply(state, event);
  let shown = 0;
  for (const { counters } of state.members.values()) shown += counters.shown;
  if (shown !== connections || state.malformed > 0)
    throw new Error(`${shown} of ${connections} connections came, ${state.malformed} lines were malformed`);
};

const splitOnly = async (folder: string, lines: number): Promise<void> => {
  const child = spawn('cat', [join(folder, 'lines')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let seen = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) seen++;
  }
  if (seen !== lines) throw new Error(`${seen} of ${lines} lines came`);
};

const measure = async (folder: string, rung: Rung): Promise<Figure[]> => {
  const { lines, bytes } = printer(folder, rung);
  const [rates, splits, ratios]: [number[], number[], number[]] = [[], [], []];
  await toState(CONNECTIONS);
  await splitOnly(folder, lines);
  for (let round = 0; round < ROUNDS; round++) {
    const rate = lines / (await cpuSeconds(() => toState(CONNECTIONS)));
    const split = lines / (await cpuSeconds(() => splitOnly(folder, lines)));
    rates.push(rate);
    splits.push(split);
    ratios.push(rate / split);
  }
  const name = `${rung} rung`;
  // By --cpu-prof collecting garbage is the largest part, then reading text and numbers.
  const note = `${spread(rates)}; ${lines} lines of ${Math.round(bytes / lines)} bytes, each an Event and an entry of the log; a second has fewer than 1,000 of them by default`;
  return [
    {
      what: `${name}: lines from pipe to State`,
      value: median(rates),
      unit: '/CPU-s',
      goal: { above: GOAL },
      note,
    },
    {
      what: `${name}: lines from pipe, split only`,
      value: median(splits),
      unit: '/CPU-s',
      note: spread(splits),
    },
    { what: `${name}: to State / split only`, value: median(ratios), unit: 'x', note: spread(ratios) },
  ];
};

const folder = mkdtempSync(join(tmpdir(), 'lines-bench-'));
process.env.PATH = `${folder}:${process.env.PATH}`;
try {
  report('lines', [...(await measure(folder, 'tracepoint')), ...(await measure(folder, 'fentry'))]);
} finally {
  rmSync(folder, { recursive: true });
}
