// Serves one live run to Prometheus until it is stopped: opens the pages, and starts bpftrace again whenever it ends.
import type { Listen } from '../args/request.js';
import { formatEndpoint } from '../core/text/endpoint.js';
import { clean } from '../core/text/format.js';
import { messageOf, UserError } from '../errors.js';
import { type HttpServer, openHttp } from '../outputs/http.js';
import { healthPage, indexPage } from '../outputs/metrics/pages.js';
import { createMetrics } from '../outputs/metrics/registry.js';
import type { Tool } from '../outputs/metrics/scrape.js';
import { type Usage, usageOf } from '../proc/usage.js';
import type { Source } from '../source.js';
import type { Mode, ModeOptions } from './mode.js';

/** Listens first: a port that is taken is said before anything is traced. Rejects with a UserError. */
export const openService = async (
  { state, source, environment }: ModeOptions,
  listen: Listen,
): Promise<Mode> => {
  const say = (text: string): boolean => environment.stderr.write(`reuseport-trace: ${text}\n`);
  const nowNs = source.nowNs ?? (() => state.nowNs);
  const metrics = createMetrics();
  const costs = createCosts(source);
  const restarts = createRestarts(source, environment.nowMs, say);
  const tool = (): Tool => ({ nowNs: nowNs(), restarts: restarts.count(), usage: costs.usage() });
  const server = await openServer(listen, {
    '/': () => indexPage(state, nowNs()),
    '/healthz': () => healthPage(state, nowNs()),
    '/metrics': async () => ({
      status: 200,
      type: metrics.contentType,
      text: await metrics.scrape(state, tool()),
    }),
  });
  say(`metrics on http://${formatEndpoint(listen.host, server.port)}/metrics`);
  const close = (): void => {
    restarts.stop();
    server.close();
  };
  return {
    isScreen: false,
    isService: true,
    isSilent: true,
    take: (_, event) => {
      metrics.take(state, event);
      if (event.kind === 'tick') costs.look();
      if (event.kind === 'attached') {
        restarts.attached();
        say(`probes attached, ${state.meta?.rung ?? '-'} rung`);
      }
      if (event.kind === 'ended' && event.why !== '' && state.attachedNs !== null) restarts.ended(event.why);
    },
    end: async () => close(),
    dropped: () => 0,
    close,
  };
};

const openServer = async (
  { host, port }: Listen,
  pages: Parameters<typeof openHttp>[2],
): Promise<HttpServer> => {
  try {
    return await openHttp(host, port, pages);
  } catch (error) {
    const why = messageOf(error);
    throw new UserError(`cannot listen on ${formatEndpoint(host, port)}: ${why}`, {
      hint: /EADDRINUSE/.test(why)
        ? `ss -ltnp sport = :${port}   shows who has the port; --listen ADDRESS:PORT takes another`
        : 'name an address of this host and a port: --listen 127.0.0.1:9475',
      cause: error,
    });
  }
};

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** Attached for this long, bpftrace is well again, and the next wait is the first. */
const WELL_MS = 60_000;

/** Starts bpftrace again after it ended, and waits twice as long each time it does not stay. */
const createRestarts = (source: Source, nowMs: () => number, say: (text: string) => void) => {
  let [count, waitMs, attachedMs] = [0, FIRST_WAIT_MS, 0];
  let timer: NodeJS.Timeout | null = null;
  let isStopped = false;
  return {
    count: () => count,
    attached: () => {
      attachedMs = nowMs();
    },
    ended: (why: string): void => {
      if (isStopped) return;
      if (attachedMs !== 0 && nowMs() - attachedMs >= WELL_MS) waitMs = FIRST_WAIT_MS;
      attachedMs = 0;
      say(`${clean(why.split('\n').join(' | '))}; it is started again in ${waitMs / 1000} s`);
      timer = setTimeout(() => {
        count++;
        source.restart?.();
      }, waitMs);
      waitMs = Math.min(LONGEST_WAIT_MS, 2 * waitMs);
    },
    stop: (): void => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
};

/** CPU time and memory of Node and bpftrace, over all bpftraces there were. */
const createCosts = (source: Source) => {
  /** CPU seconds of those that have ended. */
  let before = 0;
  /** The last look at each that runs. */
  const tracers = new Map<number, Usage>();
  const look = (): void => {
    const pids = source.tracerPids();
    for (const [pid, { cpuSeconds }] of tracers) {
      if (pids.includes(pid)) continue;
      before += cpuSeconds;
      tracers.delete(pid);
    }
    for (const pid of pids) {
      const usage = usageOf(pid);
      if (usage !== null) tracers.set(pid, usage);
    }
  };
  const sum = (of: (usage: Usage) => number): number =>
    [...tracers.values()].reduce((all, usage) => all + of(usage), 0);
  return {
    /** Once a second: what a bpftrace used after the last look is not known when it ends. */
    look,
    usage: (): Tool['usage'] => {
      look();
      const own = usageOf(process.pid);
      return [
        { process: 'node', cpuSeconds: own?.cpuSeconds ?? null, residentBytes: own?.residentBytes ?? null },
        {
          process: 'bpftrace',
          cpuSeconds:
            tracers.size === 0 && before === 0 ? null : before + sum(({ cpuSeconds }) => cpuSeconds),
          residentBytes: tracers.size === 0 ? null : sum(({ residentBytes }) => residentBytes),
        },
      ];
    },
  };
};
