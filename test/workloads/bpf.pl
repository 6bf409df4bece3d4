# Knows how to attach classic and extended BPF programs to a SO_REUSEPORT group by raw system calls; knows nothing
# of servers, modes or commands. Needs perl-base alone; x86_64 and aarch64.
use strict;
use warnings;
use POSIX ();
use Socket;

use constant { SO_ATTACH_REUSEPORT_CBPF => 51, SO_ATTACH_REUSEPORT_EBPF => 52 };
use constant { BPF_MAP_CREATE => 0, BPF_MAP_UPDATE_ELEM => 2, BPF_PROG_LOAD => 5 };
use constant { BPF_MAP_TYPE_REUSEPORT_SOCKARRAY => 20, BPF_PROG_TYPE_SK_REUSEPORT => 21 };
use constant { SK_DROP => 0, SK_PASS => 1, BPF_FUNC_SK_SELECT_REUSEPORT => 82, BPF_PSEUDO_MAP_FD => 1 };
use constant MAP_SLOTS => 4;

my %BPF_SYSCALL = (x86_64 => 321, aarch64 => 280);

# Attaches the one instruction `return $index`; an index past the group makes the kernel fall back to the hash.
# Dies with the errno in $! when the kernel refuses.
sub attach_cbpf {
    my ($socket, $index) = @_;
    my $filter = pack('S C C L', 0x06, 0, 0, $index);    # BPF_RET | BPF_K
    my $fprog = pack('S x![P] P', 1, $filter);           # struct sock_fprog
    return setsockopt($socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, $fprog);
}

# Attaches an SK_REUSEPORT program. $kind: pass (chooses nothing, the kernel hashes), drop (refuses everything),
# index (chooses this very socket, by slot 0 of a socket map), empty (chooses an empty slot: the helper answers
# -ENOENT, the program passes, the kernel hashes). index needs a listening (udp: bound) socket. False and $! on refusal.
sub attach_ebpf {
    my ($socket, $kind) = @_;
    my @code;
    if ($kind eq 'pass' || $kind eq 'drop') {
        @code = (insn(0xb7, 0, 0, 0, $kind eq 'pass' ? SK_PASS : SK_DROP), insn(0x95, 0, 0, 0, 0));
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
        die "ebpf must be pass, drop, index or empty, not $kind\n";
    }
    my ($code, $license) = (join('', @code), "GPL\0");
    my $program = bpf(
        BPF_PROG_LOAD,
        pack('L2 P P L2 Q L2 a16', BPF_PROG_TYPE_SK_REUSEPORT, scalar @code, $code, $license, 0, 0, 0, 0, 0, "lab_$kind")
    ) // return;
    return setsockopt($socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, pack('i', $program));
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
