# Knows how to attach BPF programs to a SO_REUSEPORT group or a network namespace by raw system calls; knows nothing
# of servers, modes or commands. Needs perl-base alone; x86_64 and aarch64.
use strict;
use warnings;
use POSIX ();
use Socket;

use constant { SO_ATTACH_REUSEPORT_CBPF => 51, SO_ATTACH_REUSEPORT_EBPF => 52, SO_DETACH_REUSEPORT_BPF => 68 };
use constant { BPF_MAP_CREATE => 0, BPF_MAP_UPDATE_ELEM => 2, BPF_PROG_LOAD => 5, BPF_LINK_CREATE => 28 };
use constant { BPF_MAP_TYPE_REUSEPORT_SOCKARRAY => 20, BPF_PROG_TYPE_SK_REUSEPORT => 21 };
use constant { BPF_PROG_TYPE_SOCKET_FILTER => 1, BPF_PROG_TYPE_SK_LOOKUP => 30, BPF_FUNC_GET_NUMA_NODE_ID => 42 };
use constant { BPF_SK_LOOKUP => 36, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE => 40, BPF_MAP_TYPE_SOCKMAP => 15 };
use constant { BPF_FUNC_MAP_LOOKUP_ELEM => 1, BPF_FUNC_SK_RELEASE => 86, BPF_FUNC_SK_ASSIGN => 124 };
use constant { SK_DROP => 0, SK_PASS => 1, BPF_FUNC_SK_SELECT_REUSEPORT => 82, BPF_PSEUDO_MAP_FD => 1 };
use constant MAP_SLOTS => 4;

my %BPF_SYSCALL = (x86_64 => 321, aarch64 => 280);

# Attaches `return $what`: an index (past the group it makes the kernel fall back to the hash), cpu (the one that it
# runs on), or mod:N (the first four bytes of the payload, in network order, modulo N). False and $! on refusal.
sub attach_cbpf {
    my ($socket, $what) = @_;
    my @code =
        $what eq 'cpu'            ? ([0x20, 0, 0, 0xfffff000 + 36], [0x16, 0, 0, 0])       # ld #cpu (SKF_AD_CPU), ret a
        : $what =~ /\Amod:(\d+)\z/ ? ([0x20, 0, 0, 0], [0x94, 0, 0, $1], [0x16, 0, 0, 0])   # ld [0], mod #N, ret a
        :                           [0x06, 0, 0, $what];                                   # ret #index
    my $filter = join '', map { pack 'S C C L', @$_ } @code;
    my $fprog = pack('S x![P] P', scalar @code, $filter);    # struct sock_fprog
    return setsockopt($socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, $fprog);
}

# Attaches an SK_REUSEPORT program. $kind: pass (chooses nothing, the kernel hashes), drop (refuses everything),
# index (chooses this very socket, by slot 0 of a socket map), empty (chooses an empty slot: the helper answers
# -ENOENT, the program passes, the kernel hashes), migrate (pass, and it is asked as well where connections of a closed
# member go). index needs a listening (udp: bound) socket. Or a socket filter: numa (returns the number of this NUMA
# node), mod:N (as above). False and $! on refusal.
sub attach_ebpf {
    my ($socket, $kind) = @_;
    my @code;
    my ($type, $attached_as) = (BPF_PROG_TYPE_SK_REUSEPORT, 0);
    if ($kind =~ /\A(?:pass|drop|migrate)\z/) {
        @code = (insn(0xb7, 0, 0, 0, $kind eq 'drop' ? SK_DROP : SK_PASS), insn(0x95, 0, 0, 0, 0));
        $attached_as = BPF_SK_REUSEPORT_SELECT_OR_MIGRATE if $kind eq 'migrate';
    } elsif ($kind eq 'numa') {
        @code = (insn(0x85, 0, 0, 0, BPF_FUNC_GET_NUMA_NODE_ID), insn(0x95, 0, 0, 0, 0));
        $type = BPF_PROG_TYPE_SOCKET_FILTER;
    } elsif ($kind =~ /\Amod:(\d+)\z/) {
        @code = (
            insn(0xbf, 6, 1, 0, 0), insn(0x20, 0, 0, 0, 0),               # r6 = context, r0 = ld [0]
            insn(0x94, 0, 0, 0, $1), insn(0x95, 0, 0, 0, 0),              # (u32) r0 %= N
        );
        $type = BPF_PROG_TYPE_SOCKET_FILTER;
    } elsif ($kind eq 'index' || $kind eq 'empty') {
        my $map = bpf(BPF_MAP_CREATE, pack('L5', BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, 4, 8, MAP_SLOTS, 0)) // return;
        my ($key, $value) = (pack('L', 0), pack('Q', fileno $socket));
        defined bpf(BPF_MAP_UPDATE_ELEM, pack('L x4 P P Q', $map, $key, $value, 0)) or return;
        @code = (
            insn(0x62, 10, 0, -4, $kind eq 'index' ? 0 : MAP_SLOTS - 1),    # *(u32 *)(r10 - 4) = slot
            insn(0xbf, 3, 10, 0, 0), insn(0x07, 3, 0, 0, -4),               # r3 = r10 - 4
            insn(0x18, 2, BPF_PSEUDO_MAP_FD, 0, $map), insn(0, 0, 0, 0, 0), # r2 = map
            insn(0xb7, 4, 0, 0, 0),                                         # r4 = flags
            insn(0x85, 0, 0, 0, BPF_FUNC_SK_SELECT_REUSEPORT),
            insn(0xb7, 0, 0, 0, SK_PASS), insn(0x95, 0, 0, 0, 0),
        );
    } else {
        die "ebpf must be pass, drop, index, empty, migrate, numa or mod:N, not $kind\n";
    }
    my $program = load($type, 'lab_' . $kind =~ tr/:/_/r, $attached_as, @code) // return;
    return setsockopt($socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, pack('i', $program));
}

# Takes whatever program the group of $socket has away from it. False and $! on refusal.
sub detach_bpf {
    my ($socket) = @_;
    return setsockopt($socket, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, pack('i', 0));
}

# Puts an sk_lookup program before all listeners of this network namespace, for as long as this process lives. It leads
# what comes for port $port to the group of $socket, which listens; without a port it chooses nothing. Returns its
# descriptor, or undef and $!.
sub link_lookup {
    my ($name, $socket, $port) = @_;
    my @code = (insn(0xb7, 0, 0, 0, SK_PASS), insn(0x95, 0, 0, 0, 0));
    if (defined $port) {
        my $map = bpf(BPF_MAP_CREATE, pack('L5', BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, 0)) // return;
        my ($key, $value) = (pack('L', 0), pack('Q', fileno $socket));
        defined bpf(BPF_MAP_UPDATE_ELEM, pack('L x4 P P Q', $map, $key, $value, 0)) or return;
        unshift @code, (
            insn(0xbf, 6, 1, 0, 0),                                          # r6 = context
            insn(0x61, 0, 6, 60, 0), insn(0x55, 0, 0, 14, $port),            # local_port: another one passes
            insn(0x62, 10, 0, -4, 0),                                        # *(u32 *)(r10 - 4) = 0
            insn(0xbf, 2, 10, 0, 0), insn(0x07, 2, 0, 0, -4),                # r2 = r10 - 4
            insn(0x18, 1, BPF_PSEUDO_MAP_FD, 0, $map), insn(0, 0, 0, 0, 0),  # r1 = map
            insn(0x85, 0, 0, 0, BPF_FUNC_MAP_LOOKUP_ELEM),
            insn(0x15, 0, 0, 7, 0), insn(0xbf, 7, 0, 0, 0),                  # no socket: passes; r7 = the socket
            insn(0xbf, 1, 6, 0, 0), insn(0xbf, 2, 7, 0, 0), insn(0xb7, 3, 0, 0, 0),
            insn(0x85, 0, 0, 0, BPF_FUNC_SK_ASSIGN),
            insn(0xbf, 1, 7, 0, 0), insn(0x85, 0, 0, 0, BPF_FUNC_SK_RELEASE),
        );
    }
    my $program = load(BPF_PROG_TYPE_SK_LOOKUP, $name, BPF_SK_LOOKUP, @code) // return;
    open my $netns, '<', '/proc/self/ns/net' or return;
    return bpf(BPF_LINK_CREATE, pack('L4', $program, fileno $netns, BPF_SK_LOOKUP, 0));
}

# Returns the descriptor of a program, or undef and $!.
sub load {
    my ($type, $name, $attached_as, @code) = @_;
    my ($code, $license) = (join('', @code), "GPL\0");
    my @attributes = ($type, scalar @code, $code, $license, 0, 0, 0, 0, 0, $name, 0, $attached_as);
    return bpf(BPF_PROG_LOAD, pack('L2 P P L2 Q L2 a16 L2', @attributes));
}

sub insn {
    my ($opcode, $dst, $src, $offset, $immediate) = @_;
    return pack('C C s l', $opcode, $dst | $src << 4, $offset, $immediate);
}

# Returns the descriptor (0 for an update), or undef and $!.
sub bpf {
    my ($command, $attributes) = @_;
    my $machine = (POSIX::uname())[4];
    my $number = $BPF_SYSCALL{$machine} // die "bpf(2) has no number here for $machine\n";
    my $result = syscall($number, $command, $attributes, length $attributes);
    return $result < 0 ? undef : $result;
}

1;
