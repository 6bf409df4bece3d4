// The second disk: this project, Node and the job, as a guest sees them under /project.
// Knows what a guest needs of the checkout; knows nothing of how the disk gets there.

import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { searchPath } from './host.js';

/** Of the checkout; what does not exist is left out. */
const parts = ['package.json', 'dist', 'probes', 'test'];

export type Job = {
  /** A bash script, run with /project as its directory. */
  readonly script: string;
  /** Read by guest-init.sh. */
  readonly settings: Readonly<Record<string, string>>;
};

/** Makes `disk` in the existing directory `scratch` and returns its path. */
export async function makeProjectDisk(checkout: string, scratch: string, job: Job): Promise<string> {
  const tree = join(scratch, 'project');
  const lab = join(tree, '.lab');
  await mkdir(join(lab, 'bin'), { recursive: true });
  const kept = [...parts, ...(await runtimeModules(checkout))].filter((part) =>
    existsSync(join(checkout, part)),
  );
  for (const part of kept) {
    await mkdir(dirname(join(tree, part)), { recursive: true });
    await execa('cp', ['-a', join(checkout, part), join(tree, part)]);
  }
  // nodejs.org's and NodeSource's builds need libc and libstdc++, which bpftrace brings.
  await execa('cp', [await realpath(process.execPath), join(lab, 'bin', 'node')]);
  await chmod(join(lab, 'bin', 'node'), 0o755);
  const settings = Object.entries(job.settings).map(([name, value]) => `${name}=${quote(value)}\n`);
  await writeFile(join(lab, 'settings'), settings.join(''));
  await writeFile(join(lab, 'job'), job.script);

  const disk = join(scratch, 'project.img');
  // Sparse. Node is 100 MB, the rest a few; what remains is room for a job that writes.
  const options = ['-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-E', 'root_owner=0:0', '-d', tree];
  await execa('mke2fs', [...options, disk, '1G'], { env: { PATH: searchPath } });
  return disk;
}

/** One word of a shell command. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** npm's own record of what it installed says which packages only developers need. */
async function runtimeModules(checkout: string): Promise<readonly string[]> {
  const lock = JSON.parse(await readFile(join(checkout, 'node_modules', '.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
  };
  const runtime = Object.entries(lock.packages).filter(([, one]) => !one.dev && !one.devOptional);
  return runtime.map(([path]) => path);
}
