// What each rung needs of a host, what it cannot know, and which rung a host gets; it asks the host nothing: facts come in.
import type { Rung } from '../core/event.js';
import { RUNGS, UNKNOWN } from '../core/rung.js';
import { NEEDS, type ProbeNeed } from './functions.js';

/** Whether something was tried, and how it went. */
export type Trial = {
  readonly works: boolean;
  /** One clause: why it does not work; empty when it does. */
  readonly why: string;
};

/** A kernel function, as this kernel has it. */
export type FunctionFact = {
  /** Its exact name is in /proc/kallsyms; null = that could not be read. */
  readonly isSymbol: boolean | null;
  /** Another name it has there, such as `f.isra.0`, whose arguments the compiler changed; null = none. */
  readonly variant: string | null;
  /** Number of arguments in BTF; null = BTF does not know it. */
  readonly args: number | null;
};

/** What this host was found to be; host/facts asks for it. null always means: could not be found out. */
export type HostFacts = {
  readonly euid: number | null;
  readonly capabilities: {
    readonly bpf: boolean;
    readonly perfmon: boolean;
    readonly sysAdmin: boolean;
  } | null;
  /** `uname -r`. */
  readonly kernel: string | null;
  /** Readable, and in the format we know. */
  readonly hasBtf: boolean;
  readonly isTracefsMounted: boolean | null;
  readonly isDebugfsMounted: boolean | null;
  /** `none`, `integrity` or `confidentiality`. */
  readonly lockdown: string | null;
  /** In another pid namespace than the host's: /proc shows none of the processes outside of it. */
  readonly hasOwnPids: boolean;
  /** CONFIG_KPROBES. */
  readonly hasKprobes: boolean | null;
  readonly bpftrace: {
    readonly path: string | null;
    readonly version: string | null;
    /** Why it cannot be used (absent, too old); null = it can. */
    readonly problem: string | null;
    readonly hint: string | null;
  };
  /** The kernel's BTF as it stands there; empty when it cannot be read. */
  readonly types: Uint8Array;
  /** Loading one fentry or kprobe probe, or what forbids it beforehand; null = not tried. */
  readonly fentry: Trial | null;
  readonly kprobe: Trial | null;
  /** Every tracepoint of a rung's probe files, `sock:sk_data_ready`; a rung without probe files is absent. */
  readonly tracepoints: Readonly<Partial<Record<Rung, readonly TracepointFact[]>>>;
  /** The functions that a rung's probe files probe; a rung without probe files is absent. */
  readonly probed: Readonly<Partial<Record<Rung, ReadonlySet<string>>>>;
  /** By name, for every function of NEEDS. */
  readonly functions: ReadonlyMap<string, FunctionFact>;
  /** `struct.member` -> BTF has it. */
  readonly members: ReadonlyMap<string, boolean>;
  /** Loading a rung's real program until its first tick; absent = not tried. */
  readonly loads: Readonly<Partial<Record<Rung, Trial>>>;
};

export type TracepointFact = { readonly name: string; readonly isThere: boolean | null };

/** One probe of a function rung, judged. */
export type ProbeVerdict = {
  readonly need: ProbeNeed;
  readonly isIn: boolean;
  /** Empty when it is in. */
  readonly why: string;
};

/** One rung, judged. */
export type RungVerdict = {
  readonly rung: Rung;
  /** Nothing that is known speaks against it. */
  readonly works: boolean;
  /** Its real program was loaded and ran. */
  readonly isProven: boolean;
  /** Everything that speaks against it. */
  readonly why: readonly string[];
  /** Of a function rung; empty for tracepoint. */
  readonly probes: readonly ProbeVerdict[];
  /** What it will not know on this host. */
  readonly unknown: readonly string[];
};

/** Which rung to take, and how every rung that was considered stands, best first. */
export type Choice = { readonly rung: Rung | null; readonly verdicts: readonly RungVerdict[] };

/** The best rung that nothing speaks against; with `forced` that one or none. Not tried counts as allowed. */
export const chooseRung = (facts: HostFacts, forced: Rung | null): Choice => {
  const verdicts = (forced === null ? RUNGS : [forced]).map((rung) => judgeRung(facts, rung));
  return { rung: verdicts.find((verdict) => verdict.works)?.rung ?? null, verdicts };
};

/** What stands in the way of every rung, one clause each; empty when nothing does. */
export const hostObstacles = (facts: HostFacts): readonly string[] => {
  const caps = facts.capabilities;
  const obstacles: (string | null)[] = [
    facts.euid !== null && facts.euid !== 0
      ? `loading BPF programs needs root (this is uid ${facts.euid})`
      : null,
    facts.euid === 0 && caps !== null && !caps.sysAdmin && !(caps.bpf && caps.perfmon)
      ? 'this root lacks CAP_BPF and CAP_PERFMON (a container?)'
      : null,
    facts.bpftrace.problem,
    facts.hasBtf ? null : 'this kernel has no BTF, which the probes read structures by',
    facts.lockdown === 'confidentiality' ? 'lockdown=confidentiality lets nobody read kernel memory' : null,
  ];
  return obstacles.filter((obstacle) => obstacle !== null);
};

const judgeRung = (facts: HostFacts, rung: Rung): RungVerdict => {
  const probes = rung === 'tracepoint' ? [] : NEEDS.map((probe) => judgeProbe(facts, rung, probe));
  const load = facts.loads[rung];
  const common = hostObstacles(facts);
  const why =
    common.length > 0
      ? common
      : [
          ...rungObstacles(facts, rung),
          ...probes.filter(isCoreMissing).map(({ need, why }) => `${need.function} ${why}`),
          ...(load?.works === false ? [`its program does not load: ${load.why}`] : []),
        ];
  const missing = probes.filter(({ isIn }) => !isIn).map(({ need }) => need.unknownWithout);
  return {
    rung,
    works: why.length === 0,
    isProven: load?.works === true,
    why,
    probes,
    unknown: [...UNKNOWN[rung], ...missing],
  };
};

const isCoreMissing = ({ need, isIn }: ProbeVerdict): boolean => need.isCore && !isIn;

const rungObstacles = (facts: HostFacts, rung: Rung): string[] => {
  const tracepoints = facts.tracepoints[rung];
  const absent = (tracepoints ?? []).filter(({ isThere }) => isThere === false);
  const obstacles: (string | null)[] = [
    rung === 'kprobe' && facts.hasKprobes === false
      ? 'this kernel is built without kprobes (CONFIG_KPROBES)'
      : null,
    rung === 'kprobe' && facts.hasKprobes !== false && facts.kprobe?.works === false
      ? `a kprobe does not load: ${facts.kprobe.why}`
      : null,
    rung === 'fentry' && facts.fentry?.works === false
      ? `an fentry probe does not load: ${facts.fentry.why}`
      : null,
    tracepoints === undefined ? 'this version has no probe files for it yet' : null,
    absent.length > 0
      ? `this kernel lacks ${absent.map(({ name }) => `${name}${SINCE[name] ?? ''}`).join(', ')}`
      : null,
  ];
  return obstacles.filter((obstacle) => obstacle !== null);
};

/** What to add to the name of a young tracepoint. */
const SINCE: Readonly<Record<string, string>> = { 'sock:sk_data_ready': ' (new in 6.3)' };

const judgeProbe = (facts: HostFacts, rung: Rung, probe: ProbeNeed): ProbeVerdict => {
  const why = whyNot(facts, rung, probe);
  return { need: probe, isIn: why === '', why };
};

/** Never by the kernel's version: distributions back-port, and compilers rename. */
const whyNot = (facts: HostFacts, rung: Rung, probe: ProbeNeed): string => {
  const fact = facts.functions.get(probe.function);
  if (fact === undefined || fact.isSymbol === null) return 'cannot be looked up in /proc/kallsyms';
  if (!fact.isSymbol) {
    return fact.variant === null ? 'is not in this kernel' : `is only there as ${fact.variant}`;
  }
  if (rung === 'fentry' && probe.probe === 'kprobe') {
    if (facts.hasKprobes === false || facts.kprobe?.works === false) {
      return 'needs a kprobe, which this kernel does not load';
    }
  } else if (rung === 'fentry') {
    if (fact.args === null) return 'is not in BTF';
    if (probe.maxArgs !== null && fact.args > probe.maxArgs) {
      return `has ${fact.args} arguments, fentry takes ${probe.maxArgs}`;
    }
  }
  return facts.probed[rung]?.has(probe.function) === false ? 'has no probe in this version yet' : '';
};

/** What a rung's program must be without on this kernel: functions whose probes are out, members that BTF lacks. */
export const absentOf = (
  facts: HostFacts,
  probes: readonly ProbeVerdict[],
): { readonly functions: ReadonlySet<string>; readonly members: ReadonlySet<string> } => ({
  functions: new Set(probes.filter(({ isIn }) => !isIn).map(({ need }) => need.function)),
  members: new Set([...facts.members].filter(([, isThere]) => !isThere).map(([member]) => member)),
});
