// Events as JSON lines and back; a line that is no event of ours, whatever it holds, is null and never throws.
import { RUNTIMES } from './cgroup.js';
import { COUNTERS, type Event } from './event.js';

/** One event as one line, without the line end. JSON escapes every control character of a hostile name. */
export const formatEvent = (event: Event): string => JSON.stringify(event);

/** One line back to an event; null when it is not JSON or lacks a field, or has one of another type. */
export const parseEvent = (line: string): Event | null => {
  const value = parseObject(line);
  return value !== null && isEvent(value) ? value : null;
};

/** A line that is a JSON object; null when it is anything else. */
export const parseObject = (line: string): Record<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
};

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isInteger: Check = (value) => Number.isInteger(value);
const isText: Check = (value) => typeof value === 'string' && value.length <= 4096;
const isFlag: Check = (value) => typeof value === 'boolean';
const isPort: Check = (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
const isAddress: Check = (value) => typeof value === 'string' && /^[0-9a-f:.%]{2,45}$/i.test(value);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length <= 65_536 && value.every(check);

const isHolder: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  hasShape(value as Record<string, unknown>, { pid: isCount, comm: isText, fds: listOf(isCount) });

const isRung = oneOf('fentry', 'kprobe', 'tracepoint');
const isRejected: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  hasShape(value as Record<string, unknown>, { rung: isRung, why: isText });

const isCulprit: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  hasShape(value as Record<string, unknown>, {
    ino: isCount,
    uid: isCount,
    state: isCount,
    reuseport: isFlag,
    reuseaddr: isFlag,
    laddr: isAddress,
  });

const local = { netns: isCount, laddr: isAddress, lport: isPort };
const actor = { pid: isCount, comm: isText };
const call = {
  ...local,
  ...actor,
  tid: isCount,
  uid: isCount,
  fd: isInteger,
  reuseport: isFlag,
  reuseaddr: isFlag,
  ret: isInteger,
  ino: isCount,
};

/** The fields of every kind of event beside kind and tsNs: the types of event.ts, checked at run time. */
const SHAPES: Readonly<Record<Event['kind'], Readonly<Record<string, Check>>>> = {
  meta: {
    wallMs: isCount,
    version: isText,
    host: isText,
    kernel: isText,
    bpftrace: orNull(isText),
    rung: orNull(isRung),
    rejected: listOf(isRejected),
    ports: listOf(isPort),
    hostNetns: isCount,
    budgetPerSecond: isCount,
  },
  attaching: {},
  attached: {},
  ended: { exitCode: orNull(isInteger), why: isText },
  tick: {},
  netns: { netns: isCount, name: isText },
  sysctl: { netns: isCount, migrateReq: isCount },
  socket: { ...local, proto: oneOf('tcp', 'udp'), ino: isCount, uid: isCount, queue: isCount },
  process: {
    pid: isCount,
    command: orNull(isText),
    unit: orNull(isText),
    runtime: orNull(oneOf(...RUNTIMES)),
    container: orNull(isText),
    pod: orNull(isText),
  },
  owners: { ino: isCount, holders: listOf(isHolder) },
  scanned: { netns: listOf(isCount) },
  listen: { ...local, ...actor, ino: isCount, uid: isCount, reuseport: isFlag },
  close: { ...local, ...actor, ino: isCount, queue: isCount },
  slot: {
    ...local,
    ino: isCount,
    uid: isCount,
    reuseport: isFlag,
    index: orNull(isCount),
    n: isCount,
    queue: isCount,
    backlog: isCount,
  },
  pick: {
    ...local,
    ino: isCount,
    uid: isCount,
    index: orNull(isCount),
    n: isCount,
    queue: isCount,
    backlog: isCount,
    raddr: isAddress,
    rport: isPort,
    cpu: isCount,
    hash: orNull(isCount),
    cause: orNull(oneOf('hash', 'incoming-cpu', 'skipped-connected', 'bpf', 'bpf-fallback', 'bpf-refused')),
  },
  accept: {
    ...actor,
    ino: isCount,
    tid: isCount,
    fd: orNull(isInteger),
    pickNs: orNull(isCount),
    waitNs: orNull(isInteger),
  },
  bind: { ...call, proto: oneOf('tcp', 'udp') },
  listened: { ...call, backlog: isCount },
  program: { ino: isCount, type: isInteger, id: isCount, name: isText },
  refused: { ino: isCount, netns: isCount, hash: isCount },
  queued: { ino: isCount, pickNs: isCount },
  drop: { ...local, ino: isCount, why: oneOf('syn', 'ack'), raddr: isAddress, rport: isPort },
  killed: { ino: isCount, netns: isCount, raddr: isAddress, rport: isPort, pickNs: orNull(isCount) },
  stopping: { ...actor, ino: isCount, netns: isCount, queue: isCount, synQueue: isCount },
  moved: { ino: isCount, toIno: isCount, netns: isCount, what: oneOf('child', 'request') },
  join: { ...local, ...actor, ino: isCount, index: orNull(isCount), n: isCount, reuseportId: isCount },
  joinfail: { ino: isCount, ret: isInteger },
  leave: { ...local, ...actor, ino: isCount, index: orNull(isCount), n: isCount, movedIno: isCount },
  port: {
    ...local,
    tid: isCount,
    ino: isCount,
    ret: isInteger,
    state: isCount,
    path: oneOf('free', 'fast', 'checked', 'refused'),
    uid: isCount,
    reuseport: isFlag,
    reuseaddr: isFlag,
    hasGroup: isFlag,
    culprit: orNull(isCulprit),
  },
  count: { ino: isCount, counter: oneOf(...COUNTERS), total: isCount },
  lost: { by: oneOf('perf', 'missed'), events: isCount },
  malformed: { lines: isCount, sample: isText },
  unrecorded: { why: isText },
  reset: {},
};

const hasShape = (value: Record<string, unknown>, shape: Readonly<Record<string, Check>>): boolean => {
  for (const field in shape) {
    if (shape[field]?.(value[field]) !== true) return false;
  }
  return true;
};

const isEvent = (value: Record<string, unknown>): value is Record<string, unknown> & Event => {
  const { kind } = value;
  if (typeof kind !== 'string' || !Object.hasOwn(SHAPES, kind) || !isCount(value.tsNs)) return false;
  return hasShape(value, SHAPES[kind as Event['kind']]);
};
