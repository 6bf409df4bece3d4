// Knows how people run nginx: start, reload with another number of workers, test the configuration; refuses to know the tool.
import { type Daemon, findServer, newFolder, runOnce, startDaemon, write } from './daemon.js';
import { waitFor } from './workload.js';

export type NginxOptions = {
  readonly port: number;
  readonly workers: number;
  /** Parameters of each `listen`; the default is one address with reuseport. */
  readonly listen?: readonly string[];
};

export type Nginx = Daemon & {
  /** New workers take over, old ones end with their last connection. Resolves when the new ones are there. */
  readonly reload: (workers: number) => Promise<void>;
  /** `nginx -t`: its exit code. */
  readonly test: () => number | null;
};

const NEW_WORKERS_MS = 10_000;

/** Starts nginx with a configuration of its own. */
export const startNginx = async (options: NginxOptions): Promise<Nginx> => {
  const program = findServer('nginx') ?? 'nginx';
  const folder = newFolder('nginx');
  const path = write(folder, 'nginx.conf', configOf(options, options.workers));
  const args = ['-p', folder, '-c', path, '-e', 'error.log'];
  const daemon = await startDaemon({ program, args, folder, port: options.port });
  return {
    ...daemon,
    reload: async (workers) => {
      const old = new Set(daemon.children());
      write(folder, 'nginx.conf', configOf(options, workers));
      process.kill(daemon.pid, 'SIGHUP');
      await waitFor(
        `${workers} new workers`,
        () => daemon.children().filter((pid) => !old.has(pid)).length === workers,
        NEW_WORKERS_MS,
      );
    },
    test: () => runOnce(program, ['-t', ...args], folder),
  };
};

const configOf = (
  { port, listen = [`127.0.0.1:${port} reuseport`] }: NginxOptions,
  workers: number,
): string => `
daemon off;
user root;
worker_processes ${workers};
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server { ${listen.map((each) => `listen ${each};`).join(' ')} return 200 "ok"; }
}
`;
