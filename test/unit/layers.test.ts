// Holds the import table of src/README.md: who may import whom, and which package stands in which one file.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** Files that may import everything. */
const WIRING = ['cli.ts', 'main.ts', 'run.ts', 'source.ts'];
/** A room (a folder or a loose file) and the rooms that it may import beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  'newfile.ts': [],
  'package.ts': [],
  'environment.ts': [],
  'seal.ts': [],
  core: [],
  args: ['core'],
  bpftrace: ['core', 'errors.ts', 'package.ts'],
  proc: ['core'],
  recording: ['core', 'errors.ts', 'newfile.ts'],
  host: ['core', 'bpftrace', 'proc', 'errors.ts', 'package.ts'],
  live: ['core', 'bpftrace', 'proc', 'package.ts'],
  hash: ['core', 'package.ts'],
  reach: ['core', 'hash', 'package.ts'],
  members: ['core'],
  outputs: ['core', 'hash', 'members', 'newfile.ts'],
  tui: ['core', 'package.ts', 'members'],
  modes: [
    'core',
    'args',
    'members',
    'outputs',
    'tui',
    'proc',
    'hash',
    'reach',
    'source.ts',
    'environment.ts',
    'errors.ts',
  ],
  demo: ['core', 'bpftrace', 'host', 'proc', 'recording', 'errors.ts', 'package.ts'],
};
/** The same for the rooms inside core, whose loose files are event, cause, rung and apply. */
const CORE_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'core/event.ts': ['core/text'],
  'core/cause.ts': ['core/event.ts'],
  'core/rung.ts': ['core/event.ts'],
  'core/text': [],
  'core/statistics': ['core/text'],
  'core/state': ['core/event.ts', 'core/rung.ts', 'core/text', 'core/statistics'],
  'core/words': [
    'core/event.ts',
    'core/cause.ts',
    'core/rung.ts',
    'core/text',
    'core/statistics',
    'core/state',
  ],
  'core/findings': [
    'core/event.ts',
    'core/rung.ts',
    'core/text',
    'core/statistics',
    'core/state',
    'core/words',
  ],
  'core/wire': ['core/event.ts', 'core/cause.ts', 'core/text'],
  'core/apply.ts': ['core/event.ts', 'core/text', 'core/state', 'core/findings'],
};
/** Files that may import node: modules; the views, the arguments and core are pure. */
const IMPURE =
  /^(?:source|newfile|package|seal|environment)\.ts$|^(?:bpftrace|proc|live|host|recording|outputs|modes|reach|demo)\/|^hash\/(?:hunt|worker)\.ts$|^tui\/screen\.ts$/;
/** The file that imports it, or the folder. */
const PACKAGES: Readonly<Record<string, string>> = {
  execa: 'bpftrace/tracer.ts',
  blessed: 'tui/screen.ts',
  commander: 'args/',
  'prom-client': 'outputs/metrics/registry.ts',
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const textOf = (file: string): string => readFileSync(join(SRC, file), 'utf8');

/** What a file imports: its own files as paths below src, packages and node: modules as they are written. */
const importsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:\bfrom |\bimport\(|^import |\brequire(?:\.resolve)?\()'([^']+)'/gm)].map(
    ([, name = '']) =>
      name.startsWith('.') ? relative(SRC, join(SRC, dirname(file), name.replace(/\.js$/, '.ts'))) : name,
  );

const roomOf = (file: string): string => file.split('/')[0] ?? file;
const coreRoomOf = (file: string): string => file.split('/').slice(0, 2).join('/');
const isOwn = (name: string): boolean => name.endsWith('.ts');

const mayImport = (file: string, name: string): boolean => {
  const where = PACKAGES[name];
  return where !== undefined && (where.endsWith('/') ? file.startsWith(where) : file === where);
};

describe.each(files)('%s', (file) => {
  const own = importsOf(file).filter(isOwn);
  const outside = importsOf(file).filter((name) => !isOwn(name));

  it('imports only what its room may', () => {
    if (WIRING.includes(file)) return;
    const room = roomOf(file);
    const allowed = [room, ...(MAY_IMPORT[room] ?? [])];
    expect(own.filter((name) => !allowed.includes(roomOf(name)))).toEqual([]);
    if (room !== 'core') return;
    const inner = [coreRoomOf(file), ...(CORE_MAY_IMPORT[coreRoomOf(file)] ?? [])];
    expect(own.filter((name) => !inner.includes(coreRoomOf(name)))).toEqual([]);
  });

  it('imports packages and node: only where they belong', () => {
    const isAllowed = (name: string): boolean =>
      name.startsWith('node:') ? IMPURE.test(file) : mayImport(file, name.split('/')[0] ?? name);
    expect(outside.filter((name) => !isAllowed(name))).toEqual([]);
  });

  it('has no default export and is no barrel', () => {
    expect(textOf(file)).not.toMatch(/^export default|^export \* from/m);
    expect(file).not.toMatch(/(?:^|\/)index\.ts$/);
  });
});

describe('the whole of src', () => {
  it('has a rule for every room', () => {
    const rooms = [...new Set(files.map(roomOf))].filter((room) => !WIRING.includes(room)).sort();
    expect(rooms).toEqual(Object.keys(MAY_IMPORT).sort());
    const inner = [...new Set(files.filter((file) => roomOf(file) === 'core').map(coreRoomOf))].sort();
    expect(inner).toEqual(Object.keys(CORE_MAY_IMPORT).sort());
  });

  it('lets nobody import cli.ts, and only those above them main.ts and run.ts', () => {
    const importers = (name: string): string[] => files.filter((file) => importsOf(file).includes(name));
    expect(['cli.ts', 'main.ts', 'run.ts'].map(importers)).toEqual([[], ['cli.ts'], ['main.ts']]);
  });

  it('imports the packages it has rules for', () => {
    for (const name of Object.keys(PACKAGES)) {
      const where = files.filter((file) => mayImport(file, name));
      expect(where.flatMap(importsOf)).toContain(name);
    }
  });

  it('has outputs that stand side by side and import none of each other', () => {
    const siblings = ['check', 'explain', 'lines', 'ndjson', 'snapshot', 'metrics', 'report'];
    const siblingOf = (file: string): string | undefined =>
      siblings.find((name) => file === `outputs/${name}.ts` || file.startsWith(`outputs/${name}/`));
    const sideways = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => siblingOf(file) !== undefined && siblingOf(name) !== undefined)
        .filter((name) => siblingOf(file) !== siblingOf(name))
        .map((name) => `${file} -> ${name}`),
    );
    expect(sideways).toEqual([]);
  });

  it('draws frames in the loop alone: what a key does needs no drawing', () => {
    expect(files.filter((file) => importsOf(file).includes('tui/frame.ts'))).toEqual(['tui/loop.ts']);
  });

  it('has no cycles', () => {
    const done = new Set<string>();
    const walk = (file: string, path: readonly string[]): readonly string[] => {
      if (path.includes(file)) return [...path, file];
      if (done.has(file)) return [];
      const cycle = importsOf(file)
        .filter(isOwn)
        .map((next) => walk(next, [...path, file]))
        .find((found) => found.length > 0);
      done.add(file);
      return cycle ?? [];
    };
    for (const file of files) expect(walk(file, [])).toEqual([]);
  });
});
