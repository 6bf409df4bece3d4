// doctor: what this host allows.
import { type Command, Option } from 'commander';
import type { Rung } from '../core/event.js';
import { RUNGS } from '../core/rung.js';
import type { Done } from './options.js';

export const addDoctor = (program: Command, done: Done): Command =>
  program
    .command('doctor')
    .description(
      'Say what this host allows, which probes it gets, and what they cannot know. Exit 1: none works.',
    )
    .addOption(new Option('--output <kind>', 'how to print').choices(['lines', 'ndjson']).default('lines'))
    .addOption(
      new Option('--program <rung>', 'print only the bpftrace program of a rung, less what this kernel lacks')
        .choices(RUNGS)
        .conflicts('output'),
    )
    .action(({ output, program: rung }: { output: 'lines' | 'ndjson'; program?: Rung }) =>
      done(rung === undefined ? { command: 'doctor', output } : { command: 'program', rung }),
    );
