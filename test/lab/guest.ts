// Runs the lab cases inside a guest and prints the verdicts. Knows nothing of QEMU: on
// any root-owned machine with bpftrace it does the same.
//
// USAGE: node dist/test/lab/guest.js [WORD...]
// Runs the cases whose file or name contains one of the words; without any, all of them but the long ones.

import { readdir, writeFile } from 'node:fs/promises';
import type { Case } from './case.js';

/** A case that takes longer hangs. Seen: 160 s for all workloads of a rung, twice that on a busy host. */
const CASE_DEADLINE_MS = 900_000;

type Named = Case & { readonly file: string };

async function loadCases(): Promise<readonly Named[]> {
  const directory = new URL('./cases/', import.meta.url);
  // No directory: nobody has written a case yet.
  const files = await readdir(directory).catch(() => []);
  const found: Named[] = [];
  for (const file of files.filter((name) => name.endsWith('.js')).sort()) {
    const loaded = (await import(new URL(file, directory).href)) as { readonly cases?: readonly Case[] };
    if (loaded.cases === undefined) throw new Error(`test/lab/cases/${file} exports no "cases"`);
    found.push(...loaded.cases.map((one) => ({ ...one, file: file.slice(0, -'.js'.length) })));
  }
  return found;
}

async function runWithDeadline(one: Case): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadlineMs = one.deadlineMs ?? CASE_DEADLINE_MS;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${deadlineMs / 1000} s`)), deadlineMs);
  });
  try {
    await Promise.race([one.run(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replaceAll(/^/gm, '    ');
}

const words = process.argv.slice(2);
const known = await loadCases();
const chosen = known.filter(
  (one) =>
    (words.length === 0 && one.isLong !== true) ||
    words.some((word) => one.file.includes(word) || one.name.includes(word)),
);
const failed: string[] = [];
for (const one of chosen) {
  const start = performance.now();
  try {
    await runWithDeadline(one);
    console.log(`ok ${one.name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed.push(one.name);
    console.log(`not ok ${one.name}\n${describe(error)}`);
  }
}
console.log(`${chosen.length - failed.length} passed, ${failed.length} failed`);
if (chosen.length === 0) console.log(`not ok no case has ${words.join(' or ')} in its file or name`);
// For `npm run lab -- --retry`.
if (failed.length > 0 && process.env.LAB_GUEST !== undefined)
  await writeFile('/out/failed', `${failed.join('\n')}\n`);
// Not exitCode: a case that hangs, or left a handle open, must not keep the guest up.
process.exit(failed.length === 0 && chosen.length > 0 ? 0 : 1);
