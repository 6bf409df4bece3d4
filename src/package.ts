// The package's own files: probes, version and build, from its folder or from inside the single file.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** What deploy/package/bundle.ts puts before the bundled program: file texts by their path in the package. */
type Embedded = { readonly files: Readonly<Record<string, string>> };

const embedded = (): Embedded | null => (globalThis as { reuseportTrace?: Embedded }).reuseportTrace ?? null;

/** The program runs from a bundle that holds everything, not from a folder. */
export const isBundle = (): boolean => embedded() !== null;

/** It runs from the one executable file that holds Node as well (node:sea is there since 20.12). */
export const isSingleFile = (): boolean =>
  isBundle() && (createRequire(import.meta.url)('node:sea') as { isSea: () => boolean }).isSea();

/** URL of the package's folder, with a slash at the end. Throws when there is none (a broken installation). */
export const packageRoot = (): URL => {
  for (const up of ['../', '../../', '../../../']) {
    const root = new URL(up, import.meta.url);
    if (existsSync(new URL('probes/', root)) && existsSync(new URL('package.json', root))) return root;
  }
  throw new Error(`no package.json and probes/ above ${import.meta.url}`);
};

/** The text of a file of the package, such as `probes/common/bind.bt`. Throws when there is none (a broken installation). */
export const packageFile = (path: string): string => {
  const bundle = embedded();
  if (bundle === null) return readFileSync(new URL(path, packageRoot()), 'utf8');
  const text = bundle.files[path];
  if (text === undefined) throw new Error(`no ${path} in this file`);
  return text;
};

/** Version of reuseport-trace, from package.json. */
export const packageVersion = (): string => {
  const parsed: unknown = JSON.parse(packageFile('package.json'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '0';
};

/** The commit that was built, as `npm run build` wrote it down; empty where there was no git. */
const buildCommit = (): string => {
  try {
    return packageFile('dist/commit').trim();
  } catch {
    return '';
  }
};

/** What --version says: `0.2.0 (commit 0123456789ab, single file)`. */
export const versionText = (): string => {
  const commit = buildCommit();
  const more = [...(commit === '' ? [] : [`commit ${commit}`]), ...(isSingleFile() ? ['single file'] : [])];
  return more.length === 0 ? packageVersion() : `${packageVersion()} (${more.join(', ')})`;
};
