// Reads the text that Prometheus reads, strictly, so that tests can ask for samples; it knows no metric.

/** One line of the exposition. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** The text format 0.0.4, as far as it is used; throws on a line that is none of it. */
export const parseExposition = (text: string): readonly Sample[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] =
        /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$/.exec(line) ?? [];
      if (name === '') throw new Error(`not a sample: ${line}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', raw = '']) => [
        key,
        raw.replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign)),
      ]);
      return { name, labels: Object.fromEntries(pairs), value: value === '+Inf' ? Infinity : Number(value) };
    });

/** Samples of a metric whose labels include these. */
export const samplesOf = (
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly Sample[] =>
  samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );

/** Their sum; null when there is none. */
export const sumOf = (...which: Parameters<typeof samplesOf>): number | null => {
  const found = samplesOf(...which);
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
};

/** Values of a metric of members, by inode. */
export const byInoOf = (samples: readonly Sample[], name: string): Record<string, number> =>
  Object.fromEntries(samplesOf(samples, name).map(({ labels, value }) => [labels.ino, value]));
