// Packs the npm package: the built program with a shrinkwrap of its runtime dependencies, so that it installs what was tested.
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

type Lock = {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
};

/** Writes `reuseport-trace-VERSION.tgz` into `target` and returns its path; `folder` takes what is made on the way. */
export const makeNpm = async (root: string, folder: string, target: string): Promise<string> => {
  mkdirSync(folder, { recursive: true });
  const { devDependencies: _, scripts: __, ...manifest } = readJson(join(root, 'package.json'));
  const files = manifest.files as readonly string[];
  for (const file of [...files, 'README.md', 'CHANGELOG.md', 'LICENSE'])
    cpSync(join(root, file), join(folder, file), { recursive: true });
  const packed = { ...manifest, files: [...files, 'npm-shrinkwrap.json'] };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`);
  writeFileSync(join(folder, 'npm-shrinkwrap.json'), `${JSON.stringify(shrinkwrap(root), null, 2)}\n`);
  const { stdout } = await execa('npm', ['pack', '--silent', '--ignore-scripts'], { cwd: folder });
  const name = stdout.trim();
  renameSync(join(folder, name), join(target, name));
  return join(target, name);
};

/** package-lock.json without what only developers need: an npm-shrinkwrap.json has the same form (npm help shrinkwrap). */
const shrinkwrap = (root: string): unknown => {
  const lock = readJson(join(root, 'package-lock.json')) as Lock & Record<string, unknown>;
  const packages = Object.entries(lock.packages)
    .filter(([, entry]) => entry.dev !== true && entry.devOptional !== true)
    .map(([path, entry]) => {
      if (path !== '') return [path, entry];
      const { devDependencies: _, ...own } = entry as Record<string, unknown>;
      return [path, own];
    });
  return { ...lock, packages: Object.fromEntries(packages) };
};

const readJson = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
