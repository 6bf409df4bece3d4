// Which programs the lab needs on this machine, and how to get them. Knows apt; refuses
// to install anything without saying so first.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';

/** Command name -> the Debian package that has it. */
export type Needs = Readonly<Record<string, string>>;

export async function installMissing(needs: Needs): Promise<void> {
  const missing = Object.entries(needs).filter(([command]) => !isInPath(command));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  const line = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  const commands = missing.map(([command]) => command).join(', ');
  if (process.getuid?.() !== 0 || !isInPath('apt-get')) {
    throw new Error(`cannot start the lab: this machine has no ${commands}. As root: ${line}`);
  }
  console.error(`lab: this machine has no ${commands}; running ${line}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await execa('apt-get', ['-qq', 'update'], { env, stdout: 'ignore', stderr: 'inherit', stdin: 'ignore' });
  const install = ['-qq', '-y', 'install', '--no-install-recommends', ...packages];
  await execa('apt-get', install, { env, stdout: 'ignore', stderr: 'inherit', stdin: 'ignore' });
}

/** mke2fs and debootstrap are in sbin, which is not in every user's PATH. */
export const searchPath = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;

function isInPath(command: string): boolean {
  return searchPath.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
