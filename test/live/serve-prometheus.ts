// Runs Debian's own prometheus on a few targets, with the rules and the dashboard that are shipped, and asks it questions.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/package.js';
import { waitFor } from '../workloads/workload.js';

export const DEPLOY = fileURLToPath(new URL('deploy', packageRoot()));

/** One series of an instant query. */
export type Series = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

export type Prometheus = {
  /** An instant query at `atMs` (default: now). Rejects with what Prometheus says is wrong. */
  readonly query: (expr: string, atMs?: number) => Promise<readonly Series[]>;
  readonly alerts: () => Promise<
    readonly { readonly state: string; readonly labels: Record<string, string> }[]
  >;
  readonly targets: () => Promise<
    readonly { readonly instance: string; readonly health: string; readonly lastError: string }[]
  >;
  readonly stop: () => Promise<void>;
};

/** In CI everything must be there. */
export const hasPrometheus = (): boolean =>
  process.env.CI !== undefined ||
  ['prometheus', 'promtool'].every((name) =>
    (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name))),
  );

/** Scrapes and evaluates every second: the shipped rules, whose `for` is longer than that, hold all the same. */
export const startPrometheus = async (
  targets: Readonly<Record<string, string>>,
  port: number,
): Promise<Prometheus> => {
  const folder = mkdtempSync(join(tmpdir(), 'reuseport-trace-prometheus-'));
  cpSync(join(DEPLOY, 'prometheus'), folder, { recursive: true });
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s', scrape_timeout: '1s' },
    rule_files: ['recording.rules.yml', 'alerts.rules.yml'],
    scrape_configs: [
      {
        job_name: 'reuseport-trace',
        static_configs: Object.entries(targets).map(([instance, address]) => ({
          targets: [address],
          labels: { instance },
        })),
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'test.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${folder}/test.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as {
      status: string;
      data: unknown;
      error?: string;
    };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  await waitFor(
    'prometheus to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(stderr);
      return (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok;
    },
    60_000,
  );
  return {
    query: async (expr, atMs = Date.now()) => {
      const { result } = (await api(`query?query=${encodeURIComponent(expr)}&time=${atMs / 1000}`)) as {
        result: { metric: Record<string, string>; value: [number, string] }[];
      };
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    alerts: async () =>
      ((await api('alerts')) as { alerts: { state: string; labels: Record<string, string> }[] }).alerts,
    targets: async () =>
      (
        (await api('targets')) as {
          activeTargets: { labels: { instance: string }; health: string; lastError: string }[];
        }
      ).activeTargets.map(({ labels, health, lastError }) => ({
        instance: labels.instance,
        health,
        lastError,
      })),
    stop: async () => {
      child.kill('SIGTERM');
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Every query of the dashboard, with its panel, as Grafana would send it where both of its ranges are `rangeSeconds`. */
export const dashboardQueries = (
  rangeSeconds: number,
): readonly { readonly panel: string; readonly expr: string }[] => {
  const dashboard = JSON.parse(readFileSync(join(DEPLOY, 'grafana/dashboard.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
    annotations: { list: { name: string; expr: string }[] };
  };
  const fill = (expr: string): string =>
    expr
      .replaceAll(/\$__(?:rate_interval|range)\b/g, `${rangeSeconds}s`)
      .replace(/\$(?:job|instance|port)\b/g, '.*');
  return [
    ...dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ panel: title, expr: fill(expr) })),
    ),
    ...dashboard.annotations.list.map(({ name, expr }) => ({ panel: name, expr: fill(expr) })),
  ];
};
