// Every kernel function that the function rungs probe, and what stays unknown without it.

/** One probe of the function rungs. */
export type ProbeNeed = {
  /** On the fentry rung; the kprobe rung uses kprobe and kretprobe for all. */
  readonly probe: 'fentry' | 'fexit' | 'kprobe';
  readonly function: string;
  /** bpftrace refuses fentry on more than six; null = a kprobe, which reads the first ones of any number. */
  readonly maxArgs: number | null;
  /** Without it the rung shows less than the tracepoint rung does. */
  readonly isCore: boolean;
  /** What stays unknown when it is left out. */
  readonly unknownWithout: string;
};

const row = (
  probe: ProbeNeed['probe'],
  name: string,
  unknownWithout: string,
  more: { isCore?: boolean } = {},
): ProbeNeed => ({
  probe,
  function: name,
  maxArgs: probe === 'kprobe' ? null : 6,
  isCore: false,
  unknownWithout,
  ...more,
});

/** Every function that the probes of the function rungs are on. */
export const NEEDS: readonly ProbeNeed[] = [
  row('fexit', 'reuseport_select_sock', 'which member is picked, and its hash', { isCore: true }),
  row('fexit', 'inet_csk_complete_hashdance', 'when a connection enters the accept queue', { isCore: true }),
  row('fentry', 'inet_csk_accept', 'accepts of connections that were queued before the start'),
  // Blocked calls of inet_csk_accept would be missed at their return, or use up kretprobes: accept ends here.
  row('fentry', 'security_sock_graft', 'who accepts, and the wait for it', { isCore: true }),
  // Inlined for normal handshakes since 6.1: what is left are these two.
  row('fexit', 'inet_csk_reqsk_queue_add', 'connections queued by SYN cookie or TCP Fast Open'),
  row('fexit', 'reuseport_select_sock_by_hash', 'whether a BPF program left the choice to the hash'),
  row('fentry', 'tcp_conn_request', 'SYNs dropped on a full accept queue'),
  // Six or seven arguments, by back-port: a kprobe reads the first ones of either.
  row('kprobe', 'tcp_v4_syn_recv_sock', 'final ACKs dropped on a full accept queue (IPv4)'),
  row('kprobe', 'tcp_v6_syn_recv_sock', 'final ACKs dropped on a full accept queue (IPv6)'),
  row('fentry', 'inet_csk_listen_stop', 'connections at stake when a listener closes'),
  row('fentry', 'inet_child_forget', 'queued connections that the kernel killed'),
  row('fexit', 'reuseport_migrate_sock', 'connections moved to another member'),
  row('fexit', 'reuseport_alloc', 'when a group begins'),
  row('fexit', 'reuseport_add_sock', 'when a member joins, and at which index'),
  row('fentry', 'bpf_sk_reuseport_detach', 'when a member leaves, and who takes its place'),
  row('fentry', 'reuseport_detach_sock', 'which listener its connections moved from'),
  row('fexit', 'reuseport_attach_prog', 'when a BPF program is attached'),
  row('fexit', 'reuseport_detach_prog', 'when a BPF program is detached'),
  row('fexit', '__udp_enqueue_schedule_skb', 'UDP datagrams delivered, or refused by a full receive buffer'),
  row('fentry', 'skb_consume_udp', 'UDP datagrams received, and by whom'),
  row('fentry', 'udp_lib_unhash', 'when a UDP socket closes (/proc tells within a second)'),
  row('fexit', 'inet_csk_get_port', 'why the kernel took or refused a port'),
  row('fentry', 'inet_bind_bucket_create', 'whether a port was free when it was taken'),
  row('fentry', 'inet_csk_bind_conflict', 'whether the kernel compared sockets for a port'),
  row('fexit', 'inet_bind_conflict', 'which socket a refused bind ran into'),
];

/** Every `struct.member` that a line of a probe cannot do without (`// needs` at its end). */
export const MEMBERS: readonly string[] = ['sock_reuseport.incoming_cpu', 'bpf_sk_lookup_kern.selected_sk'];
