#!/usr/bin/env bash
# One inc(NaN) turns a prom-client counter into NaN for good, and inc(null) counts one.
#
# Guess     inc() refuses what is not a finite number, as its error "Value is not a valid number"
#           says, and a histogram's observe() refuses it too.
# Version   prom-client 15.1.3 (npm), Node 20.20.
# Happens   inc(Infinity), inc('2') and inc(-1) throw. inc(NaN) is added: the counter is NaN from then
#           on, whatever is added later, until the process ends. inc(null) adds one. observe()
#           throws on NaN.
# Seen      2026-11-29
#             inc(Infinity) throws, inc('2') throws, inc(-1) throws, observe(NaN) throws
#             5, then inc(NaN): Nan, then inc(7): Nan
#             5, then inc(null): 6
# Who       An exporter that computes an increment, such as a difference to a value it had not read
#           yet: one bad scrape, and rate() is NaN until a restart. It looks like a gap in a graph.
# Source    lib/counter.js guards with "value && !Number.isFinite(value)" and "value < 0"; both let
#           NaN through.
# Needs     Debian 12 with Node 20 or newer, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
echo '{"private": true}' > package.json
npm install --silent --no-audit --no-fund prom-client@15.1.3
cat > look.js << 'EOF'
const { Counter, Histogram, Registry } = require('prom-client');

function counter() {
  const registry = new Registry();
  const metric = new Counter({ name: 'x_total', help: 'x', registers: [registry] });
  const shown = async () => (await registry.metrics()).match(/^x_total (.*)$/m)[1];
  return { metric, shown };
}
const throws = (act) => {
  try { act(); return false; } catch { return true; }
};

(async () => {
  const { metric } = counter();
  const histogram = new Histogram({ name: 'h', help: 'h', registers: [new Registry()] });
  const refused = {
    'inc(Infinity)': throws(() => metric.inc(Infinity)),
    "inc('2')": throws(() => metric.inc('2')),
    'inc(-1)': throws(() => metric.inc(-1)),
    'observe(NaN)': throws(() => histogram.observe(NaN)),
  };
  console.log(Object.entries(refused).map(([call, yes]) => `${call} ${yes ? 'throws' : 'is taken'}`).join(', '));

  const nan = counter();
  nan.metric.inc(5);
  const seen = [throws(() => nan.metric.inc(NaN)) ? 'throws' : await nan.shown()];
  nan.metric.inc(7);
  seen.push(await nan.shown());
  console.log(`5, then inc(NaN): ${seen[0]}, then inc(7): ${seen[1]}`);

  const one = counter();
  one.metric.inc(5);
  const none = throws(() => one.metric.inc(null)) ? 'throws' : await one.shown();
  console.log(`5, then inc(null): ${none}`);

  const control = Object.values(refused).every(Boolean);
  const same = seen.join() === 'Nan,Nan' && none === '6';
  console.log('control (the other values are refused):', control ? 'ok' : 'FAILED');
  console.log(control && same ? 'as stated' : 'CHANGED');
  process.exitCode = control && same ? 0 : 1;
})();
EOF
node look.js
