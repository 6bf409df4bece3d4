// View 5: one pick as arithmetic, what was read from the kernel apart from what is computed here, and what no rung told.
import { formatEndpoint } from '../../core/endpoint.js';
import { formatCount, formatWait } from '../../core/format.js';
import { quantile } from '../../core/latency.js';
import { isFull, ownerOf } from '../../core/member.js';
import type { LoggedPick, State } from '../../core/state.js';
import { nameOf, seesFunctions } from '../facts.js';
import { clockOf, entryAt, hashText, outcomeOf } from '../logs.js';
import type { Model } from '../model.js';
import { BOLD, cells, EMPTY, type Line, line, span, wrap } from '../text.js';
import { type Context, isNarrow, type View } from '../view.js';

/** Index that the kernel's reciprocal_scale (include/linux/kernel.h) gives: exact in doubles up to 2^21 members. */
const scaled = (hash: number, n: number): number => Math.floor((hash * n) / 2 ** 32);

/** The pick that is explained: the one chosen (null when it is no longer in the log), else the newest. */
const explainedPick = (state: State, model: Model): LoggedPick | null => {
  const chosen = model.selected.explain;
  if (typeof chosen === 'number') {
    const item = entryAt(state.picks, chosen);
    return item?.kind === 'pick' ? item : null;
  }
  return state.picks.items.findLast((entry): entry is LoggedPick => entry.kind === 'pick') ?? null;
};

const body = (context: Context, height: number): Line[] => {
  const { state, model, columns } = context;
  const logged = explainedPick(state, model);
  if (logged === null) return [line(' That pick is no longer in the log. [ ] shows others, Esc goes back.')];
  const { pick } = logged;
  const from = formatEndpoint(cells(pick.raddr), pick.rport);
  const to = formatEndpoint(cells(pick.laddr), pick.lport);
  const cpu = isNarrow(context) ? '' : `   on cpu ${pick.cpu}`;
  const head = [line(` ${from} -> ${to}${cpu}`, BOLD), ...(isNarrow(context) ? [] : [EMPTY])];
  const steps: [string, string][] = [
    ['hash', hashSentence(context, logged)],
    ['index', indexSentence(logged)],
    ['socket', socketSentence(state, logged)],
    ['queue', queueSentence(state, logged)],
    ['accept', acceptSentence(context, logged)],
  ];
  const lines = steps.flatMap(([name, sentence], index) => step(index + 1, name, sentence, columns));
  const others = otherLines(context, logged);
  return [...head, ...lines, ...(others.length > 0 && !isNarrow(context) ? [EMPTY] : []), ...others].slice(
    0,
    height,
  );
};

const step = (number: number, name: string, sentence: string, columns: number): Line[] => {
  const lead = ` ${number} ${name.padEnd(7)}`;
  return wrap(sentence, Math.max(10, columns - lead.length - 1)).map((row, index) =>
    index === 0 ? [span(lead, BOLD), span(row)] : line(' '.repeat(lead.length) + row),
  );
};

const hashSentence = (context: Context, { pick }: LoggedPick): string => {
  const rung = context.state.meta?.rung ?? 'tracepoint';
  if (pick.hash !== null) {
    return `0x${hashText(pick.hash)} = ${pick.hash.toLocaleString('en-US')}: of the 4-tuple and a secret of this boot, read from the kernel`;
  }
  if (isNarrow(context)) return `not known on rung ${rung}`;
  if (seesFunctions(context.state)) return 'not seen for this pick: details are sampled';
  const why = (context.state.meta?.rejected ?? [])
    .map((other) => `${other.rung}: ${cells(other.why)}`)
    .join('; ');
  return `not known on the ${rung} rung: it sees the connection only when its handshake is done; the hash is an argument of a kernel function that the fentry and kprobe rungs watch${why === '' ? '' : ` (not here: ${why})`}`;
};

const CAUSES = {
  hash: 'the hash alone decided',
  'incoming-cpu': 'SO_INCOMING_CPU of that member matched this CPU and overruled the hash',
  'skipped-connected': 'the hash pointed at a connected UDP socket, which the kernel skips',
  bpf: "the group's BPF program chose it",
  'bpf-fallback': "the group's BPF program gave nothing valid, the hash was used",
  'bpf-refused': "the group's BPF program refused: no member was taken",
} as const;

const indexSentence = ({ pick }: LoggedPick): string => {
  const read =
    pick.index === null ? 'not found in socks[]' : `#${pick.index} of ${pick.n}, read from socks[]`;
  if (pick.n === 0) return 'none: this listener is in no SO_REUSEPORT group, there was nothing to choose';
  if (pick.hash === null) return pick.n === 1 ? `${read}: the only member` : read;
  const computed = scaled(pick.hash, pick.n);
  const agrees =
    computed === pick.index ? 'it agrees' : pick.cause === 'hash' ? 'it DISAGREES' : 'overruled, see below';
  const cause = pick.cause === null ? '' : `; ${CAUSES[pick.cause]}`;
  return `${read}; computed hash x n >> 32 = ${pick.hash} x ${pick.n} >> 32 = #${computed}: ${agrees}${cause}`;
};

const socketSentence = (state: State, { pick }: LoggedPick): string => {
  const member = state.members.get(pick.ino);
  if (member === undefined) return `ino ${pick.ino}, no longer known`;
  const owner = ownerOf(member);
  const who = owner === null ? nameOf(member) : `pid ${owner.pid} ${cells(owner.comm)}`;
  const fds = member.holders.find((holder) => holder.pid === owner?.pid)?.fds ?? [];
  const fd = fds.length > 0 ? `, fd ${fds.join(' ')}` : '';
  const moved = member.index !== null && pick.index !== null && member.index !== pick.index;
  const now =
    member.closedNs !== null
      ? `closed at ${clockOf(state, member.closedNs)}`
      : moved
        ? `listening, at #${member.index} now`
        : 'listening';
  return `${who}${fd}, ino ${pick.ino}, ${now}`;
};

const queueSentence = (state: State, { pick }: LoggedPick): string => {
  const member = state.members.get(pick.ino);
  const full = pick.queue > pick.backlog ? ': FULL' : '';
  const now = member !== undefined && isFull(member) ? ' (full now)' : '';
  return `${formatCount(pick.queue)} of ${formatCount(pick.backlog)} with this one in it${full}${now}`;
};

const acceptSentence = ({ state, nowNs }: Context, logged: LoggedPick): string => {
  const { who, after } = outcomeOf(state, logged, nowNs);
  const waits = state.members.get(logged.pick.ino)?.waits;
  const usual =
    waits === undefined || waits.count === 0
      ? ''
      : `   (this listener: p50 ${formatWait(quantile(waits, 0.5))}  p99 ${formatWait(quantile(waits, 0.99))})`;
  if (logged.acceptedBy !== null) {
    const wait = logged.waitNs === null ? '' : `, ${after} after the handshake`;
    return `pid ${who}${wait}${usual}`;
  }
  return `${who}${after === '-' ? '' : ` for ${after}`}${usual}`;
};

/** What other numbers of members would have chosen: needs the hash. */
const otherLines = (context: Context, { pick }: LoggedPick): Line[] => {
  const { hash, n } = pick;
  if (hash === null || n === 0) return [];
  const asked = context.model.otherN;
  const others = [...new Set([n - 1, n, n + 1, 2 * n, ...(asked === null ? [] : [asked])])].filter(
    (m) => m > 0,
  );
  const text = others.map((other) => `${other}->#${scaled(hash, other)}`).join(', ');
  return wrap(`By the hash alone, with other n: ${text}`, context.columns - 2).map((row) => line(` ${row}`));
};

export const explainView: View = {
  name: 'explain',
  title: 'Explain',
  isOffered: (state) => state.picks.items.some((item) => item.kind === 'pick'),
  rows: (state, model) => {
    const logged = explainedPick(state, model);
    return state.picks.items.flatMap((item) =>
      item.kind === 'pick' &&
      (model.group === null || logged === null || sameGroup(state, item, model.group) || item === logged)
        ? [item.number]
        : [],
    );
  },
  isLog: false,
  sortable: () => [],
  sort: null,
  open: (model) => model,
  body,
  corner: ({ state, model }) => {
    const logged = explainedPick(state, model);
    return logged === null ? '' : `pick ${clockOf(state, logged.pick.tsNs)}`;
  },
  hints: (state) => [
    ['Esc', 'Back'],
    ['[ ]', 'Previous/next pick'],
    ...(seesFunctions(state) ? [['m', 'Choose n'] as const] : []),
    ['Space', 'Pause'],
    ['w', 'Save'],
  ],
};

const sameGroup = (state: State, { pick }: LoggedPick, key: string): boolean =>
  state.members.get(pick.ino)?.group === key;
