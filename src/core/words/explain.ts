// One pick told in sentences, what was read from the kernel apart from what is computed here; it waits for nothing and draws nothing.

import { scale } from '../cause.js';
import type { PickEvent, ProgramEvent } from '../event.js';
import { seesFunctions } from '../rung.js';
import { isFull, ownerOf, queueOf } from '../state/member.js';
import type { LoggedPick, State } from '../state/state.js';
import { quantile } from '../statistics/latency.js';
import { foldMapped, formatEndpoint } from '../text/endpoint.js';
import { clean, formatBytes, formatCount, formatWait } from '../text/format.js';
import { programName } from './steering.js';

/** What happened to a pick at one place on its way, as one sentence. */
export type Step = { readonly name: string; readonly text: string };

export type Explanation = {
  /** `10.0.3.18:40012 -> 10.0.0.5:8888` */
  readonly title: string;
  readonly steps: readonly Step[];
  /** What other numbers of members would have chosen; null where the hash is not known. */
  readonly others: string | null;
};

export type ExplainOptions = {
  /** The time now, which a wait for accept() is counted to. */
  readonly nowNs: number;
  /** Leaves out why something is not known. */
  readonly isShort: boolean;
  /** One more number of members to try the hash with; null = none. */
  readonly otherN: number | null;
  /** For hashes that the kernel did not tell. Absent = nobody learns them. */
  readonly learned?: LearnedHash;
};

/** The hash of a pick, worked out with what others have told of the kernel's secret; or in a sentence why it is not known. */
export type LearnedHash = (pick: PickEvent) => number | string;

/** A hash, and where it is from; or why there is none. */
type Hash =
  | { readonly value: number; readonly isLearned: boolean }
  | { readonly value: null; readonly why: string | null };

const hashFor = (pick: PickEvent, learned: LearnedHash | undefined): Hash => {
  if (pick.hash !== null) return { value: pick.hash, isLearned: false };
  const told = learned?.(pick) ?? null;
  return typeof told === 'number' ? { value: told, isLearned: true } : { value: null, why: told };
};

/** Everything that is known of one pick. */
export const explain = (state: State, logged: LoggedPick, options: ExplainOptions): Explanation => {
  const { pick } = logged;
  const endpoint = (address: string, port: number): string =>
    formatEndpoint(clean(foldMapped(address)), port);
  const hash = hashFor(pick, options.learned);
  const steps = [
    ...lookupSteps(state, pick),
    { name: 'hash', text: hashSentence(state, hash, options.isShort) },
    { name: 'index', text: indexSentence(state, pick, hash, options.isShort) },
  ];
  if (pick.cause !== 'bpf-refused') {
    steps.push(
      { name: 'socket', text: socketSentence(state, pick) },
      ...(pick.proto === 'udp'
        ? [{ name: 'buffer', text: bufferSentence(pick) }]
        : [
            { name: 'queue', text: queueSentence(state, pick) },
            { name: 'accept', text: acceptSentence(state, logged, options.nowNs) },
          ]),
    );
  }
  return {
    title: `${endpoint(pick.raddr, pick.rport)} -> ${endpoint(pick.laddr, pick.lport)}`,
    steps,
    others: othersSentence(pick, hash, options.otherN),
  };
};

/** What ran before the group was asked, where there is such a thing. */
const lookupSteps = (state: State, { netns }: PickEvent): Step[] => {
  const programs = state.lookups.get(netns) ?? [];
  if (programs.length === 0) return [];
  const names = programs.map(({ id, name }) => `id ${id}${name === '' ? '' : ` "${clean(name)}"`}`);
  const noun = programs.length === 1 ? 'program' : 'programs';
  return [
    {
      name: 'lookup',
      text: `sk_lookup ${noun} ${names.join(', ')} of this network namespace ran before: whether it sent the packet here is not known`,
    },
  ];
};

const hashSentence = (state: State, hash: Hash, isShort: boolean): string => {
  if (hash.value !== null) {
    const hex = hash.value.toString(16).padStart(8, '0');
    const from = hash.isLearned
      ? 'computed here of the 4-tuple and a secret of this boot, which earlier picks gave away'
      : 'of the 4-tuple and a secret of this boot, read from the kernel';
    return `0x${hex} = ${hash.value.toLocaleString('en-US')}: ${from}`;
  }
  if (hash.why !== null) return hash.why;
  const rung = state.rung ?? 'tracepoint';
  if (isShort) return `not known on rung ${rung}`;
  if (seesFunctions(rung)) return 'not told for this pick';
  const why = (state.meta?.rejected ?? [])
    .map((other) => `${other.rung}: ${clean(other.why.split('\n')[0] ?? '')}`)
    .join('; ');
  return `not known on the ${rung} rung: it sees the connection only when its handshake is done; the hash is an argument of a kernel function that the fentry and kprobe rungs watch${why === '' ? '' : ` (not here: ${why})`}`;
};

const indexSentence = (state: State, pick: PickEvent, hash: Hash, isShort: boolean): string => {
  if (pick.n === 0) return 'none: this listener is in no SO_REUSEPORT group, there was nothing to choose';
  const read =
    pick.cause === 'bpf-refused'
      ? `none of ${pick.n}`
      : pick.index === null
        ? `one of ${pick.n}, not found in socks[]`
        : `#${pick.index} of ${pick.n}, read from socks[]`;
  const decided = decisionOf(state, pick, hash);
  if (hash.value === null) {
    if (pick.cause !== null) return `${read}; ${decided}`;
    if (pick.n === 1) return `${read}: the only member`;
    if (isShort) return read;
    const program = programOf(state, pick);
    return program === null
      ? `${read}; whether the hash, SO_INCOMING_CPU or a BPF program decided is not known`
      : `${read}; ${nameOf(program)} is asked before the hash, whether it chose is not known`;
  }
  const computed = scale(hash.value, pick.n);
  return `${read}; computed hash x n >> 32 = ${hash.value} x ${pick.n} >> 32 = #${computed}: ${decided}`;
};

/** What decided, beside what the hash gives: how the two agree, or where the kernel departed from it. */
const decisionOf = (state: State, pick: PickEvent, hash: Hash): string => {
  const isSame = hash.value !== null && scale(hash.value, pick.n) === pick.index;
  const agrees = hash.value === null ? '' : isSame ? 'it agrees; ' : 'it DISAGREES; ';
  const program = programOf(state, pick);
  switch (pick.cause) {
    case 'hash':
      return `${agrees}the hash alone decided`;
    case 'incoming-cpu':
      return `${isSame ? 'it agrees' : 'overruled'}: SO_INCOMING_CPU of that member matched this CPU (${pick.cpu})`;
    case 'skipped-connected':
      return 'skipped, because that is a connected UDP socket: the kernel took the next one that is not';
    case 'bpf':
      return `${isSame ? 'the same, but' : 'overruled:'} ${nameOf(program)} chose, not the hash`;
    case 'bpf-fallback':
      return `${agrees}${nameOf(program)} gave no valid member, so the kernel fell back to the hash`;
    case 'bpf-refused':
      return `not used: ${nameOf(program)} refused the connection (SK_DROP), no member was taken`;
    case null:
      if (hash.value !== null && hash.isLearned) return learnedDecision(program, isSame);
      if (program === null) return isSame ? 'it agrees' : 'it DISAGREES, and nothing that was seen tells why';
      return `${isSame ? 'it agrees' : 'it differs'}; whether ${nameOf(program)} chose is not known`;
  }
};

/** Where the kernel told no cause, the arithmetic does: by chance an index is that of the hash once in n. */
const learnedDecision = (program: ProgramEvent | null, isSame: boolean): string => {
  if (program !== null)
    return isSame
      ? `it agrees; whether ${nameOf(program)} chose is not known`
      : `it differs: ${nameOf(program)} chose, not the hash`;
  return isSame
    ? 'it agrees; the hash decided'
    : 'it DISAGREES: SO_INCOMING_CPU, a BPF program or a change of the members during the handshake decided';
};

/** The program that the group of a pick had when it was last seen. */
const programOf = (state: State, pick: PickEvent): ProgramEvent | null => {
  const group = state.members.get(pick.ino)?.group;
  return (group === undefined ? undefined : state.groups.get(group))?.program ?? null;
};

const nameOf = (program: ProgramEvent | null): string =>
  `the group's ${program === null ? 'BPF program' : programName(program)}`;

const socketSentence = (state: State, pick: PickEvent): string => {
  const member = state.members.get(pick.ino);
  if (member === undefined) return `ino ${pick.ino}, of which nothing else is known`;
  const owner = ownerOf(member);
  const names = [...new Set(member.holders.map((holder) => clean(holder.comm)))].join(', ');
  const holders = names === '' ? 'holder not known' : `${member.holders.length} holders (${names})`;
  const who = owner === null ? holders : `pid ${owner.pid} ${clean(owner.comm)}`;
  const fds = member.holders.find((holder) => holder.pid === owner?.pid)?.fds ?? [];
  const fd = fds.length > 0 ? `, fd ${fds.join(' ')}` : '';
  const at = `${who}${fd}, ino ${pick.ino}`;
  if (member.closedNs !== null)
    return `${at}, closed ${formatWait(member.closedNs - pick.tsNs)} after this pick`;
  const moved = member.index !== null && pick.index !== null && member.index !== pick.index;
  return `${at}, listening${moved ? `, at #${member.index} now` : ''}`;
};

const queueSentence = (state: State, { ino, queue, backlog, hash }: PickEvent): string => {
  const member = state.members.get(ino);
  const now = member !== undefined && isFull(member) ? ' (full now)' : '';
  return `${formatCount(queue)} of ${formatCount(backlog)} ${hash === null ? 'with this one in it' : 'were waiting when it arrived'}${queue > backlog ? ': FULL' : ''}${now}`;
};

/** A datagram is put into the buffer, or refused by it, in the moment it is picked. */
const bufferSentence = ({ queue, backlog }: PickEvent): string =>
  `${formatBytes(queue)} of ${formatBytes(backlog)} were in its receive buffer when the datagram arrived${queue > backlog ? ': FULL, it was dropped' : ''}`;

const acceptSentence = (state: State, logged: LoggedPick, nowNs: number): string => {
  const { who, after } = outcomeOf(state, logged, nowNs);
  const waits = state.members.get(logged.pick.ino)?.waits;
  // One wait is most likely this one: nothing to compare with.
  const usual =
    waits === undefined || waits.count < 2
      ? ''
      : `   (this listener: p50 ${formatWait(quantile(waits, 0.5))}  p99 ${formatWait(quantile(waits, 0.99))})`;
  if (logged.acceptedBy !== null) {
    return `pid ${who}${logged.waitNs === null ? '' : `, ${after} after the handshake`}${usual}`;
  }
  if (logged.failure !== null) return `${who}: ${after}${usual}`;
  return `${after === '-' ? who.replace(/^accept /, '') : `${who} for ${after}`}${usual}`;
};

const othersSentence = ({ n }: PickEvent, { value: hash }: Hash, otherN: number | null): string | null => {
  if (hash === null && otherN !== null) return 'With other n: not known, because the hash is not.';
  if (hash === null || n === 0) return null;
  const others = new Set([n - 1, n, n + 1, 2 * n, ...(otherN === null ? [] : [otherN])].filter((m) => m > 0));
  return `By the hash alone, with other n: ${[...others].map((m) => `${m}->#${scale(hash, m)}`).join(', ')}`;
};

/** What became of the connection: who has it and after how long, or where it is; and whether that is worth a mark. */
export type Outcome = { readonly who: string; readonly after: string; readonly mark: ' ' | '!' | 'x' };

/** An empty accept queue is believed only this long after the pick: counters come once a second. */
const SETTLED_NS = 2e9;
/** From here on a wait is worth a mark. */
const LONG_WAIT_NS = 1e9;

const FAILURES = {
  'syn-dropped': { who: 'queue full', after: 'dropped' },
  // The client has its SYN-ACK and believes that it is connected.
  'ack-dropped': { who: 'queue full, ACK', after: 'dropped' },
  killed: { who: 'listener closed', after: 'reset' },
} as const;

/** What became of a pick by now. */
export const outcomeOf = (state: State, logged: LoggedPick, nowNs: number): Outcome => {
  const { pick, acceptedBy, waitNs } = logged;
  if (acceptedBy !== null) {
    const mark = waitNs !== null && waitNs >= LONG_WAIT_NS ? '!' : ' ';
    return { who: `${acceptedBy.pid} ${clean(acceptedBy.comm)}`, after: formatWait(waitNs), mark };
  }
  if (logged.failure !== null) return { ...FAILURES[logged.failure], mark: 'x' };
  const member = state.members.get(pick.ino);
  if (pick.proto === 'udp') {
    if (pick.queue > pick.backlog) return { who: 'receive buffer full', after: 'dropped', mark: 'x' };
    const owner = member === undefined ? null : ownerOf(member);
    return { who: owner === null ? '-' : `${owner.pid} ${clean(owner.comm)}`, after: '-', mark: ' ' };
  }
  if (member !== undefined && member.closedNs !== null && member.closedNs >= pick.tsNs) {
    return { who: 'listener closed', after: '-', mark: 'x' };
  }
  const age = nowNs - pick.tsNs;
  if (age > SETTLED_NS && (member === undefined || queueOf(member) === 0)) {
    return { who: 'accept not seen', after: '-', mark: ' ' };
  }
  return { who: 'waiting', after: formatWait(Math.max(0, age)), mark: age >= LONG_WAIT_NS ? '!' : ' ' };
};

/** Whose picks are asked for, as the user named it. */
export type Client = {
  readonly text: string;
  /** 32 hex digits, IPv4 as v4-mapped: equal for every way to write one address. */
  readonly bits: string;
  /** null = any. */
  readonly port: number | null;
};

/** `10.0.0.1`, `10.0.0.1:80`, `::1`, `[::1]:80`; null when it is none of these. */
export const parseClient = (text: string): Client | null => {
  const [, six, four, digits] = /^(?:\[([^\]]*:[^\]]*)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const bits = bitsOf(six ?? four ?? text);
  const port = digits === undefined ? null : Number(digits);
  if (bits === null || (port !== null && (port < 1 || port > 65_535))) return null;
  return { text, bits, port };
};

/** Whether that client made the connection. */
export const isFrom = (client: Client, pick: PickEvent): boolean =>
  (client.port === null || client.port === pick.rport) && client.bits === bitsOf(pick.raddr);

const bitsOf = (address: string): string | null => {
  if (!/[.:]/.test(address)) return null;
  const whole = address.includes(':') ? address : `::ffff:${address}`;
  const [head = '', tail, ...more] = whole.replace(DOTTED, hexOf).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - left.length - right.length;
  if (more.length > 0 || (tail === undefined ? missing !== 0 : missing < 1)) return null;
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return null;
  return groups.map((group) => group.toLowerCase().padStart(4, '0')).join('');
};

/** Without leading zeros, which some read as octal. */
const DOTTED = /(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

/** `7f00:0001` of `127.0.0.1`; what is no address stays as it is, and its dots fail later. */
const hexOf = (dotted: string): string => {
  const bytes = dotted.split('.').map(Number);
  if (bytes.some((byte) => byte > 255)) return dotted;
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 4)}:${hex.slice(4)}`;
};
