// What the tool can ever learn: every fact, from any source, is one of these Events; it knows no source and no screen.
import type { Place } from './text/place.js';

/** Transport protocol of a socket. */
export type Proto = 'tcp' | 'udp';

/** How a pick is seen (architecture: the ladder); decides what else can be known. */
export type Rung = 'fentry' | 'kprobe' | 'tracepoint';

/**
 * Why the kernel took this member (reuseport_select_sock, net/core/sock_reuseport.c):
 * hash = socks[hash * n >> 32]; incoming-cpu = SO_INCOMING_CPU matched this CPU; skipped-connected = the hashed one is a
 * connected UDP socket; bpf = a program chose; bpf-fallback = the program gave nothing valid and the hash was used;
 * bpf-refused = the program returned SK_DROP, no member was taken. null = this rung cannot know.
 */
export type Cause = 'hash' | 'incoming-cpu' | 'skipped-connected' | 'bpf' | 'bpf-fallback' | 'bpf-refused';

/** The parts of the probes that picks and accepts are counted without, by the names of their files below probes/. */
export const PARTS = [
  'listen',
  'group',
  'drop',
  'udp',
  'bind',
  'refuse',
  'conflict',
  'attach',
  'steer',
] as const;
export type PartName = (typeof PARTS)[number];

/** Every event carries the time it happened: nanoseconds of CLOCK_MONOTONIC, as bpftrace's `nsecs`. */
type At = { readonly tsNs: number };

/** The first event of a run or recording: what was traced, where, with what. */
export type MetaEvent = At & {
  readonly kind: 'meta';
  /** Wall clock at tsNs, milliseconds since 1970: turns any tsNs into a time of day. */
  readonly wallMs: number;
  /** Version of reuseport-trace. */
  readonly version: string;
  readonly host: string;
  /** `uname -r` of the traced kernel. */
  readonly kernel: string;
  /** bpftrace's version, such as `0.17.0`; null = not asked yet. */
  readonly bpftrace: string | null;
  /** null = not chosen yet. A run says meta again when it is chosen, and when it has to fall to the next one. */
  readonly rung: Rung | null;
  /** Better rungs that this host did not get, each with the reason. */
  readonly rejected: readonly { readonly rung: Rung; readonly why: string }[];
  /** Traced local ports; empty = every port. */
  readonly ports: readonly number[];
  /** Inode of the network namespace of process 1, or (where that is not to be seen) of the one the tool runs in: shown as `host`. */
  readonly hostNetns: number;
  /** The tool runs in a pid namespace of its own: /proc shows it no process outside of that. Absent = it sees all of the host. */
  readonly hasOwnPids?: true;
  /** Most picks printed per second in the kernel, with up to two more lines each; of UDP half as many beside. Counters have no limit. */
  readonly budgetPerSecond: number;
};

/**
 * The wall clock at tsNs, when it is no longer what meta (or the last of these) makes of it: the computer was suspended,
 * for the monotonic clock stands still meanwhile, or somebody set the time.
 */
export type ClockEvent = At & { readonly kind: 'clock'; readonly wallMs: number };

/** bpftrace was started and is compiling; nothing is seen yet. */
export type AttachingEvent = At & { readonly kind: 'attaching' };

/** The first tick came: every probe is attached from here on. Counters start at zero (again, after a restart). */
export type AttachedEvent = At & { readonly kind: 'attached' };

/** A part of the probes that picks and accepts are counted without: it joins while they are, or stays out. */
export type PartEvent = At & {
  readonly kind: 'part';
  readonly part: PartName;
  readonly status: 'attaching' | 'attached' | 'out';
  /** Why it is out: bpftrace's last lines, one sentence of ours before them. Empty when it is not out. */
  readonly why: string;
};

/** bpftrace ended; counters stay as they were. */
export type EndedEvent = At & {
  readonly kind: 'ended';
  /** Exit code; null when a signal ended it. */
  readonly exitCode: number | null;
  /** One sentence: why, in our words, with bpftrace's own last lines behind it. Empty when the tool asked for it. */
  readonly why: string;
};

/** The beat of a run, one a second: rates and findings are computed here. */
export type TickEvent = At & { readonly kind: 'tick' };

/** A name for a network namespace, from /run/netns. */
export type NetnsEvent = At & { readonly kind: 'netns'; readonly netns: number; readonly name: string };

/** A listening TCP or bound UDP socket found in /proc/PID/net/{tcp,tcp6,udp,udp6}: it exists, whoever made it. */
export type SocketEvent = At & {
  readonly kind: 'socket';
  readonly proto: Proto;
  /** Inode of the network namespace (`readlink /proc/PID/ns/net`). */
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /** Inode of the socket, as in `ss -e` and /proc/PID/fd: the identity of a member for as long as it lives. */
  readonly ino: number;
  readonly uid: number;
  /** Recv-Q of `ss`, now: of TCP the connections in the accept queue, of UDP the bytes in the receive queue. */
  readonly queue: number;
  /** UDP alone: datagrams that its receive buffer refused since it was made (drops of /proc/net/udp, sk_drops). */
  readonly drops?: number;
  /** UDP alone: the peer of a socket on which connect() was called, and which the kernel therefore skips; absent = none. */
  readonly peer?: { readonly raddr: string; readonly rport: number };
};

/** A scan of /proc is complete: every `socket` and `owners` event with this tsNs was of it. */
export type ScannedEvent = At & {
  readonly kind: 'scanned';
  /** Inodes of the network namespaces that could be read. */
  readonly netns: readonly number[];
};

/** One process with the socket open. */
export type Holder = {
  readonly pid: number;
  /** /proc/PID/comm: any local user may choose it; clean before showing. */
  readonly comm: string;
  /** Its file descriptors for this socket. */
  readonly fds: readonly number[];
  /** It has an io_uring open, by which it may accept unseen by the tracepoint rung; absent = it has none that /proc shows. */
  readonly uring?: true;
};

/**
 * What people call a process that holds a listener, beside its comm: read from /proc, sent when it is new or has changed,
 * before the `owners` that name it. Its own words and those of who started it: clean before showing.
 */
export type ProcessEvent = At & {
  readonly kind: 'process';
  readonly pid: number;
  /**
   * Its command line, arguments joined by blanks, 256 characters at most: what the process made of it, such as `nginx:
   * worker process`. It may hold secrets, as it does for everybody on that host. null = it has none, or did not answer.
   */
  readonly command: string | null;
  /** What /proc/PID/exe points to, 256 characters at most; ` (deleted)` behind it when another file took its place. Absent = not read. */
  readonly exe?: string;
} & Place;

/** Everybody who holds one socket, replacing what was known. */
export type OwnersEvent = At & {
  readonly kind: 'owners';
  readonly ino: number;
  readonly holders: readonly Holder[];
};

/**
 * Connections that are ESTABLISHED in /proc/PID/net/tcp{,6} on an address that several listeners share, not in an accept
 * queue, and not dialled from there (see proc/dials); by the process that has them among its descriptors. Counted every few seconds, and said when it has changed. Of
 * which member a connection is, the kernel does not tell: State makes it of who accepts where.
 */
export type OpenEvent = At & {
  readonly kind: 'open';
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /** Of those processes that hold one of the listeners; one that is not here has none. null = there are too many to count. */
  readonly processes: readonly { readonly pid: number; readonly connections: number }[] | null;
  /**
   * Of those processes that have some: connections with unread bytes at this count and at the one before, some seconds ago (in
   * CLOSE_WAIT, too: their clients have gone). Absent = none.
   */
  readonly unread?: readonly { readonly pid: number; readonly connections: number }[];
  /** Those that none of these processes holds (an old worker's, one that was handed over), and those that several do. */
  readonly others: number;
};

/** A socket entered LISTEN (sock:inet_sock_set_state, 7 -> 10), in the context of the process that called listen(). */
export type ListenEvent = At & {
  readonly kind: 'listen';
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  readonly uid: number;
  /** SO_REUSEPORT was set on it. */
  readonly reuseport: boolean;
  readonly pid: number;
  readonly comm: string;
};

/** A socket left LISTEN (10 -> 7), or a UDP socket its port: nothing new reaches it. */
export type CloseEvent = At & {
  readonly kind: 'close';
  /** Absent = TCP. */
  readonly proto?: Proto;
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /**
   * Connections that were still in its accept queue: reset by the kernel, or migrated where net.ipv4.tcp_migrate_req is on.
   * Of UDP the bytes in its receive queue.
   */
  readonly queue: number;
  /** 0 = it was gone when /proc was read. */
  readonly pid: number;
  readonly comm: string;
};

/** One slot of a group, read from sock_reuseport.socks[] (the kernel's own order). */
export type SlotEvent = At & {
  readonly kind: 'slot';
  /** Absent = TCP. */
  readonly proto?: Proto;
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  readonly uid: number;
  /** SO_REUSEPORT was set on it. */
  readonly reuseport: boolean;
  /** Index in socks[]; null when the socket is in no group (no SO_REUSEPORT). */
  readonly index: number | null;
  /** Members in the group (num_socks); 0 when it is in no group. */
  readonly n: number;
  /** Of UDP the bytes charged to its receive buffer (sk_rmem_alloc). */
  readonly queue: number;
  /**
   * Limit of the accept queue (sk_max_ack_backlog, Send-Q of `ss`); it is full when queue > backlog. Of UDP the size of the
   * receive buffer in bytes (sk_rcvbuf: twice what SO_RCVBUF asked for).
   */
  readonly backlog: number;
};

/**
 * A socket takes only what comes by one network interface: SO_BINDTODEVICE, or the scope id of a link-local address. Sent
 * before the event that tells of the socket itself; a socket without it is bound to none, or was only seen in /proc.
 */
export type DeviceEvent = At & {
  readonly kind: 'device';
  readonly ino: number;
  /** Index of the interface in the socket's network namespace (sk_bound_dev_if), as in `ip link`. */
  readonly ifindex: number;
};

/** The kernel picked a member for a connection, or for a datagram. */
export type PickEvent = At & {
  readonly kind: 'pick';
  /** Absent = TCP. */
  readonly proto?: Proto;
  /** The member that was picked. */
  readonly ino: number;
  readonly netns: number;
  readonly uid: number;
  /** Its index in socks[] at that moment; null = not found within the 64 slots looked at, or in no group. */
  readonly index: number | null;
  readonly n: number;
  /** Accept queue at that moment: before the handshake on the function rungs, with this connection in it on the tracepoint rung. */
  readonly queue: number;
  readonly backlog: number;
  /** The connection's own addresses: laddr is what the client dialled. */
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly rport: number;
  /** CPU on which it was picked. */
  readonly cpu: number;
  /** hash of the 4-tuple (argument of reuseport_select_sock); null = this rung cannot know. */
  readonly hash: number | null;
  readonly cause: Cause | null;
};

/** accept() returned a connection. */
export type AcceptEvent = At & {
  readonly kind: 'accept';
  /** The listener it came from; 0 = unknown (accept() was already blocked when the tool started). */
  readonly ino: number;
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  /** The accepted connection's descriptor in that process; null = this rung cannot know. */
  readonly fd: number | null;
  /** tsNs of the pick it completes (with ino, the name of a connection); null = that pick was not shown. */
  readonly pickNs: number | null;
  /** From the end of the handshake to the return of accept(), nanoseconds; null = the pick was not shown. */
  readonly waitNs: number | null;
};

/**
 * accept() failed for want of something: EMFILE (-24), ENFILE, ENOBUFS, ENOMEM, EPERM. Of many some are shown; the counter
 * `failed` has all.
 */
export type UnacceptedEvent = At & {
  readonly kind: 'unaccepted';
  readonly ino: number;
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  /** Negative errno. */
  readonly ret: number;
};

/** How many descriptors a process has open and may have, read from /proc when its accept() failed. */
export type DescriptorsEvent = At & {
  readonly kind: 'descriptors';
  readonly pid: number;
  readonly open: number;
  /** RLIMIT_NOFILE, the soft one; null = none. */
  readonly limit: number | null;
};

/** A UDP socket with SO_REUSEPORT was bound to port 0 and given one. */
export type DrawnEvent = At & {
  readonly kind: 'drawn';
  readonly ino: number;
  readonly netns: number;
  readonly lport: number;
  readonly pid: number;
  readonly comm: string;
};

/** A process took a datagram from a UDP socket: printed when it is another thread than the last time. */
export type ReceiveEvent = At & {
  readonly kind: 'receive';
  readonly ino: number;
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
};

/**
 * connect() on a TCP socket with SO_REUSEPORT that has a port already, as of a program that dials from the port it listens on
 * (SIP, peer-to-peer). Sent when it begins, and again when it failed at once.
 */
export type DialEvent = At & {
  readonly kind: 'dial';
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly rport: number;
  /** connect() failed before anything was sent: the same four numbers are in use or in TIME_WAIT (EADDRNOTAVAIL). */
  readonly isFailed: boolean;
  readonly pid: number;
  readonly comm: string;
};

/** bind() returned. */
export type BindEvent = At & {
  readonly kind: 'bind';
  readonly pid: number;
  readonly tid: number;
  /** The socket's own uid (of who called socket()): the one that the kernel compares. */
  readonly uid: number;
  readonly comm: string;
  readonly fd: number;
  readonly proto: Proto;
  readonly netns: number;
  /** The address that was asked for. */
  readonly laddr: string;
  readonly lport: number;
  readonly reuseport: boolean;
  readonly reuseaddr: boolean;
  /** 0, or the negative errno: -98 is EADDRINUSE. */
  readonly ret: number;
  readonly ino: number;
};

/** A socket on the port of a refused bind() or listen(), as `ss` shows it. */
export type Obstacle = {
  /** As ss calls it: LISTEN, ESTAB, TIME-WAIT, UNCONN, ... */
  readonly state: string;
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly rport: number;
  /** 0 = none, as in TIME_WAIT. */
  readonly ino: number;
  readonly uid: number;
  /** IPV6_V6ONLY. */
  readonly isSixOnly: boolean;
  /** Of TIME_WAIT the seconds that are left; null = not said, or another state. */
  readonly seconds: number | null;
  /** Who holds it; null = not found: nobody, several or one that cannot be seen. */
  readonly holder: { readonly pid: number; readonly comm: string } | null;
};

/**
 * What the host says of a bind() or listen() that was refused, asked when it was seen. Each part is null when it was not asked
 * for this errno, or gave no answer: who asked may have ended by then.
 */
export type Grounds = {
  /** Of the thread that asked. */
  readonly task: {
    /** CAP_NET_BIND_SERVICE is in its effective set. */
    readonly hasCapability: boolean;
    /** It is in another user namespace than this tool: its capabilities may not count in that network namespace. */
    readonly hasOwnUsers: boolean;
    readonly noNewPrivs: boolean;
    readonly hasSeccomp: boolean;
    /** Its SELinux context or AppArmor profile; null = none. */
    readonly label: string | null;
    /** Path of its cgroup below the root of version 2; null = it has none. */
    readonly cgroup: string | null;
  } | null;
  /** net.ipv4.ip_unprivileged_port_start, and net.ipv4.ip_local_port_range, of that network namespace. */
  readonly portStart: number | null;
  readonly portRange: readonly [number, number] | null;
  /** Who has the address that was asked for: an interface of that network namespace, one of another, nobody that is seen. */
  readonly address: {
    readonly where: 'here' | 'elsewhere' | 'nowhere';
    /** Name of the interface; empty = not known. */
    readonly iface: string;
    /** IPv6 alone: IFA_F_ bits (include/uapi/linux/if_addr.h), 0x40 tentative, 0x08 dadfailed. */
    readonly flags: number;
    readonly netns: number;
  } | null;
  /** The sockets on that port; the first of them where there are many. */
  readonly sockets: readonly Obstacle[] | null;
};

/** Why a call was refused: `grounds` is null when the host was just asked, and comes with a second event. */
export type GroundsEvent = At & {
  readonly kind: 'grounds';
  /** Thread and time of the call: its name. */
  readonly tid: number;
  readonly callNs: number;
  readonly grounds: Grounds | null;
};

/** listen() returned. */
export type ListenedEvent = At & {
  readonly kind: 'listened';
  readonly pid: number;
  readonly tid: number;
  /** The socket's own uid (of who called socket()): the one that the kernel compares. */
  readonly uid: number;
  readonly comm: string;
  readonly fd: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  readonly reuseport: boolean;
  readonly reuseaddr: boolean;
  /** The accept queue limit that holds now (the argument cut to net.core.somaxconn). */
  readonly backlog: number;
  readonly ret: number;
  readonly ino: number;
};

/** The BPF program of a group, which chooses in place of the hash. */
export type ProgramEvent = At & {
  readonly kind: 'program';
  /** A member of the group. */
  readonly ino: number;
  /** bpf_prog_type: 0 classic (SO_ATTACH_REUSEPORT_CBPF), 1 socket filter, 21 sk_reuseport; -1 = it was detached, there is none. */
  readonly type: number;
  /** As `bpftool prog show id`; 0 for a classic program. */
  readonly id: number;
  /** aux->name, chosen by who loaded it; empty for a classic program. */
  readonly name: string;
};

/**
 * A program of type sk_lookup of a network namespace: it runs before any listener or group there is asked, and may choose
 * a socket whatever its address and port are. Sent anew, all of them, when one comes or goes.
 */
export type LookupEvent = At & {
  readonly kind: 'lookup';
  readonly netns: number;
  /** Its place in the order in which they run; 0 = those known before are replaced; null = there is none any more. */
  readonly place: number | null;
  /** As `bpftool prog show id`. */
  readonly id: number;
  /** aux->name, chosen by who loaded it. */
  readonly name: string;
};

/** The group's BPF program refused a connection (SK_DROP): no member was picked, the client gets a reset. */
export type RefusedEvent = At & {
  readonly kind: 'refused';
  /** A member of the group. */
  readonly ino: number;
  readonly netns: number;
  readonly hash: number;
};

/** The handshake of a shown pick is done: the connection waits for accept(). */
export type QueuedEvent = At & { readonly kind: 'queued'; readonly ino: number; readonly pickNs: number };

/** A connection attempt met a full accept queue: `syn` its SYN was dropped, `ack` its final ACK (the client believes it is connected). */
export type DropEvent = At & {
  readonly kind: 'drop';
  readonly ino: number;
  readonly netns: number;
  readonly why: 'syn' | 'ack';
  readonly laddr: string;
  readonly lport: number;
  readonly raddr: string;
  readonly rport: number;
};

/** A connection in the accept queue was reset because its listener closed (inet_child_forget). */
export type KilledEvent = At & {
  readonly kind: 'killed';
  readonly ino: number;
  readonly netns: number;
  readonly raddr: string;
  readonly rport: number;
  /** tsNs of its pick; null = that was not shown. */
  readonly pickNs: number | null;
};

/** A listener is being stopped (inet_csk_listen_stop): what is at stake. */
export type StoppingEvent = At & {
  readonly kind: 'stopping';
  readonly ino: number;
  readonly netns: number;
  /** Connections in its accept queue. */
  readonly queue: number;
  /** Handshakes under way in its SYN queue. */
  readonly synQueue: number;
  readonly pid: number;
  readonly comm: string;
};

/** A connection was moved to another member when its listener closed (reuseport_migrate_sock, net.ipv4.tcp_migrate_req). */
export type MovedEvent = At & {
  readonly kind: 'moved';
  readonly ino: number;
  readonly toIno: number;
  readonly netns: number;
  /** `child` was in the accept queue, `request` was in the middle of its handshake. */
  readonly what: 'child' | 'request';
};

/** A socket joined a group, or made one (reuseport_add_sock, reuseport_alloc). */
export type JoinEvent = At & {
  readonly kind: 'join';
  /** Absent = TCP. */
  readonly proto?: Proto;
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /** null = others joined or left in the same moment: the next slots tell. */
  readonly index: number | null;
  /** Members after it joined; 0 with an unknown index. */
  readonly n: number;
  /** sock_reuseport.reuseport_id: recycled by the kernel, so it names a group only for a moment. */
  readonly reuseportId: number;
  readonly pid: number;
  readonly comm: string;
};

/** listen() could not join the group (reuseport_add_sock: -12 = the group is full, -16 = in another group already). */
export type JoinFailEvent = At & { readonly kind: 'joinfail'; readonly ino: number; readonly ret: number };

/** A socket left its group; the last one of socks[] moved into its place. */
export type LeaveEvent = At & {
  readonly kind: 'leave';
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /** The index that it had; null = past the first 512. */
  readonly index: number | null;
  /** Members before it left. */
  readonly n: number;
  /** Who moved into its place; 0 = nobody, it was the last. */
  readonly movedIno: number;
  readonly pid: number;
  readonly comm: string;
};

/** How inet_csk_get_port decided on a port: it was free; the fast path (sk_reuseport_match) let it in; the conflict check passed; refused. */
export type PortPath = 'free' | 'fast' | 'checked' | 'refused';

/** The kernel's verdict on a port, at bind() or again at listen(), with the socket in the way where there is one. */
export type PortEvent = At & {
  readonly kind: 'port';
  readonly tid: number;
  readonly ino: number;
  readonly netns: number;
  readonly lport: number;
  /** 0, or not 0 = refused (1 up to 5.15, -98 later). */
  readonly ret: number;
  /** sk_state at that moment: 7 = from bind(), 10 = from listen(). */
  readonly state: number;
  readonly path: PortPath;
  readonly uid: number;
  readonly reuseport: boolean;
  readonly reuseaddr: boolean;
  /** It was in a group already: a program was attached before bind(). */
  readonly hasGroup: boolean;
  readonly laddr: string;
  /** The socket in the way; null = none was named. */
  readonly culprit: Culprit | null;
};

export type Culprit = {
  /** 0 for a connection in TIME_WAIT, which has no inode. */
  readonly ino: number;
  readonly uid: number;
  /** TCP state: 10 LISTEN, 1 ESTABLISHED, 6 TIME_WAIT, 7 bound only. */
  readonly state: number;
  readonly reuseport: boolean;
  readonly reuseaddr: boolean;
  readonly laddr: string;
};

/**
 * The exact counters, kept per socket in the kernel, all but queue cumulative since `attached`.
 * picks: chosen for a connection attempt (tracepoint rung: for a finished handshake); printed: pick lines printed;
 * established: handshakes queued on it (0 on the tracepoint rung: there a pick is that); accepted; queue: length of the
 * accept queue after the last of these; retransmits: repeated SYNs of attempts counted before; cookies: ACKs that
 * carry a SYN cookie or come late; strays: other packets that were looked up; refused: SK_DROP of the program;
 * dropped_syn, dropped_ack: attempts that met a full queue; dropped_again: their repetitions; killed: queued connections
 * reset at close; moved_from, moved_to: queued connections that were
 * migrated, requests_from, requests_to: handshakes under way that were.
 *
 * Of UDP picks: chosen for a datagram; on the tracepoint rung wake-ups, because one may stand for several datagrams there
 * (and datagrams that were refused wake nobody). delivered: datagrams put into the receive queue; overflowed: refused by
 * it (__udp_enqueue_schedule_skb); received: taken by a process; client_bits: how many of CLIENT_BITS bits, one for each hash
 * of a client's address, are set (core/statistics/clients estimates how many clients that are). copies: wake-ups by multicast
 * or broadcast, of which every socket gets a copy and none is picked (tracepoint rung; the others see no pick of those).
 * failed: accept() calls that failed for want of descriptors, memory or permission (see UnacceptedEvent).
 */
export const COUNTERS = [
  'picks',
  'printed',
  'established',
  'accepted',
  'queue',
  'retransmits',
  'cookies',
  'strays',
  'refused',
  'dropped_syn',
  'dropped_ack',
  'dropped_again',
  'killed',
  'moved_from',
  'moved_to',
  'requests_from',
  'requests_to',
  'delivered',
  'overflowed',
  'received',
  'client_bits',
  'copies',
  'failed',
] as const;
export type Counter = (typeof COUNTERS)[number];

/** A counter has a new value. Unchanged ones are not repeated. */
export type CountEvent = At & {
  readonly kind: 'count';
  readonly ino: number;
  readonly counter: Counter;
  readonly total: number;
};

/**
 * What did not reach us: `perf` details that bpftrace lost (`Lost N events`), `missed` probe runs that the kernel skipped
 * (recursion_misses), `unsaid` lines of sockets that came and went beyond the budget for them (budget.bt).
 */
export type LostEvent = At & {
  readonly kind: 'lost';
  readonly by: 'perf' | 'missed' | 'unsaid';
  readonly events: number;
};

/** A line that is not of the wire contract; counted, never fatal. */
export type MalformedEvent = At & {
  readonly kind: 'malformed';
  readonly lines: number;
  /** The first of them, cut to 200 characters: hostile, clean before showing. */
  readonly sample: string;
};

/** The recording ended before the run, such as on a full disk: nothing from here on is in it. Tracing goes on. */
export type UnrecordedEvent = At & {
  readonly kind: 'unrecorded';
  /** One sentence with the file and what the system said. */
  readonly why: string;
};

/** A setting of the host that decides what a close loses, from /proc/sys; sent at the start, and when it has changed. */
export type SysctlEvent = At & {
  readonly kind: 'sysctl';
  /** The namespace whose setting it is: only that of the tool can be read. */
  readonly netns: number;
  /** net.ipv4.tcp_migrate_req: 1 = a listener that closes gives its connections to its group (Linux 5.14 and newer). */
  readonly migrateReq: number;
};

/** The user set the counters to zero (key r). */
export type ResetEvent = At & { readonly kind: 'reset' };

export type Event =
  | MetaEvent
  | ClockEvent
  | AttachingEvent
  | AttachedEvent
  | PartEvent
  | EndedEvent
  | TickEvent
  | NetnsEvent
  | SysctlEvent
  | SocketEvent
  | ProcessEvent
  | OwnersEvent
  | ScannedEvent
  | OpenEvent
  | ListenEvent
  | CloseEvent
  | SlotEvent
  | DeviceEvent
  | PickEvent
  | AcceptEvent
  | UnacceptedEvent
  | DescriptorsEvent
  | DrawnEvent
  | ReceiveEvent
  | DialEvent
  | GroundsEvent
  | BindEvent
  | ListenedEvent
  | ProgramEvent
  | LookupEvent
  | RefusedEvent
  | QueuedEvent
  | DropEvent
  | KilledEvent
  | StoppingEvent
  | MovedEvent
  | JoinEvent
  | JoinFailEvent
  | LeaveEvent
  | PortEvent
  | CountEvent
  | LostEvent
  | MalformedEvent
  | UnrecordedEvent
  | ResetEvent;
