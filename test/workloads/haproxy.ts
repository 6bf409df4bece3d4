// Knows how people run HAProxy: a socket for each thread, and a reload that hands the port to a new process; refuses to know the tool.
import { type Daemon, findServer, newFolder, startDaemon, write } from './daemon.js';

export type HaproxyOptions = {
  readonly port: number;
  readonly threads: number;
  /** The process that ends its listeners once this one has its own (-sf). */
  readonly replaces?: Daemon;
};

/** Starts HAProxy with one socket for each thread; it sets SO_REUSEPORT on all of them. */
export const startHaproxy = async ({ port, threads, replaces }: HaproxyOptions): Promise<Daemon> => {
  const folder = newFolder('haproxy');
  const path = write(folder, 'haproxy.cfg', configOf(port, threads));
  const old = replaces === undefined ? [] : ['-sf', String(replaces.pid)];
  const program = findServer('haproxy') ?? 'haproxy';
  return startDaemon({ program, args: ['-db', '-f', path, ...old], folder, port });
};

const configOf = (port: number, threads: number): string => `
global
  nbthread ${threads}
defaults
  mode http
  timeout client 60s
  timeout connect 5s
  timeout server 60s
frontend all
  bind 127.0.0.1:${port} shards by-thread
  http-request return status 200
`;
