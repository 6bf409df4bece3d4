// Finds the package's own folder, which holds probes/ and package.json, from wherever this file was compiled to.
import { existsSync, readFileSync } from 'node:fs';

/** URL of the package's folder, with a slash at the end. Throws when there is none (a broken installation). */
export const packageRoot = (): URL => {
  for (const up of ['../', '../../', '../../../']) {
    const root = new URL(up, import.meta.url);
    if (existsSync(new URL('probes/', root)) && existsSync(new URL('package.json', root))) return root;
  }
  throw new Error(`no package.json and probes/ above ${import.meta.url}`);
};

/** Version of reuseport-trace, from package.json. */
export const packageVersion = (): string => {
  const parsed: unknown = JSON.parse(readFileSync(new URL('package.json', packageRoot()), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : '0';
};
