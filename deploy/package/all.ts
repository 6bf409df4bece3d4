// npm run package: the npm package, the single file and the Debian packages, into dist/packages. The same commit gives the same bytes.
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { createProgram } from '../../src/args/args.js';
import { packageRoot, packageVersion } from '../../src/package.js';
import { bundle } from './bundle.js';
import { completionsOf } from './completions.js';
import { makeDeb } from './deb.js';
import { manPage } from './man.js';
import { makeNpm } from './npm.js';
import { makeSingle } from './single.js';

const ROOT = fileURLToPath(packageRoot());
const TARGET = join(ROOT, 'dist/packages');
/** Debian's names of Node's architectures. */
const ARCHITECTURES: Readonly<Record<string, 'amd64' | 'arm64'>> = { x64: 'amd64', arm64: 'arm64' };
const START_UPS = 7;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const hasCommand = async (name: string): Promise<boolean> =>
  (await execa('sh', ['-c', 'command -v "$1"', 'sh', name], { reject: false })).exitCode === 0;

/** The commit's own time, so that two builds of it are the same. */
const epochOf = async (): Promise<number> => {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return Number(given);
  const { stdout } = await execa('git', ['log', '-1', '--format=%ct'], { cwd: ROOT });
  return Number(stdout);
};

/** Median of the seconds that `command --version` takes. */
const startUp = async (command: readonly string[]): Promise<number> => {
  const times: number[] = [];
  for (let i = 0; i < START_UPS; i++) {
    const began = performance.now();
    const [file = '', ...args] = command;
    await execa(file, [...args, '--help']);
    times.push((performance.now() - began) / 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(START_UPS / 2)] ?? 0;
};

const main = async (): Promise<void> => {
  const version = packageVersion();
  const epoch = await epochOf();
  const work = mkdtempSync(join(tmpdir(), 'reuseport-trace-package-'));
  rmSync(TARGET, { recursive: true, force: true });
  mkdirSync(TARGET, { recursive: true });
  try {
    const program = createProgram(version, () => undefined);
    const man = manPage(ROOT, program, new Date(epoch * 1000));
    const completions = completionsOf(program);
    const made = [await makeNpm(ROOT, join(work, 'npm'), TARGET)];

    const script = await bundle(ROOT);
    const scriptPath = join(work, 'reuseport-trace.cjs');
    writeFileSync(scriptPath, `#!/usr/bin/node\n${script}`);
    chmodSync(scriptPath, 0o755);

    const architecture = ARCHITECTURES[process.arch];
    const single = join(TARGET, `reuseport-trace-${version}-linux-${architecture ?? process.arch}`);
    await makeSingle(ROOT, script, work, single);
    made.push(single);

    if (await hasCommand('dpkg-deb')) {
      const deb = { version, epoch, man, completions } as const;
      made.push(
        await makeDeb(ROOT, { ...deb, architecture: 'all', program: scriptPath }, join(work, 'all'), TARGET),
      );
      if (architecture !== undefined)
        made.push(
          await makeDeb(ROOT, { ...deb, architecture, program: single }, join(work, architecture), TARGET),
        );
    } else say('package: no dpkg-deb here, so no Debian packages');

    const sums = made.map(
      (path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}`,
    );
    writeFileSync(join(TARGET, 'SHA256SUMS'), `${sums.join('\n')}\n`);
    for (const path of made) say(`${(statSync(path).size / 1e6).toFixed(1).padStart(7)} MB  ${path}`);
    const [fromFile, fromDist] = [
      await startUp([single]),
      await startUp([process.execPath, join(ROOT, 'dist/src/cli.js')]),
    ];
    say(
      `start-up (--help, median of ${START_UPS}): single file ${fromFile.toFixed(3)} s, node dist/src/cli.js ${fromDist.toFixed(3)} s, ratio ${(fromFile / fromDist).toFixed(2)}`,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

await main();
