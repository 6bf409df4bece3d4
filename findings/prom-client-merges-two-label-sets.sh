#!/usr/bin/env bash
# prom-client adds up two counters whose label values hold a comma and a colon.
#
# Guess     Each set of label values is a series of its own, whatever text the values hold.
# Version   prom-client 15.1.3 (npm), Node 20.20.
# Happens   The library files a series under the text "a:VALUE,b:VALUE" without escaping. Two sets
#           that give the same text are one series: the second one's counts go to the first one's
#           labels, and its own row never appears. Printing does escape, so the page looks sound.
# Seen      2026-11-29: inc() by 10 for {server="web,shard:7", shard="1"}, then by 1 for
#           {server="web", shard="7,shard:1"}
#             x_total{server="web,shard:7",shard="1"} 11
#           and with a semicolon for the comma, two rows: 10 and 1.
# Who       Anyone who puts names from elsewhere into labels (process names, paths, peers such as
#           "[::1]:80,[::1]:81"): a wrong sum, not an error.
# Source    hashObject() in lib/util.js; prometheus/client_js#682 reports the colon in label names.
# Needs     Debian 12 with Node 20 or newer, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
echo '{"private": true}' > package.json
npm install --silent --no-audit --no-fund prom-client@15.1.3
cat > look.js << 'EOF'
const { Counter, Registry } = require('prom-client');

async function rows(first, second) {
  const registry = new Registry();
  const counter = new Counter({ name: 'x_total', help: 'x', labelNames: ['server', 'shard'], registers: [registry] });
  counter.inc(first, 10);
  counter.inc(second, 1);
  const samples = (await registry.metrics()).split('\n').filter((line) => line.startsWith('x_total'));
  console.log(samples.join('\n'));
  return samples.map((line) => Number(line.split(' ').pop()));
}

(async () => {
  const apart = await rows({ server: 'web;shard:7', shard: '1' }, { server: 'web', shard: '7;shard:1' });
  const merged = await rows({ server: 'web,shard:7', shard: '1' }, { server: 'web', shard: '7,shard:1' });
  const control = apart.join() === '10,1';
  const same = merged.join() === '11';
  console.log('control (other values stay two rows):', control ? 'ok' : 'FAILED');
  console.log(control && same ? 'as stated' : 'CHANGED');
  process.exitCode = control && same ? 0 : 1;
})();
EOF
node look.js
