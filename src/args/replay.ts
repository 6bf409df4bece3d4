// replay: a recording, shown.
import type { Command } from 'commander';
import { type Done, rereadOf, type TimeOptions, timeOptions } from './options.js';
import { type ShowOptions, shownOf, showOptions } from './show.js';
import { speedFactor } from './values.js';

export const addReplay = (program: Command, done: Done): Command =>
  timeOptions(
    showOptions(
      program
        .command('replay')
        .description('Show a recording in any output.')
        .argument('<file...>', 'written by --record; of several parts the oldest first'),
    ),
  )
    .option('--speed <factor>', 'times as fast as it was; 0 = as fast as possible', speedFactor, 1)
    .action((paths: string[], options: ShowOptions & TimeOptions & { speed: number }, command: Command) => {
      const view = shownOf(command, options);
      const { from = null, until = null, speed } = options;
      // One table at the end is not waited for.
      if (view.show.kind === 'once') done(rereadOf(paths, view, options));
      else done({ command: 'replay', view, recorded: { paths, speed, from, until } });
    });
