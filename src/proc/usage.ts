// What a process of the tool costs, from /proc; it starts and measures nothing itself.
import { readFileSync } from 'node:fs';

export type Usage = {
  /** User and system time since it started, all threads, seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
};

/** Clock ticks a second in /proc/PID/stat: USER_HZ is 100 on every architecture that Node runs on (proc_pid_stat(5)). */
const USER_HZ = 100;

/** null when the process is gone, or /proc is not that of Linux. */
export const usageOf = (pid: number, root = '/proc'): Usage | null => {
  try {
    // comm may hold blanks and parentheses: the fields begin behind the last one.
    const stat = readFileSync(`${root}/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${root}/${pid}/status`, 'utf8'))?.[1];
    // utime and stime are fields 14 and 15 of the line; the first one here is field 3. A zombie has no memory.
    const ticks = Number(fields[11]) + Number(fields[12]);
    return resident === undefined || Number.isNaN(ticks)
      ? null
      : { cpuSeconds: ticks / USER_HZ, residentBytes: Number(resident) * 1024 };
  } catch {
    return null;
  }
};
