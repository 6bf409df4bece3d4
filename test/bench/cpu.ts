// What processes cost by the kernel's own clocks: their time on a CPU, their memory, and the run time of their BPF programs.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The process and all that it started and is still there. */
export const familyOf = (pid: number): number[] => [
  pid,
  ...readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .map(Number)
    .filter(Boolean)
    .flatMap(familyOf),
];

/** Time on a CPU so far, all threads, by the scheduler's own clock: the ticks of /proc/PID/stat are too coarse for a percent. */
export const cpuSeconds = (pids: readonly number[]): number => {
  const threads = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((tid) => `/proc/${pid}/task/${tid}`),
  );
  const ns = threads.map((thread) => Number(readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0]));
  return ns.reduce((sum, each) => sum + each, 0) / 1e9;
};

/** Resident memory in MB (VmRSS). */
export const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** A loaded BPF program; time and runs grow only while kernel.bpf_stats_enabled is 1. */
export type Program = { readonly id: number; readonly runs: number; readonly ns: number };

/** The BPF programs that processes hold, by run_time_ns and run_cnt of /proc/PID/fdinfo (bpf_prog_show_fdinfo, 5.1). */
export const programsOf = (pids: readonly number[]): Program[] => {
  const found = new Map<number, Program>();
  for (const pid of pids) {
    for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
      const text = fdinfo(pid, fd);
      const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(text)?.[1]);
      const id = field('prog_id');
      // A link shows the id of its program too, and not what it cost.
      if (Number.isNaN(field('run_cnt'))) continue;
      found.set(id, { id, runs: field('run_cnt'), ns: field('run_time_ns') });
    }
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
};

const fdinfo = (pid: number, fd: string): string => {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
  } catch {
    return '';
  }
};

/** Name of a program, 15 characters of what it is attached to; its id where bpftool is missing. */
export const programName = (id: number): string => {
  try {
    const shown = execFileSync('bpftool', ['-j', 'prog', 'show', 'id', String(id)], { encoding: 'utf8' });
    const { name = String(id), type } = JSON.parse(shown) as { name?: string; type?: string };
    return type === 'perf_event' ? `interval ${name}` : name;
  } catch {
    return String(id);
  }
};

const STATS = '/proc/sys/kernel/bpf_stats_enabled';

/** Switches the kernel's measuring of programs, which costs each run two looks at the clock; returns what it was. */
export const measurePrograms = (value: string): string => {
  const before = readFileSync(STATS, 'utf8').trim();
  writeFileSync(STATS, value);
  return before;
};
