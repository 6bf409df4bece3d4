// The metrics of what is wrong: findings that stand, findings that were raised, and refused binds.
import { RULES } from '../../core/findings/rules/all.js';
import { SEVERITIES } from '../../core/state/finding.js';
import type { Family, Sample } from './family.js';
import type { Labels } from './scrape.js';
import { type Kind, kindOf, refusedOf } from './tally.js';

/** Each rule with each severity, known to be 0 where there is none: an increase from nothing is not seen by PromQL. */
const everyKind = (count: (kind: Kind) => number): Sample[] =>
  RULES.flatMap(({ id: rule }) =>
    SEVERITIES.map((severity) => ({ labels: { rule, severity }, value: count({ rule, severity }) })),
  );

export const FINDING_FAMILIES: readonly Family[] = [
  {
    name: 'reuseport_findings',
    type: 'gauge',
    labels: ['rule', 'severity'],
    help: 'Findings that stand now.',
    samples: ({ state }) => {
      const standing = [...state.findings.active.values()];
      return everyKind(
        ({ rule, severity }) =>
          standing.filter((finding) => finding.rule === rule && finding.severity === severity).length,
      );
    },
  },
  {
    name: 'reuseport_finding_active',
    type: 'gauge',
    labels: ['rule', 'severity', 'netns', 'proto', 'address', 'port', 'ino'],
    help: 'Findings that stand, by what they are about: a member has an ino, a group an address, the run neither.',
    samples: (look) => {
      const counts = new Map<string, { labels: Labels; value: number }>();
      for (const { rule, severity, group, ino } of look.state.findings.active.values()) {
        const labels = { rule, severity, ...(group === null ? {} : look.labelsOf(group)), ino: ino ?? '' };
        // Not every group that a finding names has labels: those without are one series.
        const key = Object.values(labels).join('\n');
        counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
      }
      return [...counts.values()];
    },
  },
  {
    name: 'reuseport_findings_raised_total',
    type: 'counter',
    labels: ['rule', 'severity'],
    help: 'Findings raised since the start, by the severity they were raised with: those too that came and went between two scrapes.',
    samples: ({ tally }) => everyKind((kind) => tally.raised.get(kindOf(kind)) ?? 0),
  },
  {
    name: 'reuseport_bind_refused_total',
    type: 'counter',
    labels: ['call', 'errno', 'port'],
    help: 'bind() and listen() calls that the kernel refused. The port is named where somebody listens on it or --port asked for it.',
    samples: ({ state, tally, groups }) => {
      const ports = new Set(['', ...state.scope.ports, ...groups.map(({ group }) => group.lport)]);
      const none = [...ports].map((port) => ({ ...COMMON, port: String(port), count: 0 }));
      const refused = new Map([...none, ...tally.refused.values()].map((each) => [refusedOf(each), each]));
      return [...refused.values()].map(({ count, ...labels }) => ({ labels, value: count }));
    },
  },
];

/** Known to be 0 on every port that is named until it happens there: an increase from nothing is not seen by PromQL. */
const COMMON = { call: 'bind', errno: 'EADDRINUSE' } as const;
