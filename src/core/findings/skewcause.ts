// What is behind a skew: the words of its finding from what State saw of clients, programs and queues; it tests nothing itself.
import { seesFunctions } from '../rung.js';
import type { Evidence } from '../state/finding.js';
import type { Group } from '../state/group.js';
import { isFull, type Member, queueOf } from '../state/member.js';
import type { LoggedPick, State } from '../state/state.js';
import type { Alarm } from '../statistics/fairness.js';
import { formatP, LARGE } from '../statistics/imbalance.js';
import { clean, formatCount, formatDuration } from '../text/format.js';
import { programName } from '../words/steering.js';

/** A finding without its name and place. */
export type SkewWords = {
  readonly ino: number;
  /** The numbers, then the cause. */
  readonly text: string;
  readonly advice: string;
  /** The mechanism in one line. */
  readonly why: string;
  readonly evidence: Evidence;
};

/** What is behind a skew, in a word; unknown = nothing that State has seen. */
type CauseName = 'bpf-program' | 'incoming-cpu' | 'not-accepting' | 'few-clients' | 'renumbered' | 'unknown';

type Cause = {
  readonly name: CauseName;
  readonly text: string;
  readonly advice: string;
  readonly why: string;
};

/** Logged picks from which a cause is read. */
const MIN_LOGGED = 20;
/** More of them say no more, and they are looked through at every tick while a skew stands. */
const MOST_LOGGED = 1000;
/** The part of the logged picks that must speak for a cause: the shares that matter are half as much again. */
const PART = 0.25;
/** A change of n is named when the skew began within this time of it, as on the screen. */
const CHANGED_NS = 60e9;

/** The words for a group whose test gave an alarm; null while it gives none. */
export const describeSkew = (state: State, group: Group): SkewWords | null => {
  const { fairness } = group;
  const alarm = fairness?.alarm ?? null;
  if (fairness === null || alarm === null) return null;
  const member = group.members.get(fairness.inos[alarm.accused] ?? 0);
  if (member === undefined) return null;
  const { name, text, advice, why } = causeOf(state, group, alarm, member);
  const { own, all } = picksSince(fairness.last, alarm);
  return {
    ino: member.ino,
    advice,
    why,
    text: numbersOf(state, fairness.last, alarm, text),
    evidence: {
      picks: own,
      groupPicks: all,
      members: fairness.last.length,
      ratio: all === 0 ? null : Number(((own / all) * fairness.last.length).toFixed(3)),
      seconds: Math.round((state.nowNs - alarm.fromNs) / 1e9),
      lnP: Number((-alarm.evidence).toFixed(2)),
      cause: name,
    },
  };
};

/** Picks of the accused and of all since the skew began. */
const picksSince = (
  last: readonly number[],
  alarm: Alarm,
): { readonly own: number; readonly all: number } => {
  const since = (index: number): number => (last[index] ?? 0) - (alarm.picks[index] ?? 0);
  return { own: since(alarm.accused), all: last.reduce((sum, _, index) => sum + since(index), 0) };
};

/** `2.31x its fair share: ... (690 of 2,400 in 40 s, p = 3e-9)`; p is one that holds although it was asked every second. */
const numbersOf = (state: State, last: readonly number[], alarm: Alarm, cause: string): string => {
  const { own, all } = picksSince(last, alarm);
  const ratio = own === 0 ? 'gets no picks' : `${((own / all) * last.length).toFixed(2)}x its fair share`;
  const of = `${formatCount(own)} of ${formatCount(all)} in ${formatDuration(state.nowNs - alarm.fromNs)}`;
  return `${ratio}${cause} (${of}, ${formatP(-alarm.evidence)})`;
};

/** The first that applies: what the kernel was told to do, what it could not do, who asked. */
const causeOf = (state: State, group: Group, alarm: Alarm, member: Member): Cause => {
  const picks = loggedOf(state, group, alarm.fromNs);
  return (
    program(group, picks) ??
    incomingCpu(picks) ??
    notAccepting(state, group, alarm, member) ??
    fewClients(
      alarm.isMore ? picks.filter(({ pick }) => pick.ino === member.ino) : picks,
      alarm.isMore ? 'its' : 'all',
    ) ??
    changed(group, alarm) ??
    unknown(state, group, alarm)
  );
};

/** Picks of this group in the log since the skew began, newest first; where there are many, the newest. */
const loggedOf = (state: State, group: Group, fromNs: number): LoggedPick[] => {
  const logged: LoggedPick[] = [];
  const { items } = state.picks;
  for (let i = items.length - 1; i >= 0 && logged.length < MOST_LOGGED; i--) {
    const entry = items[i];
    if (entry?.kind === 'pick' && entry.pick.tsNs >= fromNs && group.members.has(entry.pick.ino))
      logged.push(entry);
  }
  return logged;
};

const program = ({ program }: Group, picks: readonly LoggedPick[]): Cause | null => {
  const chosen = picks.filter(({ pick }) => pick.cause?.startsWith('bpf')).length;
  if (program === null && !isPart(chosen, picks.length)) return null;
  const name = program === null ? 'a BPF program' : `the ${programName(program)}`;
  return {
    name: 'bpf-program',
    text: `: ${name} chooses`,
    advice: 'See what the program does with bpftool prog dump; nothing is wrong if it is meant to.',
    why: 'A program of SO_ATTACH_REUSEPORT_CBPF or _EBPF returns the index in place of the hash.',
  };
};

const incomingCpu = (picks: readonly LoggedPick[]): Cause | null => {
  const matched = picks.filter(({ pick }) => pick.cause === 'incoming-cpu').length;
  if (!isPart(matched, picks.length)) return null;
  return {
    name: 'incoming-cpu',
    text: `: SO_INCOMING_CPU chose ${percent(matched, picks.length)} of the shown picks`,
    advice:
      'Spread the receive queues of the network card over the CPUs (RSS, RPS), or do not set SO_INCOMING_CPU.',
    why: 'The kernel walks on from the hashed index to a socket whose SO_INCOMING_CPU is the CPU the SYN came in on.',
  };
};

/**
 * On the tracepoint rung a pick is a finished handshake, and a full queue finishes none: such a member seems to get
 * little, and the others more, n / (n - full) of their share at most.
 */
const notAccepting = (state: State, group: Group, alarm: Alarm, member: Member): Cause | null => {
  if (seesFunctions(state.rung)) return null;
  const full = [...group.members.values()].filter(isFull);
  const [stuck] = alarm.isMore ? full : full.filter((each) => each === member);
  const n = group.members.size;
  if (stuck === undefined || (alarm.isMore && n < LARGE * (n - full.length))) return null;
  const who = stuck === member ? 'it' : stuck.index === null ? `ino ${stuck.ino}` : `#${stuck.index}`;
  return {
    name: 'not-accepting',
    text: `: ${who} does not accept, ${queueOf(stuck)}/${stuck.backlog} queued`,
    advice: 'Look at what the process of the full queue does; close its socket or restart it.',
    why: 'Connections to a full queue are dropped before this rung can count them as picks.',
  };
};

/** The same client address and port has the same hash and goes to the same index, every time. */
const fewClients = (picks: readonly LoggedPick[], whose: 'its' | 'all'): Cause | null => {
  const tuples = new Map<string, number>();
  const addresses = new Set<string>();
  for (const { pick } of picks) {
    const client = pick.raddr.includes(':') ? `[${pick.raddr}]:${pick.rport}` : `${pick.raddr}:${pick.rport}`;
    const tuple = `${client} ${pick.laddr}`;
    tuples.set(tuple, (tuples.get(tuple) ?? 0) + 1);
    addresses.add(pick.raddr);
  }
  if (!isPart(picks.length - tuples.size, picks.length)) return null;
  let [top, most] = ['', 0];
  for (const [tuple, times] of tuples) if (times > most) [top, most] = [tuple, times];
  const [first] = addresses;
  const clients = addresses.size === 1 ? clean(first ?? '') : `${formatCount(addresses.size)} clients`;
  const text = isPart(most, picks.length)
    ? `: ${percent(most, picks.length)} of ${whose} shown picks are ${clean(top.split(' ')[0] ?? '')} again`
    : `: ${whose} ${formatCount(picks.length)} shown picks come from ${formatCount(tuples.size)} ports of ${clients}`;
  return {
    name: 'few-clients',
    text,
    advice:
      'Let clients use more source ports: fewer fixed ones, no proxy or NAT in between that keeps a few.',
    why: 'One client address and port always has the same hash, so it goes to the same member for as long as n is the same.',
  };
};

const changed = (group: Group, alarm: Alarm): Cause | null => {
  const { changed } = group;
  if (changed === null || Math.abs(alarm.fromNs - changed.tsNs) > CHANGED_NS) return null;
  return {
    name: 'renumbered',
    text: `: it began when n went ${changed.from} -> ${changed.to}`,
    advice: 'Watch whether it stays when members no longer come and go; start them before clients connect.',
    why: 'index = hash x n >> 32: with another n the clients that come again go to other members.',
  };
};

const unknown = (state: State, { proto, lport }: Group, alarm: Alarm): Cause => ({
  name: 'unknown',
  text: '',
  advice: seesFunctions(state.rung)
    ? 'See in the picks which clients and hashes come again and again.'
    : proto === 'tcp'
      ? 'See in the picks who comes again and again; the fentry and kprobe rungs show programs and SO_INCOMING_CPU too.'
      : `Count the ports that clients ask from: tcpdump -ni any -c 1000 'udp dst port ${lport}'; a proxy in front may have one (dnsdist: newServer's sockets=).`,
  why: `Hashes of different clients spread evenly: a share ${alarm.isMore ? `beyond ${LARGE}x` : 'so small'} means that something repeats or chooses.`,
});

const isPart = (some: number, all: number): boolean => all >= MIN_LOGGED && some >= PART * all;

const percent = (some: number, all: number): string => `${Math.round((100 * some) / all)}%`;
