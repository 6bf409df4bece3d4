// Prints one line for each event a person would want to read, and closes with the table: for pipes, logs and small terminals.
import type { Writable } from 'node:stream';
import type { BindEvent, CloseEvent, Event, ListenEvent, ListenedEvent } from '../core/event.js';
import { findingNews } from '../core/findings/diagnosis.js';
import { clockText } from '../core/state/clock.js';
import { ownerOf } from '../core/state/member.js';
import { concerns, type LoggedCall, type State } from '../core/state/state.js';
import { foldMapped, formatEndpoint } from '../core/text/endpoint.js';
import { errnoName } from '../core/text/errno.js';
import { clean, formatBytes, formatWait } from '../core/text/format.js';
import { explainRefusal } from '../core/words/refusal.js';
import { newsLine } from './findings.js';
import type { Output } from './output.js';
import { formatTable } from './table.js';
import { createWriter } from './writer.js';

/** `isQuiet` leaves out the lines of single events: --once. */
export const createLines = (
  stream: Writable,
  options: { readonly isQuiet: boolean },
  onFailure: (error: NodeJS.ErrnoException) => void,
): Output => {
  const writer = createWriter(stream, onFailure);
  let hasHeading = false;
  return {
    take: (state, event) => {
      if (options.isQuiet) return;
      const text = concerns(state, event) ? formatLine(state, event) : null;
      // The end of bpftrace has a line of its own.
      const told = findingNews(state).filter(({ rule }) => rule !== 'ended');
      const news = told.map((each) => `${clockText(state, each.tsNs)} ${newsLine(each)}`);
      for (const line of text === null ? news : [text, ...news]) {
        if (!hasHeading) writer.line(HEADING);
        hasHeading = true;
        writer.line(line);
      }
    },
    end: async (state) => {
      await writer.flush();
      writer.line(`${options.isQuiet || !hasHeading ? '' : '\n'}${formatTable(state)}`);
      await writer.flush();
    },
    flush: writer.flush,
    dropped: writer.dropped,
  };
};

const HEADING = 'TIME         EVENT  IDX/N     PID COMM            QUEUE    WHAT';

/** One line for an event, after the state took it; null for events that are not worth one. */
export const formatLine = (state: State, event: Event): string | null => {
  const row = (
    name: string,
    index: string,
    pid: number | null,
    comm: string | null,
    queue: string,
    what: string,
  ) =>
    [
      clockText(state, event.tsNs),
      name.padEnd(6),
      index.padStart(5),
      String(pid ?? '-').padStart(7),
      clean(comm ?? '-').padEnd(15),
      queue.padEnd(8),
      what,
    ].join(' ');
  switch (event.kind) {
    case 'pick': {
      const member = state.members.get(event.ino);
      const owner = member === undefined ? null : ownerOf(member);
      const index = event.n === 0 ? '-' : `${event.index ?? '-'}/${event.n}`;
      const remote = formatEndpoint(foldMapped(event.raddr), event.rport);
      const queue =
        event.proto === 'udp'
          ? `${formatBytes(event.queue)}/${formatBytes(event.backlog)}`
          : `${event.queue}/${event.backlog}`;
      const what = `${remote}${portNote(state, event.lport)}`;
      return row('pick', index, owner?.pid ?? null, owner?.comm ?? null, queue, what);
    }
    case 'accept': {
      const member = state.members.get(event.ino);
      if (member === undefined) return null;
      const index = `${member.index ?? '-'}/${state.groups.get(member.group)?.n ?? '-'}`;
      return row(
        'accept',
        index,
        event.pid,
        event.comm,
        '',
        `${event.fd === null ? '' : `fd ${event.fd} `}after ${formatWait(event.waitNs)}`,
      );
    }
    case 'listen':
      return row('listen', '', event.pid, event.comm, '', addressOf(state, event));
    case 'close': {
      const queue = event.proto === 'udp' ? formatBytes(event.queue) : String(event.queue);
      const left = event.queue > 0 ? `${queue} left` : '';
      return row('close', '', event.pid || null, event.comm || null, left, addressOf(state, event));
    }
    case 'bind':
    case 'listened': {
      if (event.kind === 'listened' && event.ret === 0) return null;
      const result = event.ret === 0 ? 'ok' : `${errnoName(event.ret)}: ${reasonOf(state, event)}`;
      const name = event.kind === 'bind' ? 'bind' : 'listen';
      const option = event.reuseport ? '' : ' without SO_REUSEPORT';
      return row(
        name,
        '',
        event.pid,
        event.comm,
        '',
        `${formatEndpoint(foldMapped(event.laddr), event.lport)}${option}: ${result}`,
      );
    }
    case 'ended':
      return event.why === ''
        ? null
        : `${clockText(state, event.tsNs)} ${clean(event.why.split('\n')[0] ?? '')}`;
    case 'lost':
      return `${clockText(state, event.tsNs)} lost ${event.events} ${event.by === 'perf' ? 'events' : 'probe runs'}`;
    default:
      return null;
  }
};

/** As the member's, which knows the interface that it is bound to. */
const addressOf = (state: State, { ino, laddr, lport }: ListenEvent | CloseEvent): string =>
  formatEndpoint(state.members.get(ino)?.laddr ?? foldMapped(laddr), lport);

/** The first sentence on why it was refused; with the kernel's verdict, which State has kept with the call. */
const reasonOf = (state: State, event: BindEvent | ListenedEvent): string => {
  const logged = state.binds.items.findLast((item): item is LoggedCall => item.kind === event.kind);
  const isLogged = logged?.tsNs === event.tsNs && logged.tid === event.tid;
  return explainRefusal(state, isLogged ? logged : { ...event, verdict: null }).reasons[0] ?? '';
};

/** With one port traced, the port of each line is known. */
const portNote = (state: State, lport: number): string =>
  state.scope.ports.length === 1 ? '' : ` > :${lport}`;
