// What tracing costs in the kernel: ns in the programs of this tool and of its peers for each connection, and what the
// server's connections per second become, each beside an untraced run just before it.
//
// USAGE: node dist/test/bench/kernel.js [--try] [--rounds N] [--only WORD]     as root; in a guest: npm run lab -- trixie bench
import type { Rung } from '../../src/core/event.js';
import { askHost, THIS_HOST } from '../../src/host/facts.js';
import { chooseRung } from '../../src/host/ladder.js';
import { startServers, stopAll, waitFor } from '../workloads/workload.js';
import { cpuSeconds, familyOf, measurePrograms, type Program, programName, programsOf } from './cpu.js';
import { type Figure, isTry, median, report, spread } from './figure.js';
import { connectionRate } from './rate.js';
import { PEERS, type Running, type Subject, start, toolSubjects } from './subjects.js';

const roundsAt = process.argv.indexOf('--rounds');
const ROUNDS = roundsAt > 0 ? Number(process.argv[roundsAt + 1]) : isTry ? 1 : 3;
/** Subjects that have this in their name. */
const onlyAt = process.argv.indexOf('--only');
const ONLY = onlyAt > 0 ? (process.argv[onlyAt + 1] ?? '') : '';
/** Of one timed run, untraced. */
const SECONDS = isTry ? 0.5 : 3;
const LOADS = 3;
const PORT = process.env.LAB_GUEST === undefined ? 22_002 : 6002;
/** bpftrace takes 30 s to attach 40 probes in an emulated guest, and minutes beside other work. */
const ATTACH_MS = 300_000;
const LOOK_MS = 1000;

/** What one start of a subject showed. */
type Sample = {
  /** Connections a second, traced / untraced. */
  readonly ratio: number;
  /** In all programs together, for each connection. */
  readonly nsPerConnection: number;
  /** CPU of its processes for each connection, microseconds. */
  readonly cpuUs: number;
  readonly programs: readonly { readonly name: string; readonly runs: number; readonly ns: number }[];
};

const load = (count: number): Promise<number> => connectionRate(PORT, count);

/** Waits until the same programs have run at two looks a second apart, with connections in between. */
const attached = async ({ child, ended }: Running, { sees }: Subject): Promise<void> => {
  let before = '';
  let lookedMs = 0;
  await waitFor(
    'its programs to be attached',
    async () => {
      if (ended() !== null) return true;
      if (performance.now() - lookedMs < LOOK_MS) return false;
      await load(20);
      const programs = programsOf(familyOf(child.pid ?? 0));
      const ran = programs.filter(({ runs }) => runs > 0).map(({ id }) => id);
      const now = `${programs.length} ${ran}`;
      const isSame = programs.length > 0 && now === before && (ran.length > 0 || sees === 'listeners');
      lookedMs = performance.now();
      before = now;
      return isSame;
    },
    ATTACH_MS,
  );
};

const difference = (after: readonly Program[], before: readonly Program[]): Program[] =>
  after.map((program) => {
    const was = before.find(({ id }) => id === program.id);
    return { ...program, runs: program.runs - (was?.runs ?? 0), ns: program.ns - (was?.ns ?? 0) };
  });

/** The middle of several runs: one alone says little on a machine with other work. */
const middleRate = async (count: number): Promise<number> => {
  const rates: number[] = [];
  for (let i = 0; i < LOADS; i++) rates.push(await load(count));
  return median(rates);
};

/** One start of a subject: how fast without, with, and what its programs took. The reason when it does not run. */
const sample = async (subject: Subject, count: number): Promise<Sample | string> => {
  const command = subject.command(PORT);
  if (command === null) return 'not installed';
  const untraced = await middleRate(count);
  measurePrograms('1');
  const running = start(command);
  try {
    await attached(running, subject);
    const ended = running.ended();
    if (ended !== null) return ended;
    measurePrograms('0');
    const pids = familyOf(running.child.pid ?? 0);
    const cpuBefore = cpuSeconds(pids);
    const traced = await middleRate(count);
    const cpuUs = ((cpuSeconds(pids) - cpuBefore) / (LOADS * count)) * 1e6;
    measurePrograms('1');
    const before = programsOf(pids);
    await load(count);
    const programs = difference(programsOf(pids), before).filter(({ runs }) => runs > 0);
    return {
      ratio: traced / untraced,
      nsPerConnection: programs.reduce((sum, { ns }) => sum + ns, 0) / count,
      cpuUs,
      programs: programs.map(({ id, runs, ns }) => ({
        name: programName(id),
        runs: runs / count,
        ns: ns / runs,
      })),
    };
  } finally {
    await running.stop();
    measurePrograms('0');
  }
};

const figuresOf = (subject: string, samples: readonly Sample[]): Figure[] => {
  const figure = (what: string, unit: string, values: readonly number[], goal?: Figure['goal']): Figure => ({
    what: `${subject}: ${what}`,
    value: median(values),
    unit,
    note: spread(values),
    ...(goal === undefined ? {} : { goal }),
  });
  const isDefault = subject.endsWith(', default');
  return [
    figure(
      'connections/s, traced / untraced',
      'x',
      samples.map(({ ratio }) => ratio),
      isDefault ? { above: 0.99 } : undefined,
    ),
    figure(
      'in its programs, each connection',
      'ns',
      samples.map(({ nsPerConnection }) => nsPerConnection),
    ),
    figure(
      'its processes, each connection',
      'us CPU',
      samples.map(({ cpuUs }) => cpuUs),
    ),
    ...(samples[0]?.programs ?? []).map(({ name, runs, ns }) => ({
      what: `  ${name}`,
      value: ns,
      unit: 'ns/run',
      note: `${runs.toPrecision(2)} runs each connection`,
    })),
  ];
};

/** The default of each rung beside each peer that tells of connections, as a ratio of ns. */
const comparisons = (samples: ReadonlyMap<Subject, readonly Sample[]>): Figure[] => {
  const costs = [...samples].map(([subject, found]) => ({
    subject,
    ns: median(found.map(({ nsPerConnection }) => nsPerConnection)),
  }));
  const peers = costs.filter(
    ({ subject, ns }) => PEERS.includes(subject) && subject.sees === 'connections' && ns > 0,
  );
  return costs
    .filter(({ subject }) => subject.name.endsWith(', default'))
    .flatMap(({ subject, ns }) =>
      peers.map((peer) => ({
        what: `ns of ${subject.name} / of ${peer.subject.name}`,
        value: ns / peer.ns,
        unit: 'x',
        goal: { below: 1 },
      })),
    );
};

const rungsHere = async (): Promise<Rung[]> => {
  const facts = await askHost(THIS_HOST, () => undefined, { tryLoading: false });
  return chooseRung(facts, null)
    .verdicts.filter(({ works }) => works)
    .map(({ rung }) => rung);
};

const statsBefore = measurePrograms('0');
try {
  await startServers(4, { port: PORT, backlog: 4096 });
  const rate = await load(isTry ? 200 : 1000);
  const count = Math.round(rate * SECONDS);
  const samples = new Map<Subject, Sample[]>();
  const failures = new Map<Subject, string>();
  const subjects = [...toolSubjects(await rungsHere()), ...PEERS].filter(({ name }) => name.includes(ONLY));
  for (let round = 0; round < ROUNDS; round++) {
    for (const subject of subjects.filter((each) => !failures.has(each))) {
      const found = await sample(subject, count);
      if (typeof found === 'string') failures.set(subject, found);
      else samples.set(subject, [...(samples.get(subject) ?? []), found]);
      console.info(
        `round ${round + 1}: ${subject.name}: ${typeof found === 'string' ? found : found.ratio.toFixed(3)}`,
      );
    }
  }
  const parts = ['kernel', process.env.LAB_GUEST ?? '', ONLY.replaceAll(/\W+/g, '-')];
  report(parts.filter((part) => part !== '').join('-'), [
    { what: 'connections of each timed run', value: count, unit: '' },
    { what: 'connections/s, untraced', value: rate, unit: '/s' },
    ...[...samples].flatMap(([{ name }, found]) => figuresOf(name, found)),
    ...[...failures].map(([{ name }, why]) => ({
      what: name,
      value: Number.NaN,
      unit: '',
      note: `cannot run: ${why}`,
    })),
    ...comparisons(samples),
  ]);
} finally {
  measurePrograms(statsBefore);
  await stopAll();
}
