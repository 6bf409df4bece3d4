// Holds the import table of the architecture: who may import whom, and which package stands in which one file.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** A file, or else its folder, and the files and folders that it may import; WIRING may import everything. */
const WIRING = ['cli.ts', 'source.ts', 'surface.ts', 'serve.ts'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  'errors.ts': [],
  args: ['args', 'core'],
  sources: ['sources', 'core', 'errors.ts'],
  outputs: ['outputs', 'core'],
  tui: ['tui', 'core'],
  demo: ['demo', 'core', 'sources', 'errors.ts'],
  'doctor.ts': ['core', 'sources', 'errors.ts'],
};
/** Files that may import node: modules; the views and core are pure. */
const IMPURE = /^(?:cli|source|surface|doctor)\.ts$|^(?:sources|outputs|demo)\/|^tui\/screen\.ts$/;
/** The file that imports it, or the folder. */
const PACKAGES: Readonly<Record<string, string>> = {
  execa: 'sources/bpftrace.ts',
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
    const allowed = MAY_IMPORT[roomOf(file)] ?? [];
    expect(own.filter((name) => !allowed.includes(roomOf(name)))).toEqual([]);
    expect(own.filter((name) => WIRING.includes(name))).toEqual([]);
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
  });

  it('lets nobody import cli.ts', () => {
    expect(files.filter((file) => importsOf(file).includes('cli.ts'))).toEqual([]);
  });

  it('imports the packages it has rules for', () => {
    for (const name of Object.keys(PACKAGES)) {
      const where = files.filter((file) => mayImport(file, name));
      expect(where.flatMap(importsOf)).toContain(name);
    }
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
