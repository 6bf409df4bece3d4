// What is measured in the kernel: this tool on each rung, and the programs that people would use instead.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { joinProgram } from '../../src/bpftrace/program.js';
import { commandLine } from '../../src/bpftrace/tracer.js';
import type { Rung } from '../../src/core/event.js';
import { CLI } from '../live/tool.js';

export type Subject = {
  readonly name: string;
  /** Program and arguments, for the port that is under load; null = it is not installed. */
  readonly command: (port: number) => readonly [string, ...string[]] | null;
  /** It tells of connections that arrive, or of listeners alone. */
  readonly sees: 'connections' | 'listeners';
};

const MODES = [
  ['default', []],
  ['counters only', ['--details', '0']],
  ['full details', ['--details', '30000']],
] as const;

export const toolSubjects = (rungs: readonly Rung[]): Subject[] =>
  rungs.flatMap((rung) =>
    MODES.map(([mode, details]) => ({
      name: `${rung}, ${mode}`,
      command: (port: number): [string, ...string[]] => [
        process.execPath,
        ...[CLI, '--port', String(port), '--probe', rung, '--output', 'ndjson', ...details],
      ],
      sees: 'connections' as const,
    })),
  );

/** Where Debian's packages put them: bpftrace, libbpf-tools. */
const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/share/bpftrace/tools'];

const findFile = (name: string): string | null =>
  FOLDERS.map((folder) => `${folder}/${name}`).find((path) => existsSync(path)) ?? null;

const script = (name: string): Subject => ({
  name,
  command: () => {
    const path = findFile(name);
    return path === null ? null : ['bpftrace', path];
  },
  sees: 'connections',
});

const libbpfTool = (name: string, sees: Subject['sees'], args: readonly string[] = []): Subject => ({
  name: `${name} (libbpf-tools)`,
  command: () => {
    // Debian 13 has them under another name, so that bcc's may stand beside them.
    const path = findFile(`${name}-libbpf`) ?? findFile(name);
    return path === null ? null : [path, ...args];
  },
  sees,
});

const ONE_LINER = 'kretprobe:reuseport_select_sock { @[retval] = count(); }';

/** What the kernel takes for tracing at all: the tracepoints of that rung with nothing behind them. */
const EMPTY = [...new Set(joinProgram('tracepoint').match(/^tracepoint:[\w:]+/gm))]
  .map((name) => `${name} { }`)
  .join('\n');

export const PEERS: readonly Subject[] = [
  {
    name: 'the tracepoints of that rung, empty programs',
    command: () => {
      const [command, args] = commandLine(['-e', EMPTY]);
      return [command, ...args];
    },
    // It tells of nothing: nobody is to be cheaper.
    sees: 'listeners',
  },
  { name: 'bpftrace one-liner', command: () => ['bpftrace', '-e', ONE_LINER], sees: 'connections' },
  script('tcpaccept.bt'),
  script('tcplife.bt'),
  libbpfTool('tcptracer', 'connections'),
  libbpfTool('tcplife', 'connections'),
  libbpfTool('bindsnoop', 'listeners'),
  libbpfTool('solisten', 'listeners'),
];

export type Running = {
  readonly child: ChildProcess;
  /** What it said on stderr and how it ended; null while it runs. */
  readonly ended: () => string | null;
  readonly stop: () => Promise<void>;
};

/** Starts it with its output thrown away, as if its reader were infinitely fast. */
export const start = ([command, ...args]: readonly [string, ...string[]]): Running => {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let [stderr, ended]: [string, string | null] = ['', null];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  const closed = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended = error.message;
      resolve();
    });
    child.once('close', (code, signal) => {
      ended = `${signal ?? `exit ${code}`}: ${stderr.trim().split('\n').slice(-2).join(' ')}`;
      resolve();
    });
  });
  return {
    child,
    ended: () => ended,
    stop: async () => {
      if (ended === null) child.kill('SIGINT');
      await closed;
    },
  };
};
