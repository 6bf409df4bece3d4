// Makes the Debian packages: a script for suites that have Node 20.19 or newer, and one with the single file for those that have not.
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { copyright, nodeLicense, npmLicenses } from './copyright.js';

/** A package that is to be made. */
export type Deb = {
  /** `all` runs on the suite's own Node; a machine's architecture carries Node along. */
  readonly architecture: 'all' | 'amd64' | 'arm64';
  /** The program: a script that needs Node, or the executable. */
  readonly program: string;
  readonly version: string;
  /** Seconds since 1970 that every file has, so that two builds are the same. */
  readonly epoch: number;
  readonly man: string;
  readonly completions: Readonly<Record<'bash' | 'zsh' | 'fish', string>>;
};

const NAME = 'reuseport-trace';
const MAINTAINER = 'reuseport-trace maintainers <maintainers@reuseport-trace.org>';

/** Writes `NAME_VERSION_ARCHITECTURE.deb` into `target` and returns its path. Throws what dpkg-deb says. */
export const makeDeb = async (root: string, deb: Deb, folder: string, target: string): Promise<string> => {
  const put = (path: string, content: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
    chmodSync(join(folder, path), mode);
  };
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');

  put(`usr/bin/${NAME}`, readFileSync(deb.program), 0o755);
  put(`usr/share/man/man1/${NAME}.1.gz`, packed(deb.man));
  put(`usr/share/bash-completion/completions/${NAME}`, deb.completions.bash);
  put(`usr/share/zsh/vendor-completions/_${NAME}`, deb.completions.zsh);
  put(`usr/share/fish/vendor_completions.d/${NAME}.fish`, deb.completions.fish);
  put(`usr/lib/systemd/system/${NAME}.service`, unitOf(read('deploy/systemd/reuseport-trace.service')));
  cpSync(join(root, 'probes'), join(folder, `usr/share/${NAME}/probes`), { recursive: true });
  const doc = `usr/share/doc/${NAME}`;
  for (const example of ['prometheus', 'grafana', 'systemd/least-privilege.conf'])
    cpSync(join(root, 'deploy', example), join(folder, doc, 'examples', example), { recursive: true });
  put(`${doc}/copyright`, copyright(root, deb.architecture !== 'all'));
  put(`${doc}/NPM-LICENSES.gz`, packed(npmLicenses(root)));
  if (deb.architecture !== 'all') put(`${doc}/NODE-LICENSE.gz`, packed(nodeLicense()));
  put(`${doc}/CHANGELOG.md.gz`, packed(read('CHANGELOG.md')));
  put(`${doc}/changelog.gz`, packed(changelogOf(deb)));
  if (deb.architecture !== 'all') put(`usr/share/lintian/overrides/${NAME}`, OVERRIDES);
  put('DEBIAN/control', controlOf(deb));
  put('DEBIAN/md5sums', await sumsOf(folder));

  settle(folder, deb.epoch);
  const path = join(target, `${NAME}_${deb.version}_${deb.architecture}.deb`);
  await execa('dpkg-deb', ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', folder, path], {
    env: { SOURCE_DATE_EPOCH: String(deb.epoch) },
  });
  return path;
};

const controlOf = ({ architecture, version }: Deb): string => {
  const depends =
    architecture === 'all'
      ? 'bpftrace (>= 0.17), nodejs (>= 20.19)'
      : 'bpftrace (>= 0.17), libc6, libstdc++6';
  return `Package: ${NAME}
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Depends: ${depends}
Recommends: iproute2
Section: net
Priority: optional
Description: show which SO_REUSEPORT listener the kernel picks, and why
 When several sockets share a port with SO_REUSEPORT, the kernel picks one of
 them for each new connection. This tool shows live which listener that is and
 why, which process holds it, whether an imbalance is real or luck, which
 worker is stuck or forgotten, which connections a restart lost, and why a
 bind() got EADDRINUSE. It uses bpftrace and changes nothing on the host.
`;
};

/** Debian's form, which tells its tools the version; what changed stands in CHANGELOG.md. */
const changelogOf = ({ version, epoch }: Deb): string =>
  `${NAME} (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- ${MAINTAINER}  ${new Date(epoch * 1000).toUTCString().replace('GMT', '+0000')}\n`;

/** The service runs the packaged command; where to find it, the comment of the file in the repository tells. */
const unitOf = (unit: string): string =>
  unit.replaceAll('ExecStart=reuseport-trace ', 'ExecStart=/usr/bin/reuseport-trace ');

/** What lintian warns of and is meant: Node's own binary is one program with its libraries inside, built elsewhere. */
const OVERRIDES = [
  'embedded-library',
  'unstripped-binary-or-object',
  'hardening-no-pie',
  'hardening-no-relro',
  'spelling-error-in-binary',
]
  .map((tag) => `${NAME}: ${tag}\n`)
  .join('');

const sumsOf = async (folder: string): Promise<string> => {
  const files = readdirSync(join(folder, 'usr'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const { stdout } = await execa('md5sum', files, { cwd: folder });
  return `${stdout}\n`;
};

/** One time for everything, one mode for folders and plain files, whatever the umask of whoever builds. */
const settle = (folder: string, epoch: number): void => {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    else if (!path.startsWith(join(folder, 'usr/bin'))) chmodSync(path, 0o644);
    utimesSync(path, epoch, epoch);
  }
  chmodSync(folder, 0o755);
  utimesSync(folder, epoch, epoch);
};

/** gzip -9n: no name, no time. */
const packed = (text: string): Buffer => gzipSync(text, { level: 9 });
