// Joins probe files into the one program that a run gives to bpftrace; it knows the files' conventions, not what they trace.
import { basename } from 'node:path';
import type { PartName, Proto, Rung } from '../core/event.js';
import { KERNEL_PORTS } from '../core/state/state.js';
import { packageFile } from '../package.js';
import { deriveKprobes } from './kprobe.js';

const COMMON = ['common/listen.bt', 'common/bind.bt', 'common/refuse.bt', 'common/steer.bt'];
/** Written for fentry; the kprobe rung's are derived from them. */
const FUNCTION = [
  'function/conflict.bt',
  'function/group.bt',
  'function/drop.bt',
  'function/udp.bt',
  'function/pick.bt',
];
/** Last, so that its BEGIN is: that of the others says that nobody keeps a budget. */
const BUDGET = 'common/budget.bt';

/** The files of each rung below probes/, in the order in which they are joined. */
export const PROBE_FILES: Readonly<Record<Rung, readonly string[]>> = {
  tracepoint: [...COMMON, 'tracepoint/attach.bt', 'tracepoint/udp.bt', 'tracepoint/pick.bt', BUDGET],
  fentry: [...COMMON, ...FUNCTION, BUDGET],
  kprobe: [...COMMON, ...FUNCTION, BUDGET],
};

/** What this kernel lacks of what the probes name: left out of the program, because one missing name takes all of it down. */
export type Absent = {
  /** Functions that cannot be probed. */
  readonly functions: ReadonlySet<string>;
  /** `struct.member` pairs that BTF does not have. */
  readonly members: ReadonlySet<string>;
};

/** Nothing is left out. */
export const NOTHING_ABSENT: Absent = { functions: new Set(), members: new Set() };

/**
 * The parts of a rung's program but the one that counts (pick.bt; udp.bt where UDP alone is asked for). Those of `first`
 * go with it, for they order what it tells: who joins, begins and ends. Those of `later` are attached while it counts.
 */
export const partsOf = (
  rung: Rung,
  proto: Proto | null = null,
): { readonly first: readonly PartName[]; readonly later: readonly PartName[] } => {
  const udp = proto === null ? (['udp'] as const) : [];
  if (rung === 'tracepoint')
    return { first: proto === 'udp' ? [] : ['listen'], later: ['bind', 'refuse', ...udp, 'attach', 'steer'] };
  const first = proto === 'udp' ? (['group'] as const) : (['listen', 'group', 'drop', ...udp] as const);
  return { first, later: ['bind', 'refuse', 'conflict', 'steer'] };
};

/** One of the programs that a run is made of: what counts, with some parts; or, without it, only parts. */
export const joinParts = (
  rung: Rung,
  absent: Absent,
  parts: readonly PartName[],
  counting: Proto | 'both' | null,
): string => {
  const core = counting === null ? [] : [counting === 'udp' ? 'udp' : 'pick'];
  const wanted = new Set<string>([...parts, ...core, 'budget']);
  const files = PROBE_FILES[rung].filter((file) => wanted.has(basename(file, '.bt')));
  // Behind the others, before the budget.
  if (!wanted.has('pick')) files.splice(-1, 0, TICK);
  return joinSources(
    files.map((file) => probeSource(rung, file)),
    absent,
  );
};

/** The ticks of a program without pick.bt. */
export const TICK = 'common/tick.bt';

/** The parts whose probes are named in what bpftrace said when it refused their program. */
export const partsNamed = <Name extends string>(
  rung: Rung,
  parts: readonly Name[],
  said: string,
): readonly Name[] => {
  const named = [...said.matchAll(/\b[a-z]+:(?:[\w.]+:)*(\w+)/g)].map((match) => match[1] ?? '');
  return parts.filter((part) => {
    const file = PROBE_FILES[rung].find((each) => basename(each, '.bt') === part);
    if (file === undefined) return false;
    const probes = probeSource(rung, file).match(/^[a-z]+:[\w:]+(?=,?$)/gm) ?? [];
    return probes.some((probe) => named.some((name) => probe.endsWith(`:${name}`)));
  });
};

/** What a host that asks for TCP alone does without. */
const UDP_FILES: ReadonlySet<string> = new Set(['tracepoint/udp.bt', 'function/udp.bt']);

/** The program of a rung for a kernel, of one protocol or (null) both. Throws when a probe file is missing (a broken installation). */
export const joinProgram = (
  rung: Rung,
  absent: Absent = NOTHING_ABSENT,
  proto: Proto | null = null,
): string =>
  joinSources(
    PROBE_FILES[rung]
      .filter((file) => proto !== 'tcp' || !UDP_FILES.has(file))
      .map((file) => probeSource(rung, file)),
    absent,
  );

/** A file of PROBE_FILES as a rung loads it. Throws when it is missing. */
export const probeSource = (rung: Rung, file: string): string => {
  const source = packageFile(`probes/${file}`);
  return rung === 'kprobe' && FUNCTION.includes(file) ? deriveKprobes(source, basename(file, '.bt')) : source;
};

/**
 * Joins the texts of probe files. A probe is the lines from its name in column 1 to a `}` in column 1. The BEGIN and
 * END blocks are merged to one each, because bpftrace takes no second one (0.17: "More than one END probe defined").
 */
export const joinSources = (sources: readonly string[], absent: Absent = NOTHING_ABSENT): string => {
  const merged = { BEGIN: [] as string[], END: [] as string[] };
  const bodies = sources.map((source) =>
    leaveOut(source, absent).replace(
      /^(BEGIN|END)\n\{\n([\s\S]*?)\n\}\n?/gm,
      (_, name: 'BEGIN' | 'END', body: string) => {
        merged[name].push(body);
        return '';
      },
    ),
  );
  const block = (name: 'BEGIN' | 'END'): string =>
    merged[name].length === 0 ? '' : `${name}\n{\n${merged[name].join('\n')}\n}\n`;
  return [block('BEGIN'), ...bodies, block('END')].filter((text) => text !== '').join('\n');
};

/** A probe of one function, or of several with a comma between two; then its predicate and body. */
const PROBE = /^((?:(?:kfunc|kretfunc|kprobe|kretprobe):\w+,?\n)+)([\s\S]*?^\}\n?)/gm;

/**
 * Drops the probes of absent functions, and the lines that say by `// needs struct.member` or `// needs function` at
 * their end that they cannot stand without it.
 */
const leaveOut = (source: string, absent: Absent): string =>
  source
    .replace(PROBE, (_, heads: string, rest: string) => {
      const there = heads
        .trimEnd()
        .split(/,?\n/)
        .filter((head) => !absent.functions.has(head.replace(/^\w+:/, '')));
      return there.length === 0 ? '' : `${there.join(',\n')}\n${rest}`;
    })
    .replace(/^.*\/\/ needs ([\w.]+)\n/gm, (line, name: string) =>
      absent.members.has(name) || absent.functions.has(name) ? '' : line,
    );

/** Every function that the probes of a program are on. */
export const functionsOf = (program: string): string[] => [
  ...new Set(
    [...program.matchAll(/^(?:kfunc|kretfunc|kprobe|kretprobe):(\w+),?$/gm)].map((match) => match[1] ?? ''),
  ),
];

/**
 * The positional parameters of every probe file: four ports (0 = every port), the details per second, and whether more ports
 * were asked for than that, where a UDP socket that shares its port with nobody counts as well. Places without a port
 * repeat the first: a socket that was reset has port 0, and would be taken for one that was asked for.
 */
export const programParams = (ports: readonly number[], budgetPerSecond: number): string[] => {
  const kernelPorts = ports.length > KERNEL_PORTS ? [] : ports;
  return [
    ...Array.from({ length: KERNEL_PORTS }, (_, i) => kernelPorts[i] ?? kernelPorts[0] ?? 0),
    budgetOf(budgetPerSecond),
    ports.length > KERNEL_PORTS ? 1 : 0,
  ].map(String);
};

/** Most bytes of what bpftrace's buffers keep of one detail on its way: up to three lines of numbers, each with a header. */
const DETAIL_BYTES = 350;
/** The same of the lines of listeners: 500 and two additions of 200. */
const LISTENER_BYTES = 150 * 900;
const PAGE_BYTES = 4096;
const [FEWEST_PAGES, MOST_PAGES] = [64, 512];

/**
 * Pages of bpftrace's buffer for each CPU (a power of two, as perf_event_open(2) asks) that hold what budget.bt lets be
 * printed before it sees that nobody reads: what was saved up, and two additions. 64 is bpftrace's own default.
 */
export const bufferPages = (budgetPerSecond: number): number => {
  const bytes = DETAIL_BYTES * (500 + budgetPerSecond / 5 + (2 * budgetPerSecond) / 10) + LISTENER_BYTES;
  const pages = 2 ** Math.ceil(Math.log2(bytes / PAGE_BYTES));
  return Math.min(MOST_PAGES, Math.max(FEWEST_PAGES, pages));
};

/** budget.bt adds a tenth of it every 100 ms, in whole details: a tenth of 1 is none. 0 would be its default. */
const budgetOf = (perSecond: number): number => (perSecond === 0 ? 1 : 10 * Math.ceil(perSecond / 10));
