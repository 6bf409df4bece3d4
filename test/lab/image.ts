// Which guests there are, what is in them, and their cached images. Knows the recipe of
// each and leaves the cooking to rootfs.sh; knows nothing of QEMU or of the project.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { installMissing } from './host.js';

/** Oldest first. Each is a suite of Debian's archive, for debootstrap and for the user. */
export const suites = ['bookworm', 'trixie', 'sid'] as const;
export type Suite = (typeof suites)[number];

/** In every guest. busybox-static is the initramfs; nginx and HAProxy are workloads; one guest has NSD with its load, and the peers of the benchmark, too. */
const packages = [
  'bpftrace',
  'bpftool',
  'busybox-static',
  'haproxy',
  'iproute2',
  'kmod',
  'linux-image-amd64',
  'nginx-light',
  'perl-base',
  'procps',
  'util-linux',
];
const packagesOfSuite: Record<Suite, readonly string[]> = {
  bookworm: [],
  trixie: ['dnsperf', 'libbpf-tools', 'nsd'],
  sid: [],
};

export type Image = {
  readonly suite: Suite;
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  /** "kernel 6.12.107+deb13-amd64, bpftrace 0.23.2-1" */
  readonly summary: string;
};

export const cacheDirectory =
  process.env.LAB_CACHE ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'reuseport-trace', 'lab');

const mirror = process.env.LAB_MIRROR ?? 'http://deb.debian.org/debian';

/** The image of a suite, built first when the cache has none of this recipe. */
export async function prepareImage(suite: Suite, script: string): Promise<Image> {
  const wanted = [...packages, ...packagesOfSuite[suite]];
  // The mirror is not in the hash: it says where a package comes from, not which.
  const recipe = createHash('sha256').update(JSON.stringify([suite, wanted, await readFile(script, 'utf8')]));
  const directory = join(cacheDirectory, `${suite}-${recipe.digest('hex').slice(0, 12)}`);
  if (!existsSync(directory)) await build(suite, wanted, script, directory);
  return {
    suite,
    disk: join(directory, 'root.img'),
    kernel: join(directory, 'vmlinuz'),
    initrd: join(directory, 'initrd.img'),
    summary: summarize(await readFile(join(directory, 'versions'), 'utf8')),
  };
}

async function build(
  suite: Suite,
  wanted: readonly string[],
  script: string,
  directory: string,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(
      `cannot build the image of ${suite}: debootstrap needs root. Try: sudo npm run lab -- --prepare`,
    );
  }
  await installMissing({
    debootstrap: 'debootstrap',
    mke2fs: 'e2fsprogs',
    cpio: 'cpio',
    zstd: 'zstd',
    xz: 'xz-utils',
  });
  await mkdir(cacheDirectory, { recursive: true });
  const logPath = join(cacheDirectory, `${suite}.log`);
  console.error(`lab: ${suite}: building the image, a minute or two; its log is ${logPath}`);
  try {
    await execa('bash', [script, suite, mirror, directory, ...wanted], { stdin: 'ignore' });
  } catch (cause) {
    const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n');
    throw new Error(`cannot build the image of ${suite}:\n${lines.slice(-20).join('\n')}`, { cause });
  }
  for (const old of await readdir(cacheDirectory)) {
    const path = join(cacheDirectory, old);
    if (old.startsWith(`${suite}-`) && path !== directory) await rm(path, { recursive: true, force: true });
  }
}

function summarize(versions: string): string {
  const lines = versions.split('\n');
  return lines.filter((line) => /^(kernel|bpftrace) /.test(line)).join(', ');
}
