// serve: a live run for Prometheus.
import { type Command, Option } from 'commander';
import { formatEndpoint } from '../core/text/endpoint.js';
import {
  type Done,
  type ProbeOptions,
  probeOptions,
  type RecordOptions,
  recordingOf,
  recordOptions,
  type ScopeOptions,
  scopeOptions,
  traceOf,
  viewOf,
} from './options.js';
import type { Listen } from './request.js';
import { DEFAULT_LISTEN, listen } from './values.js';

type ServeOptions = ScopeOptions & ProbeOptions & RecordOptions & { listen: Listen };

export const addServe = (program: Command, done: Done): Command =>
  recordOptions(
    probeOptions(
      scopeOptions(program.command('serve').description('Serve metrics to Prometheus until stopped.')),
    ),
  )
    .addOption(
      new Option('--listen <address:port>', 'serve on this address')
        .argParser(listen)
        .default(DEFAULT_LISTEN, formatEndpoint(DEFAULT_LISTEN.host, DEFAULT_LISTEN.port)),
    )
    .action((options: ServeOptions, command: Command) => {
      const view = viewOf(options, { kind: 'serve', listen: options.listen });
      done(traceOf(options, view, recordingOf(command, options)));
    });
