// The table of contents: arguments -> what they ask for -> exit code. Whatever goes wrong is said here.
import { parseArgs } from './args/args.js';
import type { Environment } from './environment.js';
import { explainFailure } from './errors.js';
import { packageVersion } from './package.js';
import { run } from './run.js';

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
  const request = parseArgs(argv, packageVersion());
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
