// A distribution of waiting times in fixed memory: log-linear buckets, as HdrHistogram's, 1/16 relative error; no clock.

/** Counts per bucket; values in nanoseconds. Two of them add up bucket by bucket. */
export type Latency = { readonly buckets: Float64Array; count: number; maxNs: number; sumNs: number };

/** 16 linear steps for each power of two from 1 us to 2^37 ns (137 s); below that is the first bucket, beyond it the last. */
const STEP_BITS = 4;
const STEPS = 2 ** STEP_BITS;
const LOWEST_EXPONENT = 10;
const HIGHEST_EXPONENT = 37;
const BUCKETS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * STEPS + 2;

export const createLatency = (): Latency => ({
  buckets: new Float64Array(BUCKETS),
  count: 0,
  maxNs: 0,
  sumNs: 0,
});

/** Adds one wait, in nanoseconds; a negative one (clocks of two CPUs differ by less than a microsecond) counts as 0. */
export const record = (latency: Latency, waitNs: number): void => {
  const value = Math.max(0, waitNs);
  const bucket = bucketOf(value);
  latency.buckets[bucket] = (latency.buckets[bucket] ?? 0) + 1;
  latency.count++;
  latency.sumNs += value;
  latency.maxNs = Math.max(latency.maxNs, value);
};

/**
 * The value below which the fraction `q` (0 to 1) of the waits lies: nearest rank, upper edge of its bucket, never
 * above the maximum. null when nothing was recorded.
 */
export const quantile = (latency: Latency, q: number): number | null => {
  if (latency.count === 0) return null;
  const rank = Math.max(1, Math.ceil(q * latency.count));
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    seen += latency.buckets[bucket] ?? 0;
    if (seen >= rank) return Math.min(latency.maxNs, upperEdge(bucket));
  }
  return latency.maxNs;
};

/** Waits below `edgeNs`, exact when the edge is a bucket's own (a power of two is). */
export const countBelow = (latency: Latency, edgeNs: number): number => {
  let seen = 0;
  for (let bucket = 0; bucket < BUCKETS && upperEdge(bucket) <= edgeNs; bucket++) {
    seen += latency.buckets[bucket] ?? 0;
  }
  return seen;
};

const bucketOf = (value: number): number => {
  if (value < 2 ** LOWEST_EXPONENT) return 0;
  if (value >= 2 ** HIGHEST_EXPONENT) return BUCKETS - 1;
  // Its leading bits as a small integer, of which clz32 gives the exponent: a tenth of what log2 takes.
  const leading = Math.floor(value / 2 ** (LOWEST_EXPONENT - STEP_BITS));
  const exponent = 31 - Math.clz32(leading);
  const step = (leading >> (exponent - STEP_BITS)) - STEPS;
  return (exponent - STEP_BITS) * STEPS + step + 1;
};

/** Upper edge of each bucket, nanoseconds. */
const EDGES = Float64Array.from({ length: BUCKETS }, (_, bucket) => {
  if (bucket === 0) return 2 ** LOWEST_EXPONENT;
  if (bucket === BUCKETS - 1) return Number.POSITIVE_INFINITY;
  const exponent = LOWEST_EXPONENT + Math.floor((bucket - 1) / STEPS);
  const step = (bucket - 1) % STEPS;
  return 2 ** exponent * (1 + (step + 1) / STEPS);
});

const upperEdge = (bucket: number): number => EDGES[bucket] ?? Number.POSITIVE_INFINITY;
