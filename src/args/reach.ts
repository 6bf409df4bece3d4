// reach: source ports that lead to one member, or connections to it.
import { type Command, Option } from 'commander';
import {
  type Done,
  type PartOptions,
  PID,
  type ProbeOptions,
  probeOptions,
  type ScopeOptions,
  scopeOptions,
  traceOf,
  viewOf,
} from './options.js';
import { askOptions, onePort, QUESTION_SECONDS } from './predict.js';
import { address, integer } from './values.js';

/** Connections that are opened one after the other, at most. */
const MOST_CONNECTIONS = 1000;

type ReachOptions = ScopeOptions &
  PartOptions &
  ProbeOptions & {
    index?: number;
    from?: string;
    to?: string;
    connect?: number | true;
    output: 'lines' | 'ndjson';
  };

export const addReach = (program: Command, done: Done): Command => {
  const command = program
    .command('reach')
    .description('Say from which source ports one gets one member. Exit 1: none, or it landed elsewhere.')
    .addOption(
      new Option('--index <index>', 'the member at this place of socks[]')
        .argParser(integer('an index', 0, 65_535))
        .conflicts('pid'),
    )
    .option(PID[0], 'the member that this process holds', PID[2])
    .option('--from <address>', 'the address of the client (default: of this host)', address)
    .option(
      '--connect [times]',
      'open a connection and say where it landed',
      integer('a number of connections', 1, MOST_CONNECTIONS),
    );
  return askOptions(probeOptions(scopeOptions(command))).action((options: ReachOptions, self: Command) => {
    const { index, pid, from = null, to = null, connect = 0, output } = options;
    onePort(self, options);
    const wanted = index !== undefined ? { index } : pid !== undefined ? { pid } : null;
    if (wanted === null) return self.error("error: '--index <index>' or '--pid <pid>' is needed");
    const connections = connect === true ? 1 : connect;
    // Which members are shown is not asked here.
    const { pid: _, ...scope } = options;
    const view = viewOf(scope, { kind: 'reach', wanted, from, to, connections, output });
    done(traceOf(options, view, null, QUESTION_SECONDS));
  });
};
