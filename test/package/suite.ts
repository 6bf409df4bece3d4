// A fresh Debian of some suite in a folder, with this host's /proc, /sys and /dev: what a package meets when it is installed.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const MIRROR = process.env.LAB_MIRROR ?? 'http://deb.debian.org/debian';
const CACHE = join(process.env.LAB_CACHE ?? join(homedir(), '.cache/reuseport-trace'), 'suites');

export type Suite = {
  /** The folder that is its root. */
  readonly root: string;
  /** Runs a command in it; never throws for an exit code. */
  readonly run: (...command: readonly string[]) => Promise<{ exitCode: number | undefined; output: string }>;
  /** Unmounts it and removes what was written. */
  readonly close: () => Promise<void>;
};

/** Debootstraps the suite once, and lays a folder over it for this use. As root. */
export const openSuite = async (suite: string): Promise<Suite> => {
  const base = join(CACHE, suite);
  if (!existsSync(base)) {
    mkdirSync(CACHE, { recursive: true });
    const building = `${base}.building`;
    rmSync(building, { recursive: true, force: true });
    // Debian 12's debootstrap has no script for later code names; all are sid's.
    const script = `/usr/share/debootstrap/scripts/${suite}`;
    await execa('debootstrap', [
      '--variant=minbase',
      suite,
      building,
      MIRROR,
      existsSync(script) ? script : '/usr/share/debootstrap/scripts/sid',
    ]);
    writeFileSync(join(building, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    await execa('mv', [building, base]);
  }
  const folder = mkdtempSync(join(tmpdir(), `suite-${suite}-`));
  const [root, upper, work] = ['root', 'upper', 'work'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [root, upper, work]) mkdirSync(path);
  await execa('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base},upperdir=${upper},workdir=${work}`,
    root,
  ]);
  for (const path of ['proc', 'sys', 'dev']) {
    await execa('mount', ['--rbind', `/${path}`, join(root, path)]);
    await execa('mount', ['--make-rslave', join(root, path)]);
  }
  return {
    root,
    run: async (...command) => {
      const { exitCode, all } = await execa('chroot', [root, ...command], {
        all: true,
        reject: false,
        env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        extendEnv: false,
      });
      return { exitCode, output: all ?? '' };
    },
    close: async () => {
      await execa('umount', ['-R', root], { reject: false });
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
