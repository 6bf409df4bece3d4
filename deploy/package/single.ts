// Makes the one executable file: the Node that runs this, with the bundle inside, as Node's single executable applications are made.
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

/** What marks a binary of Node that holds an application (https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** Writes the executable to `path`; `folder` takes what is made on the way. Throws what a step says. */
export const makeSingle = async (
  root: string,
  script: string,
  folder: string,
  path: string,
): Promise<void> => {
  writeFileSync(join(folder, 'main.cjs'), script);
  // Names without a folder, because the blob holds them; no code cache, which each build would make otherwise.
  const config = {
    main: 'main.cjs',
    output: 'main.blob',
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
  };
  writeFileSync(join(folder, 'sea.json'), JSON.stringify(config));
  await execa(process.execPath, ['--experimental-sea-config', 'sea.json'], { cwd: folder });
  rmSync(path, { force: true });
  copyFileSync(process.execPath, path);
  await execa(join(root, 'node_modules/.bin/postject'), [
    path,
    'NODE_SEA_BLOB',
    join(folder, 'main.blob'),
    '--sentinel-fuse',
    FUSE,
  ]);
  chmodSync(path, 0o755);
  seal(path);
};

/** The last line of the file: its size and SHA-256 without that line (src/seal.ts reads it). */
const seal = (path: string): void => {
  const bytes = readFileSync(path);
  const sum = createHash('sha256').update(bytes).digest('hex');
  appendFileSync(path, `\nreuseport-trace ${String(bytes.length).padStart(12, '0')} ${sum}\n`);
};
