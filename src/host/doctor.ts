// Says what this host allows and which rung it gets; it judges nothing itself (host/ladder does) and changes nothing.
import type { Writable } from 'node:stream';
import type { Rung } from '../core/event.js';
import { UserError } from '../errors.js';
import { packageVersion } from '../package.js';
import { askHost, type Host, THIS_HOST, tryRung } from './facts.js';
import {
  absentOf,
  type Choice,
  chooseRung,
  type HostFacts,
  hostObstacles,
  type ProbeVerdict,
  type RungVerdict,
} from './ladder.js';

/** One thing that was looked at. */
type Check = {
  /** What kind of thing: `root`, `tracepoint`, `function`, `rung`, ... */
  readonly check: string;
  /** Which one, where there are several; else null. */
  readonly name: string | null;
  readonly answer: 'ok' | 'no' | 'unknown';
  /** One clause: what was found, or what to do. */
  readonly detail: string;
};

/** Prints the report; returns the exit code: 0 when a rung was loaded and ran, else 1. */
export const doctor = async (
  output: 'lines' | 'ndjson',
  stdout: Writable,
  { host = THIS_HOST, stderr = process.stderr as Writable & { isTTY?: boolean } } = {},
): Promise<number> => {
  const doing = (what: string): void => {
    if (stderr.isTTY === true) stderr.write(`\r\x1b[2K${what === '' ? '' : `${what} ...`}`);
  };
  const { facts, choice } = await prove(await askHost(host, doing), host, doing);
  doing('');
  const lines = output === 'ndjson' ? toJson(facts, choice) : toText(facts, choice);
  await print(`${lines.join('\n')}\n`, stdout);
  return choice.rung === null ? 1 : 0;
};

/** Prints the program that a run on a rung would give to bpftrace on this host, and nothing else; returns 0. */
export const printProgram = async (rung: Rung, stdout: Writable, host = THIS_HOST): Promise<number> => {
  const facts = await askHost(host, () => undefined, { tryLoading: false });
  const [verdict] = chooseRung(facts, rung).verdicts;
  await print(host.program(rung, absentOf(facts, verdict?.probes ?? [])) ?? '', stdout);
  return 0;
};

const print = async (text: string, stdout: Writable): Promise<void> => {
  // Its callback has the same error.
  stdout.on('error', () => undefined);
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    stdout.write(text, (error) => resolve(error ?? null));
  });
  // A reader that went away (doctor | head) is no failure of the host.
  if (failure !== null && failure.code !== 'EPIPE')
    throw new UserError(`cannot write to stdout: ${failure.message}`);
};

/** Loads the best rung, and the next one when it does not load. */
const prove = async (
  asked: HostFacts,
  host: Host,
  doing: (what: string) => void,
): Promise<{ facts: HostFacts; choice: Choice }> => {
  let facts = asked;
  for (;;) {
    const choice = chooseRung(facts, null);
    const { rung } = choice;
    if (rung === null || facts.loads[rung] !== undefined) return { facts, choice };
    doing(`loading the probes of the ${rung} rung`);
    const absent = absentOf(facts, verdictOf(choice)?.probes ?? []);
    facts = { ...facts, loads: { ...facts.loads, [rung]: await tryRung(rung, host, absent) } };
  }
};

const toJson = (facts: HostFacts, choice: Choice): string[] => {
  const checks = [
    ...hostChecks(facts),
    ...tracepointChecks(facts),
    ...functionVerdicts(choice).map(functionCheck),
    ...choice.verdicts.map(rungCheck),
  ];
  const chosen = verdictOf(choice);
  const closing = {
    kind: 'doctor',
    version: packageVersion(),
    kernel: facts.kernel,
    bpftrace: facts.bpftrace.version,
    rung: choice.rung,
    unknown: chosen?.unknown ?? [],
    why: chosen === undefined ? reasons(facts, choice) : [],
  };
  return [...checks.map((check) => ({ kind: 'check', ...check })), closing].map((line) =>
    JSON.stringify(line),
  );
};

const toText = (facts: HostFacts, choice: Choice): string[] => {
  const chosen = verdictOf(choice);
  const probes = functionVerdicts(choice);
  const there = probes.filter(({ isIn }) => isIn).length;
  const functions: Check[] =
    chosen !== undefined && chosen.probes.length > 0
      ? probes.map(functionCheck)
      : [
          {
            check: 'functions',
            name: null,
            answer: functionsAnswer(facts, probes),
            detail: `${there} of ${probes.length} function probes are written and fit this kernel (--output ndjson lists them)`,
          },
        ];
  const unknown = (chosen?.unknown ?? []).flatMap((line) => wrap('  - ', line));
  return [
    `reuseport-trace ${packageVersion()}: what this host allows`,
    '',
    ...[...hostChecks(facts), ...tracepointChecks(facts), ...functions].flatMap(line),
    '',
    'Three ways to see a pick (rungs), best first:',
    ...choice.verdicts.map(rungCheck).flatMap(line),
    '',
    ...(chosen === undefined
      ? [
          ...wrap('', `No rung works here: ${reasons(facts, choice).join('; ')}.`),
          ...(facts.euid === 0 ? [] : ['Try: sudo reuseport-trace doctor']),
        ]
      : [
          `This host gets the ${chosen.rung} rung. ${unknown.length === 0 ? 'Nothing stays unknown.' : 'It will not know:'}`,
          ...unknown,
        ]),
  ];
};

const verdictOf = (choice: Choice): RungVerdict | undefined =>
  choice.verdicts.find(({ rung }) => rung === choice.rung);

/** Of the chosen rung, else of the best one that has function probes. */
const functionVerdicts = (choice: Choice): readonly ProbeVerdict[] =>
  [verdictOf(choice), ...choice.verdicts].find((verdict) => (verdict?.probes.length ?? 0) > 0)?.probes ?? [];

const functionsAnswer = (facts: HostFacts, probes: readonly ProbeVerdict[]): Check['answer'] => {
  if ([...facts.functions.values()].every(({ isSymbol }) => isSymbol === null)) return 'unknown';
  return probes.some(({ need, isIn }) => need.isCore && !isIn) ? 'no' : 'ok';
};

const reasons = (facts: HostFacts, choice: Choice): readonly string[] => {
  const common = hostObstacles(facts);
  return common.length > 0 ? common : choice.verdicts.map(({ rung, why }) => `${rung}: ${why.join(', ')}`);
};

const hostChecks = (facts: HostFacts): Check[] => {
  const { euid, capabilities: caps, bpftrace, lockdown } = facts;
  const isRoot = euid === null ? null : euid === 0;
  const names = { bpf: 'CAP_BPF', perfmon: 'CAP_PERFMON', sysAdmin: 'CAP_SYS_ADMIN' } as const;
  const held = Object.entries(names).filter(([key]) => caps?.[key as keyof typeof names] === true);
  const canLoad = caps === null ? null : caps.sysAdmin || (caps.bpf && caps.perfmon);
  const check = (what: string, answer: boolean | null, detail: string): Check => ({
    check: what,
    name: null,
    answer: answer === null ? 'unknown' : answer ? 'ok' : 'no',
    detail,
  });
  return [
    check(
      'root',
      isRoot,
      isRoot === false ? `uid ${euid}: loading BPF programs needs root` : `uid ${euid ?? 'unknown'}`,
    ),
    check('capabilities', canLoad, held.map(([, name]) => name).join(' ') || 'none of those that BPF needs'),
    check('kernel', facts.kernel === null ? null : true, facts.kernel ?? 'unknown'),
    check(
      'BTF',
      facts.hasBtf,
      facts.hasBtf
        ? '/sys/kernel/btf/vmlinux'
        : 'no /sys/kernel/btf/vmlinux that can be read: needs a kernel with CONFIG_DEBUG_INFO_BTF=y',
    ),
    ...mountChecks(facts).map(([what, answer, detail]) => check(what, answer, detail)),
    check(
      'lockdown',
      lockdown === null ? null : lockdown !== 'confidentiality',
      lockdown ?? 'the kernel does not say (no /sys/kernel/security/lockdown)',
    ),
    check(
      'pids',
      !facts.hasOwnPids,
      facts.hasOwnPids
        ? 'a pid namespace of its own: who holds sockets outside of it cannot be said (docker run --pid=host, hostPID: true)'
        : "the host's pid namespace: every process can be named",
    ),
    check(
      'bpftrace',
      bpftrace.problem === null,
      bpftrace.problem === null
        ? `${bpftrace.version ?? ''} at ${bpftrace.path ?? 'an unknown place'}`
        : `${bpftrace.problem}${bpftrace.hint === null ? '' : `: ${bpftrace.hint}`}`,
    ),
    check(
      'kprobes',
      facts.hasKprobes === false ? false : (facts.kprobe?.works ?? null),
      facts.hasKprobes === false
        ? 'this kernel is built without them (CONFIG_KPROBES)'
        : trialDetail(facts.kprobe, 'one was'),
    ),
    check('fentry', facts.fentry?.works ?? null, trialDetail(facts.fentry, 'one was')),
  ];
};

const trialDetail = (trial: HostFacts['fentry'], what: string): string =>
  trial === null ? 'not tried' : trial.works ? `${what} loaded` : `one did not load: ${trial.why}`;

const mountChecks = (facts: HostFacts): [string, boolean | null, string][] =>
  (
    [
      ['tracefs', facts.isTracefsMounted],
      ['debugfs', facts.isDebugfsMounted],
    ] as const
  ).map(([what, isMounted]) => {
    if (isMounted === null) return [what, null, 'unknown'];
    if (isMounted) return [what, true, 'mounted'];
    return facts.capabilities?.sysAdmin === true
      ? [what, true, 'not mounted: bpftrace gets one that only it can see']
      : [what, false, 'not mounted, and to mount one for bpftrace needs CAP_SYS_ADMIN'];
  });

const tracepointChecks = (facts: HostFacts): Check[] => {
  const all = new Map(
    Object.values(facts.tracepoints).flatMap((list) => list.map((fact) => [fact.name, fact])),
  );
  return [...all.values()].map(({ name, isThere }) => ({
    check: 'tracepoint',
    name,
    answer: isThere === null ? 'unknown' : isThere ? 'ok' : 'no',
    detail: isThere === null ? 'not asked' : isThere ? '' : 'not in this kernel',
  }));
};

const functionCheck = ({ need, isIn, why }: ProbeVerdict): Check => ({
  check: 'function',
  name: need.function,
  answer: isIn ? 'ok' : 'no',
  detail: isIn ? '' : `${why}; unknown: ${need.unknownWithout}`,
});

const rungCheck = (verdict: RungVerdict): Check => ({
  check: 'rung',
  name: verdict.rung,
  answer: !verdict.works ? 'no' : verdict.isProven ? 'ok' : 'unknown',
  detail: !verdict.works
    ? verdict.why.join('; ')
    : verdict.isProven
      ? 'its probes were loaded and ran'
      : 'nothing speaks against it; not tried',
});

const SIGNS = { ok: 'ok', no: 'no', unknown: '- ' } as const;
const COLUMNS = 80;

const line = ({ check, name, answer, detail }: Check): string[] => {
  const what = check === 'rung' ? (name ?? '') : check;
  const subject = check === 'rung' || name === null ? '' : detail === '' ? name : `${name}: `;
  return wrap(`${SIGNS[answer]}  ${what.padEnd(12)}  `, `${subject}${detail}`);
};

/** Breaks text at spaces, the lines after the first indented to where the text began. */
const wrap = (lead: string, text: string): string[] => {
  const words = text.replace(/[\x00-\x1f\x7f]/g, ' ').split(/ +/);
  const lines = [lead];
  for (const [i, word] of words.entries()) {
    const last = lines.at(-1) ?? '';
    const isFresh = i === 0 || last.trim() === '';
    if (!isFresh && last.length + 1 + word.length > COLUMNS) lines.push(' '.repeat(lead.length) + word);
    else lines[lines.length - 1] = isFresh ? last + word : `${last} ${word}`;
  }
  return lines;
};
