// A search of all seeds in threads of its own, beside whatever else the process does.
import { Worker } from 'node:worker_threads';
import { isBundle, packageFile, packageRoot } from '../package.js';
import type { Formula } from './jhash.js';
import { type Clue, type Found, SEEDS } from './search.js';
import type { Report } from './worker.js';

export type Hunt = {
  /** Part of the seeds that is done, 0 to 1. */
  readonly part: () => number;
  /** What explains every clue: of more than one they are not all. Rejects when a thread fails. */
  readonly found: Promise<readonly Found[]>;
  /** The process does not end before the search does; else it ends when nothing but the search is left. */
  readonly hold: () => void;
  readonly stop: () => void;
};

export type StartHunt = (clues: readonly Clue[], formulas: readonly Formula[]) => Hunt;

/** The thread's script in the package, or in the bundle of the single file. */
const WORKER = 'dist/src/hash/worker.js';

/** Each thread takes an equal part. */
export const startHunt =
  (threads: number): StartHunt =>
  (clues, formulas) => {
    const done = new Array<number>(threads).fill(0);
    const edge = (index: number): number => 4 * Math.round((index * SEEDS) / threads / 4);
    const workers = done.map(
      (_, index) =>
        new Worker(isBundle() ? packageFile(WORKER) : new URL(WORKER, packageRoot()), {
          eval: isBundle(),
          workerData: { clues, formulas, from: edge(index), to: edge(index + 1) },
        }),
    );
    const stop = (): void => {
      for (const worker of workers) void worker.terminate();
    };
    const searches = workers.map(
      (worker, index) =>
        new Promise<readonly Found[]>((resolve, reject) => {
          worker.on('message', (report: Report) => {
            if ('found' in report) resolve(report.found);
            else done[index] = report.done;
          });
          worker.unref();
          worker.once('error', reject);
          worker.once('exit', () => reject(new Error('the search ended early')));
        }),
    );
    const found = Promise.all(searches)
      .then((parts) => parts.flat())
      .finally(stop);
    const hold = (): void => {
      for (const worker of workers) worker.ref();
    };
    return { hold, part: () => done.reduce((sum, each) => sum + each, 0) / SEEDS, found, stop };
  };
