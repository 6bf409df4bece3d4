// Knows how to run server.pl and client.pl and to read what they counted; refuses to know the tool that watches them.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Line, numberOf, numbersOf, type Script, startScript, type Words } from './script.js';

export { stopAll } from './script.js';

/** What server.pl understands; its header says what each word means. */
export type ServerOptions = {
  /** 0 or absent: the kernel chooses; startServers then gives all of them the first one's port. */
  readonly port?: number;
  readonly addr?: string;
  /** mptcp: the listener that Go makes by default; plain TCP clients are served by it. */
  readonly proto?: 'tcp' | 'udp' | 'mptcp';
  readonly v6only?: boolean;
  readonly backlog?: number;
  readonly reuseport?: boolean;
  readonly reuseaddr?: boolean;
  /** The interface by which alone it takes anything (SO_BINDTODEVICE). */
  readonly dev?: string;
  readonly uid?: number;
  readonly incomingCpu?: number;
  readonly deferAcceptSeconds?: number;
  /** What a classic BPF program returns: a constant index, the CPU, the first word of the payload modulo N. */
  readonly cbpf?: number | 'cpu' | `mod:${number}`;
  readonly cbpfWhen?: 'before' | 'after';
  readonly ebpf?: 'pass' | 'drop' | 'index' | 'empty' | 'migrate' | 'numa' | `mod:${number}`;
  /** The name of an sk_lookup program that stands before its network namespace while it lives. */
  readonly lookup?: string;
  /** It leads what comes for that port to this socket's group; absent: it chooses nothing. */
  readonly lookupPort?: number;
  /** TCP Fast Open: connections whose SYN has data, so many at once. */
  readonly fastopen?: number;
  /** false: bind only, until Server.listen() */
  readonly listen?: boolean;
  /** udp: peer that the bound socket is connected to */
  readonly connectTo?: { readonly addr: string; readonly port: number };
  readonly mode?: 'accept' | 'hold' | 'stuck';
  readonly slowMs?: number;
  readonly stuckAfter?: number;
  /** Children that accept on the one descriptor; the parent then accepts nothing. */
  readonly fork?: number;
  /** Children that hold the descriptor and never accept. */
  readonly leak?: number;
  readonly name?: string;
  /** Network namespace to run in: its name, or the pid of a process in it. */
  readonly netns?: string | number;
};

/** A running server.pl. Every method rejects when the process is gone. */
export type Server = {
  readonly pid: number;
  /** inode of the socket, as in /proc/PID/fd */
  readonly ino: number;
  readonly fd: number;
  readonly port: number;
  /** accepting children, then leak children */
  readonly children: readonly number[];
  /** Connections accepted (udp: datagrams read) so far, after taking what was pending, unless stuck or slow. */
  count(): Promise<number>;
  /** The same, one number per accepting child. */
  countEach(): Promise<readonly number[]>;
  stick(): Promise<void>;
  resume(): Promise<void>;
  /** Takes the program of its group away. */
  detach(): Promise<void>;
  /** After `listen: false`. Answers 0, or the errno. */
  listen(): Promise<number>;
  /** Closes the listening socket; the process stays. */
  close(): Promise<void>;
  /** Ends the process (by SIGKILL after 2 s) and waits until it is gone. */
  stop(): Promise<void>;
};

/** How the kernel refused a server: the call ("bind", "listen", "cbpf", ...), its errno, the process that asked. */
export type Refusal = { readonly call: string; readonly errno: number; readonly pid: number };

/** What client.pl understands; its header says what each word means. */
export type ClientOptions = {
  readonly port: number;
  readonly addr?: string;
  readonly count: number;
  readonly proto?: 'tcp' | 'udp';
  readonly parallel?: number;
  /** attempts per second of each process */
  readonly rate?: number;
  /** Attempts between two pauses of that rate. */
  readonly burst?: number;
  /** That many ports from `port` on, used in turn. */
  readonly ports?: number;
  readonly src?: string;
  /** Source ports `N-M`, used in turn; with linger0 the same ones come again. */
  readonly sports?: string;
  readonly timeoutMs?: number;
  readonly sendBytes?: number;
  readonly linger0?: boolean;
  readonly waitEof?: boolean;
  readonly perSocket?: number;
  /** Runs on that CPU alone. */
  readonly cpu?: number;
  /** Sends the number of each attempt, of TCP in the SYN (TCP Fast Open). */
  readonly number?: boolean;
  readonly netns?: string | number;
};

/** Attempts by how they ended; with waitEof, reset counts connections that are in ok too. */
export type Outcome = {
  readonly ok: number;
  readonly refused: number;
  readonly timedout: number;
  readonly reset: number;
  readonly other: number;
};

/** Connections that stay open until stop(). */
export type Held = Outcome & { readonly pid: number; stop(): Promise<void> };

/** Longest that connections are held open for a test that forgets to stop them. */
const HOLD_SECONDS = 600;
const POLL_MS = 20;

/** Starts one server; resolves when it listens (udp: is bound). Rejects when the kernel refuses, naming call and errno. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const { script, line } = await startAnyServer(options);
  if (line.get('kind') === 'failed') {
    await script.stop();
    throw new Error(`server.pl: ${line.get('call')} failed with errno ${line.get('errno')}`);
  }
  return {
    pid: script.pid,
    ino: numberOf(line, 'ino'),
    fd: numberOf(line, 'fd'),
    port: numberOf(line, 'port'),
    children: numbersOf(line, 'children'),
    count: async () => numberOf(await script.ask('count'), 'accepted'),
    countEach: async () => numbersOf(await script.ask('count'), 'each'),
    stick: async () => void (await script.ask('stuck')),
    resume: async () => void (await script.ask('resume')),
    detach: async () => {
      const answer = await script.ask('detach');
      if (answer.get('kind') === 'failed') throw new Error(`errno ${answer.get('errno')}`);
    },
    listen: async () => {
      const answer = await script.ask('listen');
      return answer.get('kind') === 'failed' ? numberOf(answer, 'errno') : 0;
    },
    close: async () => void (await script.ask('close')),
    stop: () => script.stop(),
  };
}

/** Starts n servers one after the other, so that their order is that of the group's socks[]. */
export async function startServers(
  n: number,
  options: ServerOptions | ((index: number) => ServerOptions) = {},
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  for (let index = 0; index < n; index++) {
    const wanted = typeof options === 'function' ? options(index) : options;
    servers.push(await startServer({ ...wanted, port: wanted.port || (servers[0]?.port ?? 0) }));
  }
  return servers;
}

/** Starts a server that the kernel must refuse. Rejects when it does not. */
export async function startRefused(options: ServerOptions): Promise<Refusal> {
  const { script, line } = await startAnyServer(options);
  await script.stop();
  if (line.get('kind') !== 'failed') throw new Error('server.pl was not refused');
  return { call: line.get('call') ?? '', errno: numberOf(line, 'errno'), pid: numberOf(line, 'pid') };
}

/** Sum of what the servers counted. */
export async function countAll(servers: readonly Server[]): Promise<number> {
  const counts = await Promise.all(servers.map((server) => server.count()));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** What many.pl understands; its header says what each word means. */
export type ManyOptions = {
  readonly port: number;
  readonly ports?: number;
  readonly addrs?: number;
  readonly proto?: 'tcp' | 'udp';
  readonly sockets: number;
};

/** Starts one process with many sockets, which serves all of them; count() is of what it took. */
export async function startMany(
  options: ManyOptions,
): Promise<{ pid: number; count(): Promise<number>; stop(): Promise<void> }> {
  const script = startScript('many.pl', { ...options, serve: true }, undefined);
  await script.read();
  return {
    pid: script.pid,
    count: async () => numberOf(await script.ask('count'), 'read'),
    stop: () => script.stop(),
  };
}

/** What ports.pl understands; its header says what each word means. */
export type PortsOptions = {
  readonly port: number;
  readonly addr?: string;
  readonly sockets: number;
  readonly proto?: 'tcp' | 'udp';
  /** Every socket has SO_INCOMING_CPU 0 but the first so many. */
  readonly steered?: number;
  readonly netns?: string | number;
};

/** One process with the sockets of a group, which tells who came to which. */
export type Ports = {
  readonly pid: number;
  /** In the order of socks[]. */
  readonly inos: readonly number[];
  /** The socket that each source port came to, of what came since the last call; a port that came twice is there once. */
  log(): Promise<ReadonlyMap<number, number>>;
  close(number: number): Promise<void>;
  stop(): Promise<void>;
};

export async function startPorts({ netns, ...words }: PortsOptions): Promise<Ports> {
  const script = startScript('ports.pl', words, netns);
  const line = await script.read();
  return {
    pid: numberOf(line, 'pid'),
    inos: numbersOf(line, 'inos'),
    log: async () => {
      const seen = ((await script.ask('log')).get('seen') ?? '').split(',').filter(Boolean);
      return new Map(
        seen.map((each) => {
          const [port = 0, socket = 0] = each.split(':').map(Number);
          return [port, socket] as const;
        }),
      );
    },
    close: async (number) => void (await script.ask(`close ${number}`)),
    stop: () => script.stop(),
  };
}

/** Makes the connections (udp: sends the datagrams), closes them and waits until the client is gone. */
export function connect(options: ClientOptions): Promise<Outcome> {
  const outcome = connectAll(options);
  // A test that has failed no longer waits for the clients that stopAll() ends: that is no second error.
  outcome.catch(() => undefined);
  return outcome;
}

async function connectAll(options: ClientOptions): Promise<Outcome> {
  const script = startScript('client.pl', clientWords(options, 0), options.netns);
  const outcome = outcomeOf(await script.read());
  await script.ended;
  return outcome;
}

/** Makes the connections and keeps them open until stop(). */
export async function holdOpen(options: ClientOptions): Promise<Held> {
  const script = startScript('client.pl', clientWords(options, HOLD_SECONDS), options.netns);
  return { ...outcomeOf(await script.read()), pid: script.pid, stop: () => script.stop() };
}

/** Runs fn with the name of a new network namespace whose loopback is up, and removes it. Needs root and iproute2. */
export async function withNetns<T>(fn: (netns: string) => Promise<T>): Promise<T> {
  const name = `rpt-${process.pid}-${netnsCount++}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    return await fn(name);
  } finally {
    // A test may have taken the name away before.
    if (existsSync(`/run/netns/${name}`)) execFileSync('ip', ['netns', 'delete', name]);
  }
}

/** Writes a setting below /proc/sys of a network namespace, such as net/ipv4/tcp_migrate_req. */
export function setInNetns(netns: string, setting: string, value: string): void {
  const write = ['tee', `/proc/sys/${setting}`];
  execFileSync('ip', ['netns', 'exec', netns, ...write], {
    input: value,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
}

/**
 * Asks condition again and again until it gives something other than false, undefined or null, and resolves with that.
 * A condition that throws is asked again. On the deadline, rejects with what was seen last: the value or the message.
 */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs: number,
): Promise<Exclude<T, false | undefined | null>> {
  const deadlineMs = performance.now() + timeoutMs;
  while (true) {
    let seen: unknown;
    try {
      const value = await condition();
      if (isThere(value)) return value;
      seen = value;
    } catch (error) {
      seen = error instanceof Error ? error.message : error;
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`waited ${timeoutMs} ms for ${what}; last seen: ${String(seen)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

let netnsCount = 0;

function isThere<T>(value: T): value is Exclude<T, false | undefined | null> {
  return value !== false && value !== undefined && value !== null;
}

async function startAnyServer(options: ServerOptions): Promise<{
  readonly script: Script;
  readonly line: Line;
}> {
  const script = startScript('server.pl', serverWords(options), options.netns);
  return { script, line: await script.read() };
}

function serverWords(options: ServerOptions): Words {
  return {
    port: options.port,
    addr: options.addr,
    proto: options.proto,
    v6only: options.v6only,
    backlog: options.backlog,
    reuseport: options.reuseport,
    reuseaddr: options.reuseaddr,
    uid: options.uid,
    incoming_cpu: options.incomingCpu,
    defer_accept: options.deferAcceptSeconds,
    cbpf: options.cbpf,
    cbpf_when: options.cbpfWhen,
    ebpf: options.ebpf,
    dev: options.dev,
    lookup: options.lookup,
    lookup_port: options.lookupPort,
    fastopen: options.fastopen,
    listen: options.listen,
    connect_addr: options.connectTo?.addr,
    connect_port: options.connectTo?.port,
    mode: options.mode,
    slow: options.slowMs,
    stuck_after: options.stuckAfter,
    fork: options.fork,
    leak: options.leak,
    name: options.name,
  };
}

function clientWords(options: ClientOptions, holdSeconds: number): Words {
  return {
    port: options.port,
    ports: options.ports,
    addr: options.addr,
    count: options.count,
    proto: options.proto,
    parallel: options.parallel,
    rate: options.rate,
    burst: options.burst,
    src: options.src,
    sports: options.sports,
    timeout_ms: options.timeoutMs,
    send: options.sendBytes,
    linger0: options.linger0,
    wait_eof: options.waitEof,
    per_socket: options.perSocket,
    cpu: options.cpu,
    number: options.number,
    hold: holdSeconds,
  };
}

function outcomeOf(line: Line): Outcome {
  return {
    ok: numberOf(line, 'ok'),
    refused: numberOf(line, 'refused'),
    timedout: numberOf(line, 'timedout'),
    reset: numberOf(line, 'reset'),
    other: numberOf(line, 'other'),
  };
}
