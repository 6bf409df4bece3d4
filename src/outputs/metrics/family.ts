// What a metric is: its name, its meaning, and how its samples follow from one look at a run; it formats nothing.
import type { Labels, Look } from './scrape.js';

export type Sample = {
  /** The labels that it has in common with other samples of the same group or member: one object for all of them. */
  readonly at?: Labels;
  /** Its own labels beside those. */
  readonly labels?: Labels;
  /** What follows the name, in a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
  /** null = not known: no series, never 0. */
  readonly value: number | null;
};

export type Family = {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Names of the labels that a sample may have; an empty value is a label that is not there. */
  readonly labels: readonly string[];
  /** One sentence: what it counts, and where it is exact or not known. */
  readonly help: string;
  readonly samples: (look: Look) => readonly Sample[];
};
