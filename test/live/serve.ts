// Runs `reuseport-trace serve` as a service manager would and scrapes it as Prometheus does; it judges nothing.
import { type ChildProcess, spawn } from 'node:child_process';
import { request } from 'node:http';
import { parseExposition, type Sample } from '../unit/outputs/metrics/exposition.js';
import { waitFor } from '../workloads/workload.js';
import { CLI } from './tool.js';

/** Attaching takes 2 s on a quiet machine, and up to 108 s was seen in an emulated guest on a busy host. */
const ATTACH_MS = 300_000;
const END_MS = 90_000;

export type Service = {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  /** Everything /metrics says. */
  readonly scrape: () => Promise<readonly Sample[]>;
  readonly text: () => Promise<string>;
  readonly get: (path: string, method?: string) => Promise<Answer>;
  /** SIGTERM, and how it ended. */
  readonly stop: () => Promise<number | null>;
};

export type Answer = {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
};

const running = new Set<Service>();

/** Ends every service: for afterEach. */
export const stopServices = async (): Promise<void> => {
  await Promise.all([...running].map((service) => service.stop()));
};

/** Starts it and waits until all of its probes are attached; `netns` is where it runs, host an address that can be reached from here. */
export const startService = async (
  args: readonly string[],
  { host = '127.0.0.1', port, netns }: { host?: string; port: number; netns?: string },
): Promise<Service> => {
  const words = [CLI, 'serve', '--listen', `${host}:${port}`, ...args];
  const [program, rest] =
    netns === undefined
      ? [process.execPath, words]
      : ['ip', ['netns', 'exec', netns, process.execPath, ...words]];
  const child = spawn(program, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  let hasEnded = false;
  const closed = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true;
      resolve(code);
    });
  });
  const get: Service['get'] = (path, method = 'GET') => ask(host, port, path, method);
  const service: Service = {
    child,
    stderr: () => stderr,
    get,
    text: async () => (await get('/metrics')).body,
    scrape: async () => parseExposition((await get('/metrics')).body),
    stop: async () => {
      running.delete(service);
      if (!hasEnded) child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
      const code = await closed;
      clearTimeout(late);
      return code;
    },
  };
  running.add(service);
  await waitFor(
    'the probes to be attached',
    async () => {
      if (hasEnded) return true;
      const { status, body } = await get('/healthz');
      if (status !== 200 || body !== 'ok\n') throw new Error(`${body}${stderr}`);
      return true;
    },
    ATTACH_MS,
  );
  if (hasEnded) throw new Error(`serve ended: ${stderr}`);
  return service;
};

/** One request on a connection of its own. */
export const ask = (host: string, port: number, path: string, method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ host, port, path, method, agent: false, timeout: 20_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in 20 s')));
    asked.on('error', reject).end();
  });
