// Events as JSON lines and back; a line that is no event of ours, whatever it holds, is null and never throws.

import { COUNTERS, type Event, PARTS } from '../event.js';
import { UNSAFE } from '../text/format.js';
import { RUNTIMES } from '../text/place.js';

/** One event as one line, without the line end. */
export const formatEvent = (event: Event): string => toJson(event);

/**
 * JSON in which every character that clean() would replace is escaped, so that no name moves the terminal it is printed on:
 * JSON.stringify escapes C0 and lone surrogates, but not C1 (U+009B is CSI), DEL and the bidirectional ones. The value is the same.
 */
export const toJson = (value: unknown, indent?: number): string => {
  const json = JSON.stringify(value, null, indent);
  return ASCII.test(json) ? json : json.replace(UNSAFE, (found) => (found === '\n' ? found : escaped(found)));
};

const ASCII = /^[\n -~]*$/;

/** `\u009b`; of a character beyond U+FFFF its two surrogates. */
const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');

/** One line back to an event; null when it is not JSON or lacks a field, or has one that can be no value of it. */
export const parseEvent = (line: string): Event | null => {
  const value = parseObject(line);
  return value !== null && isEvent(value) ? value : null;
};

/** A line that is a JSON object; null when it is anything else. */
export const parseObject = (line: string): Raw | null => {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
};

/** A JSON object of which nothing is known. */
type Raw = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null;

const isWhole = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

/** Counters and nanoseconds of the kernel, and inodes: 64 bits without a sign. */
const isU64 = (value: unknown): boolean => isWhole(value, 0, 2 ** 64);
/** Ids, hashes, queue lengths and limits. */
const isU32 = (value: unknown): boolean => isWhole(value, 0, 2 ** 32 - 1);
/** Return values, descriptors. */
const isI32 = (value: unknown): boolean => isWhole(value, -(2 ** 31), 2 ** 31 - 1);
/** Ports, and sockets of a group (u16 in struct sock_reuseport). */
const isU16 = (value: unknown): boolean => isWhole(value, 0, 65_535);
/** Of a network interface; the kernel's are positive ints. */
const isIfindex = (value: unknown): boolean => isWhole(value, 1, 2 ** 31 - 1);
/** 292 years of nanoseconds either way: a difference of two times. */
const isSpan = (value: unknown): boolean => isWhole(value, -(2 ** 63), 2 ** 63);
/** Milliseconds since 1970 that a Date can hold with any time of a run added (ECMA-262: 8.64e15). */
const isDate = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 && value <= 8.6e15 - 2 ** 64 / 1e6;
const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= 4096;
const isFlag = (value: unknown): boolean => typeof value === 'boolean';
const isAddress = (value: unknown): boolean =>
  typeof value === 'string' && /^[0-9a-f:.%]{2,45}$/i.test(value);
const isNull = (value: unknown): boolean => value === null;
const isOneOf = (words: ReadonlySet<unknown>, value: unknown): boolean => words.has(value);
const isListOf = (check: (value: unknown) => boolean, value: unknown): boolean =>
  Array.isArray(value) && value.length <= 65_536 && value.every(check);

const RUNG = new Set(['fentry', 'kprobe', 'tracepoint']);
const RUNTIME = new Set<unknown>(RUNTIMES);
const COUNTER = new Set<unknown>(COUNTERS);
const PART = new Set<unknown>(PARTS);
const PART_STATUS = new Set(['attaching', 'attached', 'out']);
const PROTO = new Set(['tcp', 'udp']);
const CAUSE = new Set([
  'hash',
  'incoming-cpu',
  'skipped-connected',
  'bpf',
  'bpf-fallback',
  'bpf-refused',
  null,
]);
const PATH = new Set(['free', 'fast', 'checked', 'refused']);

/** What recordings of older versions lack: those of TCP alone. */
const isProtoOrAbsent = (value: unknown): boolean => value === undefined || PROTO.has(value as string);
const isPeerOrAbsent = (value: unknown): boolean =>
  value === undefined || (isObject(value) && isRemote(value));
const isNullOrText = (value: unknown): boolean => value === null || isText(value);
const isNullOrU64 = (value: unknown): boolean => value === null || isU64(value);
const isNullOrU16 = (value: unknown): boolean => value === null || isU16(value);

const isHolder = (value: unknown): boolean =>
  isObject(value) && isU32(value.pid) && isText(value.comm) && isListOf(isU32, value.fds);

const isOpen = (value: unknown): boolean => isObject(value) && isU32(value.pid) && isU32(value.connections);

const isRejected = (value: unknown): boolean =>
  isObject(value) && isOneOf(RUNG, value.rung) && isText(value.why);

const isCulprit = (value: unknown): boolean =>
  isObject(value) &&
  isU64(value.ino) &&
  isU32(value.uid) &&
  isU32(value.state) &&
  isFlag(value.reuseport) &&
  isFlag(value.reuseaddr) &&
  isAddress(value.laddr);

const isLocal = (e: Raw): boolean => isU64(e.netns) && isAddress(e.laddr) && isU16(e.lport);
const isObstacle = (value: unknown): boolean =>
  isObject(value) &&
  isText(value.state) &&
  isAddress(value.laddr) &&
  isU16(value.lport) &&
  isAddress(value.raddr) &&
  isU16(value.rport) &&
  isU64(value.ino) &&
  isU32(value.uid) &&
  isFlag(value.isSixOnly) &&
  (isNull(value.seconds) || isU32(value.seconds)) &&
  (isNull(value.holder) || (isObject(value.holder) && isActor(value.holder)));
const isTask = (value: unknown): boolean =>
  isObject(value) &&
  isFlag(value.hasCapability) &&
  isFlag(value.hasOwnUsers) &&
  isFlag(value.noNewPrivs) &&
  isFlag(value.hasSeccomp) &&
  isNullOrText(value.label) &&
  isNullOrText(value.cgroup);
const WHERE = ['here', 'elsewhere', 'nowhere'];
const isPlace = (value: unknown): boolean =>
  isObject(value) &&
  WHERE.includes(String(value.where)) &&
  isText(value.iface) &&
  isU32(value.flags) &&
  isU64(value.netns);
const isGrounds = (value: unknown): boolean =>
  isObject(value) &&
  (isNull(value.task) || isTask(value.task)) &&
  (isNull(value.portStart) || isU32(value.portStart)) &&
  (isNull(value.portRange) || (isListOf(isU16, value.portRange) && Array.isArray(value.portRange))) &&
  (isNull(value.address) || isPlace(value.address)) &&
  (isNull(value.sockets) || isListOf(isObstacle, value.sockets));
const isRemote = (e: Raw): boolean => isAddress(e.raddr) && isU16(e.rport);
const isActor = (e: Raw): boolean => isU32(e.pid) && isText(e.comm);
const isQueue = (e: Raw): boolean => isU32(e.queue) && isU32(e.backlog);
const isSlot = (e: Raw): boolean => isNullOrU16(e.index) && isU16(e.n);
const isCall = (e: Raw): boolean =>
  isLocal(e) &&
  isActor(e) &&
  isU32(e.tid) &&
  isU32(e.uid) &&
  isI32(e.fd) &&
  isFlag(e.reuseport) &&
  isFlag(e.reuseaddr) &&
  isI32(e.ret) &&
  isU64(e.ino);
const always = (): boolean => true;

/**
 * The types of event.ts at run time: the fields of every kind beside kind and tsNs. Written out, not as a table that is
 * walked through: a recording has millions of them.
 */
const HAS_FIELDS: Readonly<Record<Event['kind'], (e: Raw) => boolean>> = {
  meta: (e) =>
    isDate(e.wallMs) &&
    isText(e.version) &&
    isText(e.host) &&
    isText(e.kernel) &&
    isNullOrText(e.bpftrace) &&
    (isNull(e.rung) || isOneOf(RUNG, e.rung)) &&
    isListOf(isRejected, e.rejected) &&
    isListOf(isU16, e.ports) &&
    isU64(e.hostNetns) &&
    (e.hasOwnPids === undefined || e.hasOwnPids === true) &&
    isU32(e.budgetPerSecond),
  clock: (e) => isDate(e.wallMs),
  attaching: always,
  attached: always,
  part: (e) => isOneOf(PART, e.part) && isOneOf(PART_STATUS, e.status) && isText(e.why),
  ended: (e) => (isNull(e.exitCode) || isI32(e.exitCode)) && isText(e.why),
  tick: always,
  netns: (e) => isU64(e.netns) && isText(e.name),
  sysctl: (e) => isU64(e.netns) && isU32(e.migrateReq),
  socket: (e) =>
    isLocal(e) &&
    isOneOf(PROTO, e.proto) &&
    isU64(e.ino) &&
    isU32(e.uid) &&
    isU32(e.queue) &&
    (e.drops === undefined || isU64(e.drops)) &&
    isPeerOrAbsent(e.peer),
  process: (e) =>
    isU32(e.pid) &&
    isNullOrText(e.command) &&
    (e.exe === undefined || isText(e.exe)) &&
    isNullOrText(e.unit) &&
    (isNull(e.runtime) || isOneOf(RUNTIME, e.runtime)) &&
    isNullOrText(e.container) &&
    isNullOrText(e.pod),
  owners: (e) => isU64(e.ino) && isListOf(isHolder, e.holders),
  scanned: (e) => isListOf(isU64, e.netns),
  open: (e) =>
    isLocal(e) &&
    (e.unread === undefined || isListOf(isOpen, e.unread)) &&
    (isNull(e.processes) || isListOf(isOpen, e.processes)) &&
    isU32(e.others),
  listen: (e) => isLocal(e) && isActor(e) && isU64(e.ino) && isU32(e.uid) && isFlag(e.reuseport),
  close: (e) => isProtoOrAbsent(e.proto) && isLocal(e) && isActor(e) && isU64(e.ino) && isU32(e.queue),
  slot: (e) =>
    isProtoOrAbsent(e.proto) &&
    isLocal(e) &&
    isU64(e.ino) &&
    isU32(e.uid) &&
    isFlag(e.reuseport) &&
    isSlot(e) &&
    isQueue(e),
  device: (e) => isU64(e.ino) && isIfindex(e.ifindex),
  pick: (e) =>
    isProtoOrAbsent(e.proto) &&
    isLocal(e) &&
    isU64(e.ino) &&
    isU32(e.uid) &&
    isSlot(e) &&
    isQueue(e) &&
    isRemote(e) &&
    isU32(e.cpu) &&
    (isNull(e.hash) || isU32(e.hash)) &&
    isOneOf(CAUSE, e.cause),
  accept: (e) =>
    isActor(e) &&
    isU64(e.ino) &&
    isU32(e.tid) &&
    (isNull(e.fd) || isI32(e.fd)) &&
    isNullOrU64(e.pickNs) &&
    (isNull(e.waitNs) || isSpan(e.waitNs)),
  unaccepted: (e) => isActor(e) && isU64(e.ino) && isU32(e.tid) && isI32(e.ret),
  descriptors: (e) => isU32(e.pid) && isU32(e.open) && (isNull(e.limit) || isU64(e.limit)),
  drawn: (e) => isActor(e) && isU64(e.ino) && isU64(e.netns) && isU16(e.lport),
  receive: (e) => isActor(e) && isU64(e.ino) && isU32(e.tid),
  dial: (e) => isLocal(e) && isRemote(e) && isActor(e) && isU64(e.ino) && isFlag(e.isFailed),
  grounds: (e) => isU32(e.tid) && isU64(e.callNs) && (isNull(e.grounds) || isGrounds(e.grounds)),
  bind: (e) => isCall(e) && isOneOf(PROTO, e.proto),
  listened: (e) => isCall(e) && isU32(e.backlog),
  program: (e) => isU64(e.ino) && isI32(e.type) && isU32(e.id) && isText(e.name),
  lookup: (e) => isU64(e.netns) && isNullOrU16(e.place) && isU32(e.id) && isText(e.name),
  refused: (e) => isU64(e.ino) && isU64(e.netns) && isU32(e.hash),
  queued: (e) => isU64(e.ino) && isU64(e.pickNs),
  drop: (e) => isLocal(e) && isU64(e.ino) && (e.why === 'syn' || e.why === 'ack') && isRemote(e),
  killed: (e) => isU64(e.ino) && isU64(e.netns) && isRemote(e) && isNullOrU64(e.pickNs),
  stopping: (e) => isActor(e) && isU64(e.ino) && isU64(e.netns) && isU32(e.queue) && isU32(e.synQueue),
  moved: (e) =>
    isU64(e.ino) && isU64(e.toIno) && isU64(e.netns) && (e.what === 'child' || e.what === 'request'),
  join: (e) =>
    isProtoOrAbsent(e.proto) && isLocal(e) && isActor(e) && isU64(e.ino) && isSlot(e) && isU32(e.reuseportId),
  joinfail: (e) => isU64(e.ino) && isI32(e.ret),
  leave: (e) => isLocal(e) && isActor(e) && isU64(e.ino) && isSlot(e) && isU64(e.movedIno),
  port: (e) =>
    isLocal(e) &&
    isU32(e.tid) &&
    isU64(e.ino) &&
    isI32(e.ret) &&
    isU32(e.state) &&
    isOneOf(PATH, e.path) &&
    isU32(e.uid) &&
    isFlag(e.reuseport) &&
    isFlag(e.reuseaddr) &&
    isFlag(e.hasGroup) &&
    (isNull(e.culprit) || isCulprit(e.culprit)),
  count: (e) => isU64(e.ino) && isOneOf(COUNTER, e.counter) && isU64(e.total),
  lost: (e) => (e.by === 'perf' || e.by === 'missed' || e.by === 'unsaid') && isU64(e.events),
  malformed: (e) => isU64(e.lines) && isText(e.sample),
  unrecorded: (e) => isText(e.why),
  reset: always,
};

const isEvent = (value: Raw): value is Raw & Event => {
  const { kind } = value;
  if (typeof kind !== 'string' || !Object.hasOwn(HAS_FIELDS, kind) || !isU64(value.tsNs)) return false;
  return HAS_FIELDS[kind as Event['kind']](value);
};
