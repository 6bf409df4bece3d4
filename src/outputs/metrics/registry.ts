// The metrics of a run as Prometheus reads them: families handed to prom-client, which writes and escapes the text.
import { type Metric, Registry } from 'prom-client';
import type { Event } from '../../core/event.js';
import type { State } from '../../core/state/state.js';
import type { Family, Sample } from './family.js';
import { FINDING_FAMILIES } from './findings.js';
import { GROUP_FAMILIES } from './groups.js';
import { MEMBER_FAMILIES } from './members.js';
import { type Look, lookAt, type Tool } from './scrape.js';
import { createTally, note } from './tally.js';
import { TRACER_FAMILIES } from './tracer.js';

/** Every metric there is. */
export const FAMILIES: readonly Family[] = [
  ...GROUP_FAMILIES,
  ...MEMBER_FAMILIES,
  ...FINDING_FAMILIES,
  ...TRACER_FAMILIES,
];

export type Metrics = {
  readonly contentType: string;
  /** Counts what State does not keep. */
  readonly take: (state: State, event: Event) => void;
  /** The text of one scrape. */
  readonly scrape: (state: State, tool: Tool) => Promise<string>;
};

export const createMetrics = (): Metrics => {
  const tally = createTally();
  const registry = new Registry();
  let look: Look | null = null;
  for (const family of FAMILIES) registry.registerMetric(metricOf(family, () => look));
  return {
    contentType: registry.contentType,
    take: (state, event) => note(tally, state, event),
    scrape: (state, tool) => {
      look = lookAt(state, tally, tool);
      return registry.metrics();
    },
  };
};

/**
 * What a registry asks of a metric: its name, and get() (lib/registry.js of prom-client 15.1.3). Its own classes count
 * events; ours are counted in the kernel, and a series that State does not have any more must not be remembered here.
 */
const metricOf = ({ name, type, help, samples }: Family, look: () => Look | null): Metric => {
  const metric = {
    name,
    get: async () => {
      const seen = look();
      return { name, type, help, values: seen === null ? [] : samples(seen).flatMap(lineOf(name)) };
    },
  };
  return metric as unknown as Metric;
};

/** sharedLabels are written once for all metrics of a member (a WeakMap of prom-client knows the object). */
const lineOf =
  (name: string) =>
  ({ at, labels, suffix, value }: Sample) =>
    value === null
      ? []
      : [
          {
            value,
            labels: Object.fromEntries(Object.entries(labels ?? {}).filter(([, text]) => text !== '')),
            sharedLabels: at ?? {},
            metricName: `${name}${suffix ?? ''}`,
          },
        ];
