// Whether a change changes what is shown: replays every fixture into every output with two builds, and compares bytes.
//
//   node dist/test/bench/replayed.js /path/to/another/checkout
//
// Exit 0: all equal, or different as is said to be meant (MEANT below, emptied once a release is out); 1: something else.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { apply } from '../../src/core/apply.js';
import type { Event } from '../../src/core/event.js';
import type { createState } from '../../src/core/state/state.js';
import type { createMetrics } from '../../src/outputs/metrics/registry.js';
import type { openReplay } from '../../src/recording/replay.js';
import type { render } from '../../src/tui/frame.js';
import type { createModel, goTo, ViewName } from '../../src/tui/model.js';
import type { prepared } from '../../src/tui/moves.js';

const NEW = fileURLToPath(new URL('../../..', import.meta.url));
const FIXTURES = join(NEW, 'test/fixtures');
const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 200, rows: 50 },
] as const;
const VIEWS: readonly ViewName[] = ['groups', 'group', 'picks', 'binds', 'explain', 'findings'];

/** Each output by name, as bytes that would be printed. */
type Outputs = ReadonlyMap<string, string>;

/** A difference that is meant: what makes both texts the same, and why they are not. */
type Meant = { readonly of: RegExp; readonly same: (text: string) => string; readonly why: string };

const MEANT: readonly Meant[] = [
  {
    of: /^(?:ndjson|check ndjson|check json)$/,
    same: (text) =>
      text.replace(/^\{(?:.*|[\s\S]*?\n)\}$/gm, (json) => JSON.stringify(sorted(JSON.parse(json)))),
    why: 'the keys of a finding stand in one order for all rules: rule and severity first',
  },
  {
    of: /^(?:ndjson|check ndjson|check json)$/,
    same: (text) => text.replace(/(bind|listen) (?:tcp|udp) \d+ (?=\S+ \d+ \S+")/g, '$1 '),
    why: 'the detail of bind-refused names the protocol and the namespace, which tell two such findings apart',
  },
  {
    of: /^screen group /,
    same: (text) =>
      text
        .replaceAll('ACCEPTED', ' ACCEPTS')
        .replace(/^.* picks .* accept.*$/gm, (row) =>
          row.replace(' accepts ', ' accepted ').slice(0, 76).trimEnd(),
        ),
    why: 'what was accepted is called ACCEPTED on the screen, too, a letter longer',
  },
  {
    of: /^metrics /,
    same: (text) =>
      text
        .split('\n')
        .filter((row) => row !== '' && !row.includes('reuseport_member_open_connections'))
        .sort()
        .join('\n'),
    why: 'open connections are a metric, too; those of columns stand in the order of the columns',
  },
  {
    of: /^metrics /,
    same: (text) =>
      text.replace(
        /^reuseport_findings\w*\{rule="(?:accept-failed|dial-failed|lingering|strangers|unread)".*\n/gm,
        '',
      ),
    why: 'there are new rules: accept-failed, dial-failed, lingering, strangers, unread',
  },
  {
    of: /^(?:ndjson|check ndjson|check json|screen findings .*)$/,
    same: (text) => text.replace(/"holderPid":null,|holderPid - +/g, '').replace(/ +│$/gm, ' │'),
    why: 'the evidence of bind-refused names the process that holds the port',
  },
  {
    of: /^screen group /,
    same: (text) => text.replace(/ {2,}c Reach/g, '').replace(/^( q Quit.{60}).*$/gm, '$1'),
    why: 'key c asks what clients it takes to reach a member',
  },
  {
    of: /^(?:explain|report .*|screen explain .*)$/,
    same: (text) =>
      text
        .replace(/The tracepoint rung cannot know:[\s\S]*?(?=Better rungs|<\/p>|```)/g, '')
        .replace(/^1 hash [\s\S]*?(?=^\d )/gm, '')
        .replace(/^ q Quit.*$/gm, ''),
    why: 'the tracepoint rung learns the hash from picks',
  },
];

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
};

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  lines: ['replay', '--speed', '0', '--output', 'lines'],
  ndjson: ['replay', '--speed', '0', '--output', 'ndjson'],
  once: ['replay', '--once'],
  'check lines': ['check'],
  'check json': ['check', '--output', 'json'],
  'check ndjson': ['check', '--output', 'ndjson'],
  'report html': ['report', '--format', 'html'],
  'report markdown': ['report', '--format', 'markdown'],
  explain: ['replay', '--speed', '0', '--explain', '127.0.0.1'],
};

/** stdout, stderr and the exit code of a command. */
const printed = (build: string, words: readonly string[]): string => {
  const env = { ...process.env, TZ: 'UTC', NO_COLOR: '1' };
  const cli = join(build, 'dist/src/cli.js');
  try {
    const text = execFileSync(process.execPath, [cli, ...words], {
      ...{ encoding: 'utf8', env, maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    return `${text}\nexit 0\n`;
  } catch (error) {
    const { stdout, stderr, status } = error as { stdout: string; stderr: string; status: number };
    return `${stdout}\n${stderr}\nexit ${status}\n`;
  }
};

/** A module of a build; `names` are the places in which it has been. */
const moduleOf = async <T>(build: string, ...names: readonly string[]): Promise<T> => {
  const path = names.map((name) => join(build, 'dist/src', name)).find(existsSync);
  if (path === undefined) throw new Error(`${build} has no ${names.join(' or ')}`);
  return (await import(pathToFileURL(path).href)) as T;
};

/** What no command prints of a recording: the metrics and the screen, half way through and at its end. */
const drawn = async (build: string, fixture: string): Promise<[string, string][]> => {
  const core = await moduleOf<{ apply: typeof apply }>(build, 'core/apply.js');
  const states = await moduleOf<{ createState: typeof createState }>(
    build,
    'core/state/state.js',
    'core/state.js',
  );
  const replays = await moduleOf<{ openReplay: typeof openReplay }>(
    build,
    'recording/replay.js',
    'sources/replay.js',
  );
  const metrics = await moduleOf<{ createMetrics: typeof createMetrics }>(
    build,
    'outputs/metrics/registry.js',
  );
  const frames = await moduleOf<{ render: typeof render }>(build, 'tui/frame.js');
  const models = await moduleOf<{ createModel: typeof createModel; goTo: typeof goTo }>(
    build,
    'tui/model.js',
  );
  const moves = await moduleOf<{ prepared: typeof prepared }>(build, 'tui/moves.js');
  const replay = await replays.openReplay({
    paths: [fixture],
    ...{ speed: Number.POSITIVE_INFINITY, from: null, until: null, seconds: null },
    signal: new AbortController().signal,
  });
  const events: Event[] = [];
  for await (const batch of replay.events) events.push(...batch);
  const state = states.createState(replay.scope ?? { ports: [], family: null, netns: null, pid: null });
  const registry = metrics.createMetrics();
  const outputs: [string, string][] = [];
  const look = async (when: string): Promise<void> => {
    const tool = { nowNs: state.nowNs, restarts: 0, usage: [] };
    outputs.push([`metrics ${when}`, await registry.scrape(state, tool)]);
    const [group = null] = state.groups.keys();
    for (const size of SIZES)
      for (const view of VIEWS) {
        const start = {
          ...models.goTo(models.createModel([]), view),
          group: view === 'groups' ? null : group,
        };
        const model = moves.prepared(start, state, size);
        const scene = { state, model, ...size, nowNs: state.nowNs, isReplay: true, elsewhere: () => [] };
        const rows = frames.render(scene).map((row) => row.map(({ text }) => text).join(''));
        outputs.push([`screen ${view} ${size.columns}x${size.rows} ${when}`, `${rows.join('\n')}\n`]);
      }
  };
  for (const [index, event] of events.entries()) {
    core.apply(state, event);
    registry.take(state, event);
    if (index === Math.floor(events.length / 2)) await look('half way');
  }
  await look('at the end');
  return outputs;
};

const outputsOf = async (build: string, fixture: string): Promise<Outputs> => {
  const all = Object.entries(COMMANDS).map(([name, words]): [string, string] => {
    const [command = '', ...options] = words;
    return [name, printed(build, [command, fixture, ...options])];
  });
  return new Map([...all, ...(await drawn(build, fixture))]);
};

/** The lines that stand in one text alone, a few of them. */
const differences = (before: string, after: string): string[] => {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const [inOld, inNow] = [new Set(old), new Set(now)];
  const lines = [
    ...old.filter((text) => !inNow.has(text)).map((text) => `- ${text}`),
    ...now.filter((text) => !inOld.has(text)).map((text) => `+ ${text}`),
  ];
  const shown = lines.slice(0, 12).map((text) => `      ${text.slice(0, 220)}`);
  return lines.length === 0 ? ['      the same lines in another order'] : shown;
};

const other = process.argv[2];
if (other === undefined) throw new Error('name another checkout, with its build in dist');
const counts = { equal: 0, meant: 0, different: 0 };
for (const name of readdirSync(FIXTURES).filter((file) => file.includes('.ndjson'))) {
  const fixture = join(FIXTURES, name);
  const [before, after] = [await outputsOf(other, fixture), await outputsOf(NEW, fixture)];
  for (const [output, now] of after) {
    const old = before.get(output) ?? '';
    if (old === now) {
      counts.equal++;
      continue;
    }
    const whys = MEANT.filter(({ of }) => of.test(output));
    const alike = (text: string): string => whys.reduce((made, { same }) => same(made), text);
    const isMeant = alike(old) === alike(now);
    counts[isMeant ? 'meant' : 'different']++;
    process.stdout.write(`${isMeant ? 'meant    ' : 'DIFFERENT'} ${name} ${output}\n`);
    for (const text of isMeant ? whys.map(({ why }) => `      ${why}`) : differences(alike(old), alike(now)))
      process.stdout.write(`${text}\n`);
  }
}
process.stdout.write(
  `${counts.equal} outputs equal, ${counts.meant} different as meant, ${counts.different} different\n`,
);
process.exitCode = counts.different > 0 ? 1 : 0;
