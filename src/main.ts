// The table of contents: arguments -> what they ask for -> exit code. Whatever goes wrong is said here.
import { parseArgs } from './args/args.js';
import type { Environment } from './environment.js';
import { explainFailure, UserError } from './errors.js';
import { isBundle, isSingleFile, versionText } from './package.js';
import { CONNECT } from './reach/connection.js';
import { run } from './run.js';
import { whyBroken } from './seal.js';

/** Does what the arguments ask for; returns the exit code (0 ok, 1 failed, 2 wrong usage), and never throws. */
export const main = async (environment: Environment): Promise<number> => {
  try {
    return await perform(environment);
  } catch (error) {
    const { text, exitCode } = explainFailure(error);
    environment.stderr.write(text);
    return exitCode;
  }
};

const perform = async (environment: Environment): Promise<number> => {
  const { argv, stdout, stderr } = environment;
  if (isBundle() && environment.variables[CONNECT] !== undefined) {
    await import('./reach/connect.js');
    return 0;
  }
  if (isSingleFile()) mustBeWhole(argv);
  const request = parseArgs(argv, versionText());
  switch (request.command) {
    case 'print':
      // A reader that has read enough (--help | head) closes it.
      stdout.on('error', () => undefined);
      (request.exitCode === 0 ? stdout : stderr).write(request.text);
      return request.exitCode;
    case 'doctor': {
      const { doctor } = await import('./host/doctor.js');
      return doctor(request.output, stdout, { stderr });
    }
    case 'program': {
      const { printProgram } = await import('./host/doctor.js');
      return printProgram(request.rung, stdout);
    }
    default:
      return run(request, environment);
  }
};

/** A copy that broke off is refused at once; the time to read all of it is taken when somebody asks what this file is. */
const mustBeWhole = (argv: readonly string[]): void => {
  const isThorough = argv.some((word) => ['doctor', '--version', '-V'].includes(word));
  const why = whyBroken('/proc/self/exe', isThorough);
  if (why === null) return;
  throw new UserError(`cannot start: this file is not as it was built: ${why}`, {
    hint: 'copy it anew and compare it with SHA256SUMS (sha256sum -c)',
  });
};
