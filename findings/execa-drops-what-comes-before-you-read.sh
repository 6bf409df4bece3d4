#!/usr/bin/env bash
# execa throws away output that arrives before the first reader is attached.
#
# Guess     A child's stdout is a paused Node stream: what the child writes waits in the pipe until
#           somebody listens. With node:child_process it does.
# Version   execa 9.6.1 (npm), Node 20.20.
# Happens   With "buffer: false" execa resumes a stream that has no reader one turn after the spawn,
#           and the data go nowhere. A listener attached later finds the first lines gone, and so
#           does "for await". Nothing is reported, and the exit is clean. Attached in the same turn
#           (microtasks included), a listener misses nothing.
# Seen      2026-11-29, a child that writes "first", and "second" half a second later; each reader
#           attached 200 ms after the spawn unless said otherwise
#             spawn:                 first second
#             execa, same turn:      first second
#             execa, on('data'):     second
#             execa, for await:      second
# Who       A supervisor that starts a tracer or a log follower, opens its output file with an
#           await, then listens: the header and the first events are missing.
# Source    docs/output.md, "Low memory", says to stream right away; sindresorhus/execa#730.
# Needs     Debian 12 with Node 20 or newer, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
echo '{"private": true, "type": "module"}' > package.json
npm install --silent --no-audit --no-fund execa@9.6.1
cat > look.js << 'EOF'
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';

const argv = ['sh', ['-c', 'echo first; sleep 0.5; echo second']];
const unbuffered = () => execa(...argv, { buffer: false });
const listen = async (child) => {
  let text = '';
  child.stdout.on('data', (chunk) => { text += chunk; });
  await new Promise((resolve) => child.stdout.on('close', resolve));
  return text.trim().split('\n').join(' ');
};
const iterate = async (child) => {
  const lines = [];
  for await (const line of child) lines.push(line);
  return lines.join(' ');
};

const seen = {};
const say = (name, text) => { seen[name] = text; console.log(`${`${name}:`.padEnd(22)} ${text}`); };

let child = spawn(...argv);
await sleep(200);
say('spawn', await listen(child));
child = unbuffered();
await Promise.resolve();
say('execa, same turn', await listen(child));
child = unbuffered();
await sleep(200);
say("execa, on('data')", await listen(child));
child = unbuffered();
await sleep(200);
say('execa, for await', await iterate(child));

const control = seen.spawn === 'first second' && seen['execa, same turn'] === 'first second';
const same = ["execa, on('data')", 'execa, for await'].every((name) => seen[name] === 'second');
console.log('control (spawn, and execa in the same turn, keep both lines):', control ? 'ok' : 'FAILED');
console.log(control && same ? 'as stated' : 'CHANGED');
process.exitCode = control && same ? 0 : 1;
EOF
node look.js
