// Knows how to be many modest clients of one port; refuses to know who answers.

import { connect } from 'node:net';
import { endWithParent } from './parent.js';

const TICK_MS = 50;
/** Mean, and how far the rate swings around it: a constant rate would hide what a queue does. */
const MEAN_PER_SECOND = 60;
const SWING_PER_SECOND = 30;
const SWING_PERIOD_MS = 20_000;
/** A SYN that a full queue dropped is sent again after 1 s; by then this client has given up. */
const CONNECT_TIMEOUT_MS = 1000;
const SHORTEST_STAY_MS = 20;
const LONGEST_STAY_MS = 400;
/** 90 a second that all hang for a second stay well below it. */
const MOST_OPEN = 500;
/** 127.0.0.1 to 127.0.0.12: the whole of 127.0.0.0/8 is loopback. */
const CLIENT_ADDRESSES = 12;

const [port, parentPid] = process.argv.slice(2).map(Number);

let open = 0;
let due = 0;

process.title = 'demo-clients';
endWithParent(parentPid ?? 0);
process.stdout.write('coming\n');
setInterval(() => {
  const phase = (performance.now() / SWING_PERIOD_MS) * 2 * Math.PI;
  due += ((MEAN_PER_SECOND + SWING_PER_SECOND * Math.sin(phase)) * TICK_MS) / 1000;
  for (; due >= 1; due--) visit(port ?? 0);
}, TICK_MS);

/** One connection: opened, kept a moment, closed. Refused and timed out ones are no news here. */
function visit(port: number): void {
  if (open >= MOST_OPEN) return;
  open++;
  const localAddress = `127.0.0.${1 + Math.floor(Math.random() * CLIENT_ADDRESSES)}`;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  const giveUp = setTimeout(() => socket.destroy(), CONNECT_TIMEOUT_MS);
  socket.on('error', () => {});
  socket.once('connect', () => {
    clearTimeout(giveUp);
    setTimeout(
      () => socket.destroy(),
      SHORTEST_STAY_MS + Math.random() * (LONGEST_STAY_MS - SHORTEST_STAY_MS),
    );
  });
  socket.once('close', () => {
    clearTimeout(giveUp);
    open--;
  });
}
