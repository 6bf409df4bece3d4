// The licences of what a package holds: the program, the npm packages bundled with it, and Node in the single file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The file `copyright` of a Debian package (copyright-format 1.0). `hasNode`: Node is inside as well. */
export const copyright = (root: string, hasNode: boolean): string => {
  const [, years = ''] = /Copyright \(c\) (.*)/.exec(readFileSync(join(root, 'LICENSE'), 'utf8')) ?? [];
  const text = readFileSync(join(root, 'LICENSE'), 'utf8').split('\n').slice(4).join('\n');
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: reuseport-trace
Comment: the program holds npm packages${hasNode ? ' and Node.js' : ''} under licences of their own:
 NPM-LICENSES.gz${hasNode ? ' and NODE-LICENSE.gz' : ''} beside this file have their texts.

Files: *
Copyright: ${years}
License: Expat
${indented(text)}
`;
};

/** The texts of the licences of every npm package that the program holds. */
export const npmLicenses = (root: string): string =>
  packagesIn(root)
    .map(({ name, license, text }) => `${'='.repeat(72)}\n${name} (${license})\n\n${text}`)
    .join('\n');

/** The licence of the Node that runs this, with those of its parts; empty where its distribution has none. */
export const nodeLicense = (): string => {
  const path = ['../LICENSE', '../share/doc/nodejs/LICENSE', '../share/doc/nodejs/copyright']
    .map((name) => join(dirname(process.execPath), name))
    .find((name) => existsSync(name));
  return path === undefined ? '' : readFileSync(path, 'utf8');
};

type Licensed = { readonly name: string; readonly license: string; readonly text: string };

/** The runtime packages, by package-lock.json, with the texts of their licences. */
const packagesIn = (root: string): Licensed[] => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; license?: string }>;
  };
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true)
    .map(([path, entry]) => {
      const folder = join(root, path);
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
      return {
        name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
        license: entry.license ?? 'unknown',
        text:
          file === undefined
            ? `(${entry.license ?? 'no licence file'})`
            : readFileSync(join(folder, file), 'utf8'),
      };
    });
};

const indented = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => ` ${line.trim() === '' ? '.' : line.trimEnd()}`)
    .join('\n');
