// The benchmark of what tracing costs in the kernel, on the function rungs and beside the peers that this guest has.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Case } from '../case.js';

const KERNEL = fileURLToPath(new URL('../../bench/kernel.js', import.meta.url));

export const cases: readonly Case[] = [
  {
    name: 'bench: what tracing costs in the kernel, beside peers',
    isLong: true,
    deadlineMs: 3_600_000,
    run: () =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [KERNEL, '--rounds', '1'], { stdio: 'inherit' });
        child.once('error', reject);
        child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`))));
      }),
  },
];
