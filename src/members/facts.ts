// The closing objects of a run, one for each member and one for the whole: a contract for scripts, null where unknown.

import type { ProcessEvent, Rung } from '../core/event.js';
import { findings, pastFindings } from '../core/findings/diagnosis.js';
import { seesFunctions } from '../core/rung.js';
import type { Finding } from '../core/state/finding.js';
import { groupKey, inOrder } from '../core/state/group.js';
import {
  clientsOf,
  deliveredOf,
  droppedOf,
  establishedOf,
  type Member,
  ownerOf,
  picksOf,
  queueOf,
  takenOf,
  total,
} from '../core/state/member.js';
import { isShown, type State } from '../core/state/state.js';
import { receivedOf, totals } from '../core/state/totals.js';
import { processOf } from '../core/words/identity.js';

/** What people call a process; null = not known. */
export type Called = {
  /** Command line, 256 characters at most. */
  readonly command: string | null;
  /** systemd service or scope. */
  readonly unit: string | null;
  /** docker, containerd, cri-o, podman, lxc, nspawn; null beside a container = its cgroup does not say. */
  readonly runtime: string | null;
  /** Id or name of the container, uid of the Kubernetes pod. */
  readonly container: string | null;
  readonly pod: string | null;
};

/** One socket of the run, as `--output ndjson` closes with; what is Called is the process that accepts. */
export type MemberFacts = Called & {
  readonly kind: 'member';
  readonly proto: string;
  /** With %DEVICE behind it where that is not null: `fe80::77%3`. */
  readonly laddr: string;
  readonly lport: number;
  /** Inode of its network namespace. */
  readonly netns: number;
  /** Index of the interface that it is bound to (SO_BINDTODEVICE, scope id); null = none, or not known yet. */
  readonly device: number | null;
  /** Index in socks[]; null = unknown, in no group, or it has left. */
  readonly index: number | null;
  readonly ino: number;
  /** Who accepts on it (or its only holder). */
  readonly pid: number | null;
  readonly comm: string | null;
  /** The only thread that was seen to accept on it, which comm then names; null = several, or not seen. */
  readonly tid: number | null;
  readonly holders: readonly ({
    readonly pid: number;
    readonly comm: string;
    readonly fds: readonly number[];
  } & Called)[];
  /** Times the kernel picked it; exact. On the tracepoint rung: finished handshakes queued on it, of UDP wake-ups. */
  readonly picks: number;
  /** Finished handshakes queued on it; exact. */
  readonly established: number;
  readonly accepted: number;
  /** Connections that the processes which serve it have open, as last counted; null where unknown, and of UDP. */
  readonly open: number | null;
  /** UDP: datagrams put into its receive queue; null where the rung cannot know, and of TCP. */
  readonly delivered: number | null;
  /** UDP: datagrams that processes took; null of TCP. */
  readonly received: number | null;
  /** UDP: client addresses it was picked for, estimated with one standard error; null where the rung cannot know, and of TCP. */
  readonly clients: number | null;
  readonly clientsError: number | null;
  /** UDP: the peer of a connected socket, which the kernel skips; null = none. */
  readonly peer: string | null;
  /**
   * Connections refused because its queue was full; null where the rung cannot know. Of UDP datagrams that its receive
   * buffer refused, on the tracepoint rung as /proc said last.
   */
  readonly dropped: number | null;
  /** Queued connections that were reset when it closed; null where the rung cannot know. */
  readonly killed: number | null;
  /** Connections migrated away from it and to it (net.ipv4.tcp_migrate_req); null where the rung cannot know. */
  readonly movedFrom: number | null;
  readonly movedTo: number | null;
  /** Accept queue and its limit; of UDP the bytes in the receive queue, and the size of the receive buffer in bytes. */
  readonly queue: number | null;
  readonly backlog: number | null;
  /** SO_REUSEPORT is set; null until the kernel was seen to use it. */
  readonly reuseport: boolean | null;
  /** It still listened at the end. */
  readonly listening: boolean;
  /** Connections (of UDP bytes) that were queued when it closed; null while it listens. */
  readonly queuedAtClose: number | null;
};

export type SummaryFacts = {
  readonly kind: 'summary';
  readonly rung: string | null;
  readonly kernel: string | null;
  readonly bpftrace: string | null;
  /** From the first attachment of the probes (or the last reset) to the end. */
  readonly seconds: number;
  readonly picks: number;
  readonly accepted: number;
  /** Datagrams that processes took. */
  readonly received: number;
  /** Accepts whose listener is unknown, because accept() was under way when the tool started. */
  readonly acceptedUnknown: number;
  /** picks = shown + sampledAway + lost. */
  readonly shown: number;
  readonly sampledAway: number;
  readonly lost: number;
  /** Probe runs that the kernel skipped: when not 0, picks and accepted may be too low. */
  readonly missed: number;
  readonly malformed: number;
  /** What was found (of what was cleared the last 512, problems longest), those that stand at the end first, worst first; then those that were cleared, oldest first. */
  readonly findings: readonly Finding[];
};

/** Members in the order of their groups and of socks[], those that left after those that are there. */
export const membersOf = (state: State): Member[] => {
  const live = [...state.groups.values()].flatMap((group) => inOrder(group));
  // Of those that served one client each nothing is told but the sum.
  const gone = [...state.members.values()].filter(({ closedNs, peer }) => closedNs !== null && peer === null);
  return [...live, ...gone]
    .filter((member) => isShown(state, member))
    .sort((a, b) => groupKey(a).localeCompare(groupKey(b), 'en', { numeric: true }));
};

export const memberFacts = (member: Member, rung: Rung | null): MemberFacts => {
  const owner = ownerOf(member);
  const knowsLoss = seesFunctions(rung);
  return {
    kind: 'member',
    proto: member.proto,
    laddr: member.laddr,
    lport: member.lport,
    netns: member.netns,
    device: member.device,
    index: member.closedNs === null ? member.index : null,
    ino: member.ino,
    pid: owner?.pid ?? null,
    comm: owner?.comm ?? null,
    tid: member.acceptor?.tid ?? null,
    ...calledOf(processOf(member)),
    holders: member.holders.map(({ pid, comm, fds, process }) => ({ pid, comm, fds, ...calledOf(process) })),
    picks: picksOf(member),
    established: establishedOf(member, rung),
    accepted: total(member.counters.accepted),
    open: member.open,
    ...datagramsOf(member, rung),
    dropped: droppedOf(member, rung),
    killed: knowsLoss ? total(member.counters.killed) : null,
    movedFrom: movedOf(member, 'moved_from', knowsLoss),
    movedTo: movedOf(member, 'moved_to', knowsLoss),
    queue: queueOf(member),
    backlog: member.backlog,
    reuseport: member.reuseport,
    listening: member.closedNs === null,
    queuedAtClose: member.queueAtClose,
  };
};

/** On the tracepoint rung not every kernel lets it see them: none is no knowledge. */
const movedOf = (
  { counters }: Member,
  counter: 'moved_from' | 'moved_to',
  knowsLoss: boolean,
): number | null => {
  const moved = total(counters[counter]);
  return knowsLoss || moved > 0 ? moved : null;
};

const datagramsOf = (member: Member, rung: Rung | null) => {
  const clients = clientsOf(member, rung);
  const isUdp = member.proto === 'udp';
  return {
    delivered: isUdp ? deliveredOf(member, rung) : null,
    received: isUdp ? takenOf(member) : null,
    clients: clients?.about ?? null,
    clientsError: clients === null ? null : Math.round(clients.error),
    peer: member.peer,
  };
};

const calledOf = (process: ProcessEvent | null): Called => ({
  command: process?.command ?? null,
  unit: process?.unit ?? null,
  runtime: process?.runtime ?? null,
  container: process?.container ?? null,
  pod: process?.pod ?? null,
});

export const summaryFacts = (state: State): SummaryFacts => ({
  kind: 'summary',
  rung: state.rung,
  kernel: state.meta?.kernel ?? null,
  bpftrace: state.meta?.bpftrace ?? null,
  seconds: Math.round(secondsOf(state) * 1000) / 1000,
  ...totals(state),
  received: receivedOf(state),
  acceptedUnknown: state.acceptedUnknown,
  missed: state.missed,
  malformed: state.malformed,
  findings: [...findings(state), ...pastFindings(state)],
});

/** Seconds that the counters cover. */
export const secondsOf = (state: State): number => {
  const { countedNs, nowNs } = state;
  return countedNs === null ? 0 : Math.max(0, (nowNs - countedNs) / 1e9);
};
