// Knows how people run NSD, a DNS server with a socket and a process for each worker, and dnsperf against it; refuses to know the tool.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Daemon, findServer, newFolder, startDaemon, write } from './daemon.js';
import { waitFor } from './workload.js';

export type Nsd = Daemon & {
  /** Processes that serve, in NSD's own order: `nsd: server 1` and so on. */
  readonly workers: readonly number[];
  /** Queries that each of them answered, by its own count (`nsd-control stats_noreset`), in the same order. */
  readonly queries: () => readonly number[];
};

/** What a load came to, as dnsperf tells it. */
export type Load = { readonly sent: number; readonly completed: number };

const WORKERS_MS = 20_000;

/** Starts NSD with one zone; `workers` processes, each with a socket of its own (`reuseport: yes`). */
export const startNsd = async (options: { port: number; workers: number }): Promise<Nsd> => {
  const { port } = options;
  const program = findServer('nsd') ?? 'nsd';
  const folder = newFolder('nsd');
  const path = write(folder, 'nsd.conf', configOf(folder, options));
  write(folder, 'example.zone', ZONE);
  const daemon = await startDaemon({ program, args: ['-d', '-c', path], folder, port });
  const workers = await waitFor(
    `${options.workers} workers`,
    () => {
      const found = workersOf(daemon);
      return found.length === options.workers && found;
    },
    WORKERS_MS,
  );
  return { ...daemon, workers, queries: () => queriesOf(path) };
};

/** Runs dnsperf from `clients` sockets until all queries are answered or given up. */
export const load = (options: {
  readonly port: number;
  readonly queries: number;
  readonly clients: number;
  /** Queries a second; absent = as fast as answers come. */
  readonly rate?: number;
}): Promise<Load> =>
  new Promise((resolve, reject) => {
    const { port, queries, clients, rate } = options;
    const args = ['-s', '127.0.0.1', '-p', String(port), '-c', String(clients), '-n', '1', '-t', '1'];
    const child = spawn('dnsperf', [...args, ...(rate === undefined ? [] : ['-Q', String(rate)])], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let words = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-8192);
    });
    child.once('error', reject);
    child.once('close', () => {
      const [sent, completed] = [/Queries sent:\s+(\d+)/, /Queries completed:\s+(\d+)/].map((line) =>
        Number(line.exec(words)?.[1] ?? Number.NaN),
      );
      if (sent === undefined || completed === undefined || Number.isNaN(sent))
        reject(new Error(`dnsperf: ${words}`));
      else resolve({ sent, completed });
    });
    child.stdin.on('error', () => {}); // its end is told by 'close'
    child.stdin.end(Array.from({ length: queries }, (_, index) => `h${index}.example A\n`).join(''));
  });

/** The main process forks them, itself the child of the one that was started. */
const workersOf = (daemon: Daemon): readonly number[] =>
  daemon
    .children()
    .flatMap((pid) => read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number))
    .filter((pid) => /^nsd: server \d/.test(read(`/proc/${pid}/comm`)))
    .sort((a, b) => numberOf(a) - numberOf(b));

const numberOf = (pid: number): number =>
  Number(/server (\d+)/.exec(read(`/proc/${pid}/comm`))?.[1] ?? Number.NaN);

/** Empty when the process has gone. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const queriesOf = (config: string): readonly number[] => {
  const control = findServer('nsd-control') ?? 'nsd-control';
  const { stdout } = spawnSync(control, ['-c', config, 'stats_noreset'], { encoding: 'utf8' });
  return [...stdout.matchAll(/^server\d+\.queries=(\d+)$/gm)].map(([, count]) => Number(count));
};

// rrl-ratelimit: a load from one address is what it would refuse to answer.
const configOf = (folder: string, { port, workers }: { port: number; workers: number }): string => `
server:
  server-count: ${workers}
  reuseport: yes
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  pidfile: "${join(folder, 'nsd.pid')}"
  xfrdfile: "${join(folder, 'xfrd.state')}"
  zonelistfile: "${join(folder, 'zone.list')}"
  xfrdir: "${folder}"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: yes
  control-interface: ${join(folder, 'control')}
zone:
  name: example.
  zonefile: example.zone
`;

const ZONE = `$ORIGIN example.
$TTL 60
@ SOA ns root 1 3600 900 3600 60
@ NS ns
ns A 127.0.0.1
* A 127.0.0.2
`;
