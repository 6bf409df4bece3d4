// What the recordings of the case `hash` predict, beside what the servers in the guest got.
//
// USAGE: node dist/test/lab/predicted.js GUEST...     after npm run lab -- GUEST records
import { predictGroups } from '../workloads/groups.js';
import { cacheDirectory } from './image.js';

for (const guest of process.argv.slice(2))
  for (const { what, right, of } of await predictGroups(`${cacheDirectory}/out/${guest}`)) {
    console.info(`${right === of ? 'ok' : 'not ok'} ${guest}: ${what}: ${right} of ${of}`);
    if (right !== of) process.exitCode = 1;
  }
