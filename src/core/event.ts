// What the tool can ever learn: every fact, from any source, is one of these Events; it knows no source and no screen.

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
  /** bpftrace's version, such as `0.17.0`. */
  readonly bpftrace: string;
  readonly rung: Rung;
  /** Traced local ports; empty = every port. */
  readonly ports: readonly number[];
  /** Inode of the network namespace the tool runs in: shown as `host`. */
  readonly hostNetns: number;
  /** Most detail lines printed per second in the kernel; counters have no limit. */
  readonly budgetPerSecond: number;
};

/** bpftrace was started and is compiling; nothing is seen yet. */
export type AttachingEvent = At & { readonly kind: 'attaching' };

/** The first tick came: every probe is attached from here on. Counters start at zero (again, after a restart). */
export type AttachedEvent = At & { readonly kind: 'attached' };

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

/** A listening TCP or bound UDP socket found in /proc/PID/net/{tcp,tcp6}: it exists, whoever made it. */
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
  /** Connections in the accept queue now (Recv-Q of `ss`). */
  readonly queue: number;
};

/** One process with the socket open. */
export type Holder = {
  readonly pid: number;
  /** /proc/PID/comm: any local user may choose it; clean before showing. */
  readonly comm: string;
  /** Its file descriptors for this socket. */
  readonly fds: readonly number[];
};

/** Everybody who holds one socket, replacing what was known. */
export type OwnersEvent = At & {
  readonly kind: 'owners';
  readonly ino: number;
  readonly holders: readonly Holder[];
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

/** A socket left LISTEN (10 -> 7): no new connection reaches it. */
export type CloseEvent = At & {
  readonly kind: 'close';
  readonly ino: number;
  readonly netns: number;
  readonly laddr: string;
  readonly lport: number;
  /** Connections that were still in its accept queue: reset by the kernel, or migrated where net.ipv4.tcp_migrate_req is on. */
  readonly queue: number;
  readonly pid: number;
  readonly comm: string;
};

/** One slot of a group, read from sock_reuseport.socks[] (the kernel's own order). */
export type SlotEvent = At & {
  readonly kind: 'slot';
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
  readonly queue: number;
  /** Limit of the accept queue (sk_max_ack_backlog, Send-Q of `ss`); it is full when queue > backlog. */
  readonly backlog: number;
};

/** The kernel picked a member for a connection. */
export type PickEvent = At & {
  readonly kind: 'pick';
  /** The member that was picked. */
  readonly ino: number;
  readonly netns: number;
  readonly uid: number;
  /** Its index in socks[] at that moment; null = not found within the 64 slots looked at, or in no group. */
  readonly index: number | null;
  readonly n: number;
  /** Accept queue with this connection in it. */
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
  /** The accepted connection's descriptor in that process. */
  readonly fd: number;
  /** tsNs of the pick it completes (with ino, the name of a connection); null = that pick was not shown. */
  readonly pickNs: number | null;
  /** From the end of the handshake to the return of accept(), nanoseconds; null = the pick was not shown. */
  readonly waitNs: number | null;
};

/** bind() returned. */
export type BindEvent = At & {
  readonly kind: 'bind';
  readonly pid: number;
  readonly tid: number;
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

/** listen() returned. */
export type ListenedEvent = At & {
  readonly kind: 'listened';
  readonly pid: number;
  readonly tid: number;
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

/**
 * The exact counters, kept per socket in the kernel: picks, established = handshakes queued, shown = pick lines
 * printed, accepted, dropped, all cumulative since `attached`; queue = accept queue length after the last pick or accept.
 */
export type Counter = 'picks' | 'printed' | 'accepted' | 'queue';

/** A counter has a new value. Unchanged ones are not repeated. */
export type CountEvent = At & {
  readonly kind: 'count';
  readonly ino: number;
  readonly counter: Counter;
  readonly total: number;
};

/** Details that did not reach us: `perf` as bpftrace said (`Lost N events`), `missed` as the kernel counted (recursion_misses). */
export type LostEvent = At & {
  readonly kind: 'lost';
  readonly by: 'perf' | 'missed';
  readonly events: number;
};

/** A line that is not of the wire contract; counted, never fatal. */
export type MalformedEvent = At & { readonly kind: 'malformed'; readonly lines: number };

/** The user set the counters to zero (key r). */
export type ResetEvent = At & { readonly kind: 'reset' };

export type Event =
  | MetaEvent
  | AttachingEvent
  | AttachedEvent
  | EndedEvent
  | TickEvent
  | NetnsEvent
  | SocketEvent
  | OwnersEvent
  | ListenEvent
  | CloseEvent
  | SlotEvent
  | PickEvent
  | AcceptEvent
  | BindEvent
  | ListenedEvent
  | CountEvent
  | LostEvent
  | MalformedEvent
  | ResetEvent;
