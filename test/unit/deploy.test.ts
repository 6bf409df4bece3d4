// Holds deploy/ and the README against the metrics that exist, and against the tools that read those files.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/outputs/metrics/registry.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** In CI every tool must be there. */
const has = (name: string): boolean =>
  process.env.CI !== undefined ||
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));

const run = (folder: string, program: string, ...args: string[]): { status: number | null; said: string } => {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: join(ROOT, folder), encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
};

const RULES = textOf('deploy/prometheus/recording.rules.yml');
const ALERTS = textOf('deploy/prometheus/alerts.rules.yml');
const RECORDED = [...RULES.matchAll(/- record: (\S+)/g)].map(([, name = '']) => name);
const LABELS = new Map(FAMILIES.map(({ name, labels }) => [name, labels]));

/** The metric that a series belongs to; undefined when there is none. */
const familyOf = (series: string): string | undefined =>
  [series, series.replace(/_(?:bucket|sum|count)$/, '')].find((name) => LABELS.has(name));

/** Metrics with their matchers, as PromQL writes them: `name{a="b", c=~"d"}`. */
const seriesIn = (text: string): { name: string; matched: string[] }[] =>
  [...text.matchAll(/(?<![\w:])((?:[a-z]+:)?reuseport_[a-z0-9_:]*[a-z0-9_])(?:\{([^}]*)\})?/g)].map(
    ([, name = '', matchers = '']) => ({
      name,
      matched: [...matchers.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );

type Dashboard = {
  panels: { title: string; type: string; targets?: { expr: string }[] }[];
  templating: { list: { name: string; definition?: string; query: string | { query: string } }[] };
  annotations: { list: { expr: string }[] };
};
const DASHBOARD = JSON.parse(textOf('deploy/grafana/dashboard.json')) as Dashboard;
const QUERIES = [
  ...DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...DASHBOARD.templating.list.flatMap(({ definition = '', query }) => [
    definition,
    typeof query === 'string' ? query : query.query,
  ]),
  ...DASHBOARD.annotations.list.map(({ expr }) => expr),
];

describe.each([
  ['the dashboard', QUERIES.join('\n')],
  ['the recording rules', RULES],
  ['the alert rules', ALERTS],
  ['the cases of the alert rules', textOf('deploy/prometheus/tests.yml')],
])('%s', (_, text) => {
  it('names metrics that exist, by labels that they have', () => {
    const wrong = seriesIn(text).filter(({ name, matched }) => {
      if (RECORDED.includes(name)) return false;
      const labels = LABELS.get(familyOf(name) ?? '');
      return labels === undefined || matched.some((label) => !['job', 'instance', ...labels].includes(label));
    });
    expect(seriesIn(text).length).toBeGreaterThan(5);
    expect(wrong).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('asks something in every panel, and groups by labels that exist', () => {
    const known = new Set(['job', 'instance', 'le', ...FAMILIES.flatMap(({ labels }) => labels)]);
    for (const { title, type, targets = [] } of DASHBOARD.panels) {
      if (type !== 'row') expect({ title, queries: targets.length }).not.toEqual({ title, queries: 0 });
    }
    const grouped = QUERIES.flatMap((query) =>
      [...query.matchAll(/\b(?:by|on|group_left|without) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
        list.split(', ').filter((label) => label !== ''),
      ),
    );
    expect(grouped.filter((label) => !known.has(label))).toEqual([]);
  });
});

describe('the alert rules', () => {
  it('each has a case', () => {
    const names = [...ALERTS.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const tested = new Set(
      [...textOf('deploy/prometheus/tests.yml').matchAll(/alertname: (\w+)/g)].map(([, name]) => name),
    );
    expect(names.length).toBeGreaterThan(8);
    expect(names.filter((name) => !tested.has(name))).toEqual([]);
  });

  it.skipIf(!has('promtool'))('fire and stay silent as their cases say (promtool)', () => {
    expect(run('deploy/prometheus', 'promtool', 'test', 'rules', 'tests.yml')).toMatchObject({ status: 0 });
    expect(run('deploy/prometheus', 'promtool', 'check', 'config', 'prometheus.yml')).toMatchObject({
      status: 0,
    });
  });
});

describe('the systemd unit', () => {
  const UNIT = textOf('deploy/systemd/reuseport-trace.service');
  const capabilities = /^CapabilityBoundingSet=(.*)$/m.exec(UNIT)?.[1]?.split(' ') ?? [];

  it.skipIf(!has('systemd-analyze'))('is clean (systemd-analyze verify), and exposes little', () => {
    const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-unit-'));
    try {
      // The one thing that is not so here: the package is not installed.
      const unit = UNIT.replace(/^ExecStart=reuseport-trace/m, `ExecStart=${process.execPath}`);
      writeFileSync(join(folder, 'reuseport-trace.service'), unit);
      const at = join(folder, 'reuseport-trace.service');
      expect(run('.', 'systemd-analyze', 'verify', '--man=no', at)).toEqual({ status: 0, said: '' });
      const { said } = run('.', 'systemd-analyze', 'security', '--offline=yes', '--no-pager', at);
      const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(said)?.[1];
      expect(Number(exposure)).toBeLessThan(4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('and the pod have the same capabilities', () => {
    const pod = textOf('deploy/kubernetes/daemonset.yaml');
    const added = /add: \[(.*)\]/.exec(pod)?.[1]?.match(/[A-Z_]+/g) ?? [];
    expect(added.map((name) => `CAP_${name}`)).toEqual(capabilities);
    expect(textOf('deploy/Dockerfile').match(/(?<=--cap-add=)[A-Z_]+/g)).toEqual(added);
  });
});

describe('the image', () => {
  it('is named with the version of the package, and is made of files that exist', () => {
    const { version } = JSON.parse(textOf('package.json')) as { version: string };
    expect(textOf('deploy/kubernetes/daemonset.yaml')).toContain(`image: reuseport-trace:${version}\n`);
    const copied = [...textOf('deploy/Dockerfile').matchAll(/^COPY (?!--)(.*) \S+$/gm)].flatMap(
      ([, files = '']) => files.split(' '),
    );
    expect(copied.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(copied.every((file) => textOf('deploy/Dockerfile.dockerignore').includes(`\n!${file}\n`))).toBe(
      true,
    );
  });
});

describe('the README', () => {
  it('of deploy/ has a table of all metrics, as they are', () => {
    const rows = FAMILIES.map(({ name, type, labels, help }) => {
      const by = labels.filter((label) => label !== 'le').join(', ');
      return `| \`${name}\` | ${type} | ${by} | ${help} |`;
    });
    expect(textOf('deploy/README.md')).toContain(
      ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n'),
    );
  });
});
