// Refusals that no listener causes, in words: what the host said of capabilities and sandboxes, of the address, of other sockets on the port.

import type { Grounds, Obstacle } from '../event.js';
import type { LoggedCall, State } from '../state/state.js';
import { foldMapped, formatEndpoint, isIPv6, isWildcard } from '../text/endpoint.js';
import { clean } from '../text/format.js';
import { netnsName } from './netns.js';

export type Refusal = {
  /** Sentences: what the socket lacked, who holds the address, what follows. */
  readonly reasons: readonly string[];
  /** One thing to do, or null when nothing can be advised. */
  readonly fix: string | null;
  /** Who holds the port, where that is one who is no listener: another one is another refusal. */
  readonly holder?: number;
};

/** What net.ipv4.ip_unprivileged_port_start is where nobody changed it. */
const PORT_START = 1024;
const EPERM = -1;

/** EACCES and EPERM: the capability where it is missing, else who may refuse beside the kernel's own rule. */
export const explainDenied = (event: LoggedCall, grounds: Grounds | null): Refusal => {
  const task = grounds?.task ?? null;
  if (event.ret === EPERM) return explainProgram(task);
  const start = grounds?.portStart ?? PORT_START;
  const isLow = event.lport < start;
  const below = `ports below ${start} (net.ipv4.ip_unprivileged_port_start) need CAP_NET_BIND_SERVICE`;
  // Of one that has ended its uid must do: root has all capabilities, unless somebody took them.
  const lacks = task === null ? event.uid !== 0 : !task.hasCapability;
  if (isLow && (lacks || task?.hasOwnUsers === true)) {
    const why = lacks
      ? `it has not (uid ${event.uid})`
      : 'it has in its own user namespace alone, not in that of this network namespace';
    return {
      reasons: [`${capital(below)}, which ${why}.`],
      fix: 'give the service that capability (AmbientCapabilities=, setcap), or use a higher port',
    };
  }
  const notCapability = isLow
    ? `${capital(below)}, and ${task === null ? 'uid 0 usually has it' : 'it has that'}:`
    : `Port ${event.lport} needs no capability (only ${below}):`;
  return {
    reasons: [
      `${notCapability} a sandbox or security module refused it${grounds === null ? '' : suspects(task)}.`,
    ],
    fix: 'see its sandbox (Landlock, systemd, a container), and the audit log: ausearch -m AVC,APPARMOR_DENIED or journalctl -k',
  };
};

/** What may have refused, of what can be seen. */
const suspects = (task: Grounds['task']): string => {
  if (task === null) return ': which one is not known, the process has ended';
  const label = task.label === null ? [] : [`its SELinux or AppArmor label is ${clean(task.label)}`];
  const seccomp = task.hasSeccomp ? ['it has a seccomp filter'] : [];
  const landlock = task.noNewPrivs
    ? 'it has no_new_privs set, as processes under Landlock mostly have, which itself shows nowhere'
    : 'Landlock shows nowhere';
  return `: ${[...label, ...seccomp, landlock].join('; ')}`;
};

const explainProgram = (task: Grounds['task']): Refusal => {
  const group = task?.cgroup ?? null;
  const cgroup = group === null ? 'of its cgroup' : `of its cgroup ${clean(group)}`;
  const filter = task === null ? 'or a seccomp filter' : task.hasSeccomp ? 'or its seccomp filter' : null;
  return {
    reasons: [
      `A BPF program ${cgroup} refused it (systemd's SocketBindDeny= is one)${filter === null ? '; it has no seccomp filter' : `, ${filter}`}.`,
    ],
    fix: `see bpftool cgroup tree /sys/fs/cgroup${group === null ? '' : clean(group)}, and SocketBindAllow= of its unit`,
  };
};

/** IFA_F_DADFAILED, IFA_F_TENTATIVE (include/uapi/linux/if_addr.h). */
const [DAD_FAILED, TENTATIVE] = [0x08, 0x40];

/** EADDRNOTAVAIL. */
export const explainAddress = (state: State, event: LoggedCall, grounds: Grounds | null): Refusal => {
  const address = clean(event.laddr);
  const place = grounds?.address ?? null;
  if (place === null)
    return {
      reasons: [
        `${address} is no address of that network namespace, or one that is not ready (tentative): its addresses were not read.`,
      ],
      fix: 'check `ip address` in that network namespace',
    };
  const on = place.iface === '' ? '' : ` of ${clean(place.iface)}`;
  const there = `network namespace ${clean(netnsName(state, event.netns))}`;
  if (place.where === 'elsewhere')
    return {
      reasons: [
        `${address} is no address of ${there}, but one${on} in network namespace ${clean(netnsName(state, place.netns))}.`,
      ],
      fix: 'run it in that network namespace, or add the address to its own',
    };
  if (place.where === 'nowhere')
    return {
      reasons: [`${address} is no address of ${there}, nor of another one in which a process lives.`],
      fix: 'check `ip address`; net.ipv4.ip_nonlocal_bind=1 (net.ipv6.ip_nonlocal_bind) allows it all the same',
    };
  if ((place.flags & DAD_FAILED) !== 0)
    return {
      reasons: [
        `${address} is an address${on}, but another host has it, too: duplicate address detection failed (dadfailed).`,
      ],
      fix: 'find the other host, then delete the address and add it anew',
    };
  if ((place.flags & TENTATIVE) !== 0)
    return {
      reasons: [
        `${address} is an address${on}, but still tentative: duplicate address detection has not released it yet.`,
      ],
      fix: 'wait until `ip -6 address` says tentative no more, or set IPV6_FREEBIND, or add the address with nodad',
    };
  return {
    reasons: [
      `${address} is an address${on} now: it came just after, or the socket is bound to another interface.`,
    ],
    fix: 'let the service wait for its address (network-online.target), or set IP_FREEBIND',
  };
};

/** EADDRINUSE on a port where nobody listens: who else is on it. */
export const explainUnheard = (
  event: LoggedCall,
  grounds: Grounds | null,
  lacking: readonly string[],
): Refusal => {
  const sockets = grounds?.sockets ?? null;
  const fix = event.reuseport ? null : 'setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1) before bind()';
  if (sockets === null)
    return {
      reasons: [
        ...lacking,
        'No listener is seen on that address: what holds it is not known, for ss (iproute2) was not asked or gave no answer.',
      ],
      fix,
    };
  const [first, ...others] = sockets.filter((row) => isInTheWay(event, row)).sort(byWeight);
  if (first === undefined)
    return {
      reasons: [
        ...lacking,
        'No socket shows on that address: it has closed since, or is bound and does not listen (ss -B of iproute2 6.7 shows those).',
      ],
      fix,
    };
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const inTheWay = `In the way: ${wordsOf(first)}${more}.`;
  const holder = first.holder?.pid ?? 0;
  if (first.state === 'TIME-WAIT')
    return {
      reasons: [...lacking, inTheWay],
      fix: 'set SO_REUSEADDR before bind(), as servers do; or wait until it is over',
      holder,
    };
  if (first.rport === 0)
    return {
      reasons: [...lacking, inTheWay],
      fix: fix ?? 'see what that program is; one of the two needs another port',
    };
  const range = grounds?.portRange ?? null;
  const isDrawn = range !== null && event.lport >= range[0] && event.lport <= range[1];
  if (isDrawn)
    return {
      reasons: [
        inTheWay,
        `Nobody listens there: connect() drew the port, for it is in net.ipv4.ip_local_port_range (${range[0]} to ${range[1]}).`,
      ],
      fix: `set net.ipv4.ip_local_reserved_ports=${event.lport} (beside those that are in it), or a port outside of that range`,
      holder,
    };
  return {
    reasons: [
      ...lacking,
      inTheWay,
      'Nobody listens there: it is left of a listener that closed, or was dialled from that port.',
    ],
    fix: "end that connection; with SO_REUSEADDR in both, old connections of a server are in nobody's way",
    holder,
  };
};

/** Worst first: what lives, then what is on its way out. */
const byWeight = (a: Obstacle, b: Obstacle): number => weightOf(a) - weightOf(b);
const weightOf = ({ state, rport }: Obstacle): number => (state === 'TIME-WAIT' ? 2 : rport === 0 ? 0 : 1);

const isInTheWay = (event: LoggedCall, row: Obstacle): boolean => {
  if (row.ino !== 0 && row.ino === event.ino) return false;
  const [wanted, taken] = [foldMapped(event.laddr), row.laddr];
  if (wanted === taken || wanted === '::') return true;
  if (taken === '::') return !row.isSixOnly;
  return isIPv6(wanted) === isIPv6(taken) && (isWildcard(wanted) || isWildcard(taken));
};

/** `pid 27076 chat-client, its connection 127.0.0.1:18806 -> 127.0.0.1:700 (ESTAB)`. */
const wordsOf = ({ state, laddr, lport, raddr, rport, holder, uid, seconds }: Obstacle): string => {
  const near = formatEndpoint(clean(laddr), lport);
  const far = formatEndpoint(clean(raddr), rport);
  if (state === 'TIME-WAIT')
    return `an old connection ${near} -> ${far} in TIME_WAIT${seconds === null ? '' : ` for ${seconds} s more`}`;
  const who = holder === null ? `a process of uid ${uid}` : `pid ${holder.pid} ${clean(holder.comm)}`;
  if (rport === 0) return `${who}, its socket on ${near} (${clean(state)})`;
  return near === far
    ? `${who}, which is connected to itself: ${near} -> ${far} (${clean(state)})`
    : `${who}, its connection ${near} -> ${far} (${clean(state)})`;
};

const capital = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
