// A thread that searches its part of the seeds at the lowest priority, tells how far it is, and ends.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { createSieve, type Found, type Search, search } from './search.js';

/** What it posts: how many seeds are done, then what it found. */
export type Report = { readonly done: number } | { readonly found: readonly Found[] };

/** On Linux a priority is a thread's own (setpriority(2), C library/kernel differences). Without /proc it keeps its priority. */
const stepBack = (): void => {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), 19);
  } catch {
    return;
  }
};

stepBack();
const steps = search(createSieve(), workerData as Search);
let step = steps.next();
while (step.done !== true) {
  parentPort?.postMessage({ done: step.value } satisfies Report);
  step = steps.next();
}
parentPort?.postMessage({ found: step.value } satisfies Report);
