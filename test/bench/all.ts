// `npm run bench`: every benchmark that this machine can run within the hour, one after the other, then test/bench/README.md from
// what they wrote. Half an hour's soak and the comparison of findings are asked for by name (soak.js, findings.js).
//
// USAGE: node dist/test/bench/all.js [--try] [NAME...]     as root, on a machine with nothing else to do
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatFigure, holds, isTry, RESULTS, type Results } from './figure.js';

const BENCHES = [
  'first-frame',
  'lines',
  'frame',
  'kernel',
  'details',
  'udp',
  'growth',
  'memory',
  'losses',
  'replay',
  'power',
  'hash',
] as const;

const run = (name: string): Promise<number> =>
  new Promise((resolve, reject) => {
    console.info(`\n${name}`);
    const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [path, ...(isTry ? ['--try'] : [])], { stdio: 'inherit' });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });

const asked = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const failed: string[] = [];
for (const name of BENCHES.filter((each) => asked.length === 0 || asked.includes(each)))
  if ((await run(name)) !== 0) failed.push(name);

if (!isTry) {
  console.info('\ngoals that were missed:');
  for (const file of readdirSync(RESULTS).filter((name) => name.endsWith('.json'))) {
    const { bench, figures } = JSON.parse(readFileSync(`${RESULTS}${file}`, 'utf8')) as Results;
    for (const figure of figures)
      if (figure.goal !== undefined && !holds(figure.value, figure.goal))
        console.info(`  ${bench}: ${formatFigure(figure)}`);
  }
  await import('./readme.js');
}
if (failed.length > 0) {
  console.error(`bench: did not end well: ${failed.join(', ')}`);
  process.exitCode = 1;
}
