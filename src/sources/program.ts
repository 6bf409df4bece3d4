// Joins probe files into the one program that a run gives to bpftrace; it knows the files' conventions, not what they trace.
import { readFileSync } from 'node:fs';
import type { Rung } from '../core/event.js';
import { packageRoot } from './root.js';

/** The files of each rung, in the order in which they are joined. */
export const PROBE_FILES: Readonly<Record<Rung, readonly string[]>> = {
  tracepoint: ['listen.bt', 'bind.bt', 'pick.bt'],
  fentry: [],
  kprobe: [],
};

/** Ports that the kernel can filter by; with more, it passes all of them and State drops the rest. */
const KERNEL_PORTS = 4;

/**
 * The program of a rung: its files one after another, their END blocks merged, because bpftrace accepts one END only
 * (0.17: "More than one END probe defined").
 */
export const joinProgram = (rung: Rung): string =>
  joinSources(
    PROBE_FILES[rung].map((file) => readFileSync(new URL(`probes/${rung}/${file}`, packageRoot()), 'utf8')),
  );

/** Joins the texts of probe files; an END block is `END`, `{`, its lines and `}` in column 1. */
export const joinSources = (sources: readonly string[]): string => {
  const ends: string[] = [];
  const bodies = sources.map((source) =>
    source.replace(/^END\n\{\n([\s\S]*?)\n\}\n?/gm, (_, body: string) => {
      ends.push(body);
      return '';
    }),
  );
  return ends.length === 0 ? bodies.join('\n') : `${bodies.join('\n')}\nEND\n{\n${ends.join('\n')}\n}\n`;
};

/** The positional parameters of every probe file: four ports (0 = every port) and the details per second. */
export const programParams = (ports: readonly number[], budgetPerSecond: number): string[] => {
  const kernelPorts = ports.length > KERNEL_PORTS ? [] : ports;
  return [...Array.from({ length: KERNEL_PORTS }, (_, i) => kernelPorts[i] ?? 0), budgetPerSecond].map(
    String,
  );
};
