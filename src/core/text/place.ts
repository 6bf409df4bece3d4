// What people call the place a process runs in: its container or systemd unit, from the text of /proc/PID/cgroup; it reads no file.
import { clean } from './format.js';

/** Who made a container, as far as its cgroup's name says. */
export const RUNTIMES = ['docker', 'containerd', 'cri-o', 'podman', 'lxc', 'nspawn'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/**
 * Where a process runs. A name, not a proof: whoever was given a part of the cgroup tree names what is below it as he
 * likes. null = the cgroup does not say.
 */
export type Place = {
  /** Innermost systemd service or scope; inside a container one of its own, never the container's. */
  readonly unit: string | null;
  readonly runtime: Runtime | null;
  /** The container's id of 64 hex digits, or the name of an LXC or nspawn one; of nested containers the innermost. */
  readonly container: string | null;
  /** Kubernetes' uid of the pod. */
  readonly pod: string | null;
};

export const NOWHERE: Place = { unit: null, runtime: null, container: null, pod: null };

/** cgroup v1 has at most about 16 hierarchies (a bit each, kernel/cgroup/cgroup-v1.c), v2 one. */
const MOST_LINES = 32;

/**
 * The place of a process from /proc/PID/cgroup: lines of `hierarchy:controllers:path` (cgroups(7)), of v1, v2 or both.
 * Hierarchies may disagree, as Docker's v1 ones and systemd's do: the one that says most is taken. Never throws.
 */
export const parseCgroup = (text: string): Place =>
  text
    .split('\n', MOST_LINES)
    .map((line) => placeOf(/^\d+:[^:]*:(\/.*)$/.exec(line)?.[1] ?? '/'))
    .reduce((best, place) => (weight(place) > weight(best) ? place : best), NOWHERE);

const weight = ({ unit, runtime, container, pod }: Place): number =>
  8 * Number(container !== null) +
  4 * Number(pod !== null) +
  2 * Number(runtime !== null) +
  Number(unit !== null);

const placeOf = (path: string): Place => {
  let place = NOWHERE;
  let parent = '';
  // The kernel appends the word when the cgroup was removed under a process that has not gone yet.
  for (const segment of path.replace(/ \(deleted\)$/, '').split('/')) {
    const pod = podOf(segment);
    if (pod !== null) place = { ...place, pod };
    const container = containerOf(segment, parent);
    // A unit further up, such as containerd.service, is that of the container's manager.
    if (container !== null) place = { ...place, ...container, unit: null };
    else if (/.\.(?:service|scope)$/.test(segment)) place = { ...place, unit: segment };
    parent = segment;
  }
  return place;
};

/** `podUID` of the cgroupfs driver, `kubepods-burstable-podUID.slice` with `_` for `-` of the systemd driver, kind's with `kubelet-`. */
const podOf = (segment: string): string | null =>
  /^(?:(?:kubelet-)?kubepods-(?:burstable-|besteffort-)?)?pod([0-9a-f]{8}[-_0-9a-f]{24,28})(?:\.slice(?::|$)|$)/
    .exec(segment)?.[1]
    ?.replaceAll('_', '-') ?? null;

type Container = Pick<Place, 'runtime' | 'container'>;

const PREFIXES: Readonly<Record<string, Runtime>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  containerd: 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  libpod: 'podman',
};
const PARENTS: Readonly<Record<string, Runtime>> = { docker: 'docker', libpod_parent: 'podman' };

/** A segment that is a container's own cgroup; null when it is not. */
const containerOf = (segment: string, parent: string): Container | null => {
  // `docker-ID.scope`, `libpod-ID`, and `kubepods-podUID.slice:cri-containerd:ID` (systemd's form with the cgroupfs driver).
  const [, prefix, id] = /^(?:.+\.slice:)?(?:([a-z-]+)[-:])?([0-9a-f]{64})(?:\.scope)?$/.exec(segment) ?? [];
  if (id !== undefined) {
    const runtime = own(prefix === undefined ? PARENTS : PREFIXES, prefix ?? parent);
    // With another prefix it is a scope about the container, such as `libpod-conmon-ID.scope`.
    return runtime === null && prefix !== undefined ? null : { container: id, runtime };
  }
  // LXC 4 and newer, LXC before, LXD.
  const lxc =
    /^lxc\.payload\.(.+)$/.exec(segment)?.[1] ?? (/^lxc(?:\.payload)?$/.test(parent) ? segment : '');
  if (lxc !== '') return { container: lxc, runtime: 'lxc' };
  // machined's scopes are virtual machines too: of those the process is the host's own qemu.
  const machine = /^systemd-nspawn@(.+)\.service$|^machine-(?!qemu\\x2d)(.+)\.scope$/.exec(segment);
  const name = machine?.[1] ?? machine?.[2];
  return name === undefined ? null : { container: unescapeUnit(name), runtime: 'nspawn' };
};

/** Only what the table itself holds: a stranger may call a cgroup `constructor`. */
const own = (table: Readonly<Record<string, Runtime>>, key: string): Runtime | null =>
  Object.hasOwn(table, key) ? (table[key] ?? null) : null;

/** systemd writes characters that it cannot have in a unit's name as \xNN (systemd.unit(5)). */
const unescapeUnit = (name: string): string =>
  name.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** As many digits as `docker ps` shows of an id, and of a pod's uid. */
const ID_DIGITS = 12;
const POD_DIGITS = 8;

/** `nginx.service`, `docker 3f2a9c1b0d4e`, `pod 4f5a8c1d 3f2a9c1b0d4e`, `lxc web nginx.service`; null when nothing is known. */
export const formatPlace = ({ unit, runtime, container, pod }: Place): string | null => {
  const kind = pod !== null ? `pod ${pod.slice(0, POD_DIGITS)}` : (runtime ?? 'container');
  const id =
    container !== null && /^[0-9a-f]{64}$/.test(container) ? container.slice(0, ID_DIGITS) : container;
  const parts = [...(container === null && pod === null ? [] : [kind]), id, unit];
  const text = parts.filter((part) => part !== null).join(' ');
  return text === '' ? null : clean(text);
};
