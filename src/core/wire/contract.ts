// The wire contract: which fields each line of the probes has, in which order, and the event they make (probes/README.md).
import { causeOf } from '../cause.js';
import type { Culprit, Event, PickEvent, Proto } from '../event.js';
import type { Fields } from './fields.js';

/** Reads the fields behind the line's first word and time; null = a line that makes no event. */
export type ReadLine = (f: Fields, tsNs: number) => Event | null;

/** 6 TCP, 17 UDP, 262 MPTCP (its listener's subflow is TCP). */
const protoOf = (number: number): Proto => (number === 17 ? 'udp' : 'tcp');

/** A time that a probe prints as 0 when it has none. */
const timeOrNull = (ns: number): number | null => (ns === 0 ? null : ns);

const member = (f: Fields) => ({ ino: f.number(), netns: f.number(), laddr: f.address(), lport: f.number() });
const slot = (f: Fields) => ({
  ...member(f),
  uid: f.number(),
  reuseport: f.flag(),
  index: f.orNull(),
  n: f.number(),
  queue: f.number(),
  backlog: f.number(),
});
const actor = (f: Fields) => ({ pid: f.number(), comm: f.comm() });
const culprit = (f: Fields): Culprit | null => {
  const found = {
    ino: f.number(),
    uid: f.number(),
    state: f.number(),
    reuseport: f.flag(),
    reuseaddr: f.flag(),
  };
  const laddr = f.address();
  return found.state === 0 ? null : { ...found, laddr };
};

/** The lines that come by the thousand a second are read without a spread, which takes as long as all their fields. */
const pick: ReadLine = (f, tsNs) => ({
  kind: 'pick',
  tsNs,
  ino: f.number(),
  netns: f.number(),
  uid: f.number(),
  index: f.orNull(),
  n: f.number(),
  queue: f.number(),
  backlog: f.number(),
  laddr: f.address(),
  lport: f.number(),
  raddr: f.address(),
  rport: f.netPort(),
  cpu: f.number(),
  hash: null,
  cause: null,
});

const choice = (f: Fields, tsNs: number): PickEvent => {
  const ino = f.number();
  const netns = f.number();
  const uid = f.number();
  const index = f.orNull();
  const n = f.number();
  const queue = f.number();
  const backlog = f.number();
  const laddr = f.address();
  const lport = f.number();
  const raddr = f.address();
  const rport = f.netPort();
  const cpu = f.number();
  const hash = f.number();
  const cause = causeOf({
    hash,
    n,
    index,
    cpu,
    programType: f.number(),
    byHash: f.number(),
    incomingCpus: f.number(),
    memberCpu: f.number(),
    computedState: f.number(),
  });
  // biome-ignore format: one line a field would be as long again
  return { kind: 'pick', tsNs, ino, netns, uid, index, n, queue, backlog, laddr, lport, raddr, rport, cpu, hash, cause };
};

const accept: ReadLine = (f, tsNs) => {
  const ino = f.number();
  const pid = f.number();
  const tid = f.number();
  const comm = f.comm();
  const fd = f.orNull();
  const pickNs = timeOrNull(f.number());
  const queuedNs = timeOrNull(f.number());
  const waitNs = queuedNs === null ? null : tsNs - queuedNs;
  return { kind: 'accept', tsNs, ino, pid, tid, comm, fd, pickNs, waitNs };
};

/** By the first word of the line. Object literals are read in the order of their fields: it is the order on the wire. */
export const WIRE: Readonly<Record<string, ReadLine | undefined>> = {
  tick: (_, tsNs) => ({ kind: 'tick', tsNs }),
  counters: () => null,
  slot: (f, tsNs) => ({ kind: 'slot', tsNs, ...slot(f) }),
  uslot: (f, tsNs) => ({ kind: 'slot', proto: 'udp', tsNs, ...slot(f) }),
  device: (f, tsNs) => ({ kind: 'device', tsNs, ino: f.number(), ifindex: f.number() }),
  pick,
  choice,
  uchoice: (f, tsNs) => ({ ...choice(f, tsNs), proto: 'udp' }),
  unaccepted: (f, tsNs) => ({
    kind: 'unaccepted',
    tsNs,
    ino: f.number(),
    pid: f.number(),
    tid: f.number(),
    comm: f.comm(),
    ret: f.number(),
  }),
  drawn: (f, tsNs) => ({
    kind: 'drawn',
    tsNs,
    ino: f.number(),
    netns: f.number(),
    lport: f.number(),
    ...actor(f),
  }),
  receive: (f, tsNs) => ({
    kind: 'receive',
    tsNs,
    ino: f.number(),
    pid: f.number(),
    tid: f.number(),
    comm: f.comm(),
  }),
  accept,
  program: (f, tsNs) => ({
    kind: 'program',
    tsNs,
    ino: f.number(),
    type: f.number(),
    id: f.number(),
    name: f.comm(),
  }),
  refused: (f, tsNs) => ({ kind: 'refused', tsNs, ino: f.number(), netns: f.number(), hash: f.number() }),
  queued: (f, tsNs) => ({ kind: 'queued', tsNs, ino: f.number(), pickNs: f.number() }),
  listen: (f, tsNs) => ({
    kind: 'listen',
    tsNs,
    ...member(f),
    uid: f.number(),
    reuseport: f.flag(),
    ...actor(f),
  }),
  close: (f, tsNs) => ({ kind: 'close', tsNs, ...member(f), queue: f.number(), ...actor(f) }),
  uclose: (f, tsNs) => ({ kind: 'close', proto: 'udp', tsNs, ...member(f), queue: f.number(), ...actor(f) }),
  dial: (f, tsNs) => ({
    kind: 'dial',
    tsNs,
    ...member(f),
    raddr: f.address(),
    rport: f.netPort(),
    isFailed: f.flag(),
    ...actor(f),
  }),
  bind: (f, tsNs) => ({
    kind: 'bind',
    tsNs,
    pid: f.number(),
    tid: f.number(),
    uid: f.number(),
    comm: f.comm(),
    fd: f.number(),
    proto: protoOf(f.number()),
    netns: f.number(),
    laddr: f.address(),
    lport: f.number(),
    reuseport: f.flag(),
    reuseaddr: f.flag(),
    ret: f.number(),
    ino: f.number(),
  }),
  listened: (f, tsNs) => ({
    kind: 'listened',
    tsNs,
    pid: f.number(),
    tid: f.number(),
    uid: f.number(),
    comm: f.comm(),
    fd: f.number(),
    netns: f.number(),
    laddr: f.address(),
    lport: f.number(),
    reuseport: f.flag(),
    reuseaddr: f.flag(),
    backlog: f.number(),
    ret: f.number(),
    ino: f.number(),
  }),
  drop: (f, tsNs) => ({
    kind: 'drop',
    tsNs,
    ino: f.number(),
    netns: f.number(),
    why: f.number() === 1 ? 'syn' : 'ack',
    laddr: f.address(),
    lport: f.number(),
    raddr: f.address(),
    rport: f.netPort(),
  }),
  killed: (f, tsNs) => ({
    kind: 'killed',
    tsNs,
    ino: f.number(),
    netns: f.number(),
    raddr: f.address(),
    rport: f.netPort(),
    pickNs: timeOrNull(f.number()),
  }),
  stopping: (f, tsNs) => ({
    kind: 'stopping',
    tsNs,
    ino: f.number(),
    netns: f.number(),
    queue: f.number(),
    synQueue: f.number(),
    ...actor(f),
  }),
  moved: (f, tsNs) => ({
    kind: 'moved',
    tsNs,
    ino: f.number(),
    toIno: f.number(),
    netns: f.number(),
    what: f.oneOf(['child', 'request']),
  }),
  join: (f, tsNs) => ({
    kind: 'join',
    tsNs,
    ...member(f),
    index: f.orNull(),
    n: f.number(),
    reuseportId: f.number(),
    ...actor(f),
    proto: protoOf(f.number()),
  }),
  leave: (f, tsNs) => ({
    kind: 'leave',
    tsNs,
    ...member(f),
    index: f.orNull(),
    n: f.number(),
    movedIno: f.number(),
    ...actor(f),
  }),
  joinfail: (f, tsNs) => ({ kind: 'joinfail', tsNs, ino: f.number(), ret: f.number() }),
  attach: (f, tsNs) => ({
    kind: 'program',
    tsNs,
    ino: f.number(),
    type: f.number(),
    id: f.number(),
    name: f.comm(),
  }),
  lookup: (f, tsNs) => ({
    kind: 'lookup',
    tsNs,
    netns: f.number(),
    place: f.orNull(),
    id: f.number(),
    name: f.comm(),
  }),
  port: (f, tsNs) => ({
    kind: 'port',
    tsNs,
    tid: f.number(),
    ino: f.number(),
    netns: f.number(),
    lport: f.number(),
    ret: f.number(),
    state: f.number(),
    path: f.oneOf(['free', 'fast', 'checked', 'refused']),
    uid: f.number(),
    reuseport: f.flag(),
    reuseaddr: f.flag(),
    hasGroup: f.flag(),
    laddr: f.address(),
    culprit: culprit(f),
  }),
};
