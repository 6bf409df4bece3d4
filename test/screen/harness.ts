// A program with nothing but the screen in it: made-up events that go on, a crash on request, and a count of what it did.
import { writeFileSync } from 'node:fs';
import { apply } from '../../src/core/apply.js';
import { createState } from '../../src/core/state/state.js';
import { openScreen } from '../../src/tui/screen.js';
import { ALL, at, busyGroup, count, pick } from '../unit/tui/scenes.js';

/** Milliseconds between two rounds of events, each of which changes the whole screen. */
const ROUND_MS = 10;

const [, , progressPath] = process.argv;
const state = createState(ALL);
for (const event of busyGroup(20)) apply(state, event);
let rounds = 0;

const screen = await openScreen({
  state: () => state,
  elsewhere: () => [],
  input: process.stdin,
  output: process.stdout,
  useColor: true,
  ascii: false,
  isReplay: false,
  nowNs: () => state.nowNs,
  actions: { reset: () => undefined, restart: () => undefined, writeSnapshot: async () => 'nowhere' },
});

const timer = setInterval(() => {
  rounds++;
  const seconds = 14 + rounds / 100;
  for (let i = 0; i < 20; i++) {
    apply(state, count(8_888_000 + i, 'picks', 7000 + rounds * (i + 1), seconds));
    apply(state, pick(8_888_000 + i, seconds, { n: 20, rport: 1024 + ((rounds * 20 + i) % 60_000) }));
    screen.redraw();
  }
  if (rounds % 100 === 0) apply(state, { kind: 'tick', tsNs: at(seconds) });
  if (progressPath !== undefined) writeFileSync(progressPath, String(rounds));
}, ROUND_MS);

const leave = (exitCode: number): void => {
  clearInterval(timer);
  screen.close();
  process.exitCode = exitCode;
};
process.on('SIGTERM', () => leave(143));
process.on('SIGUSR2', () => {
  throw new Error('a crash on purpose');
});
process.on('uncaughtException', (error) => {
  screen.close();
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

const why = await screen.closed;
if (why !== 'closed') leave(why === 'sigint' ? 130 : 0);
