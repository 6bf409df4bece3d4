# Knows how to be one listener that a test can command and that counts what it accepted; knows nothing of tracing.
# Needs perl-base alone, so that it runs in a bare Debian guest.
#
# perl server.pl key=value ...
#   port=N (0: the kernel's choice)  addr=IP[%INDEX of the interface]  v6only=0|1  proto=tcp|udp|mptcp  backlog=N  reuseport=0|1  reuseaddr=0|1
#   dev=NAME         SO_BINDTODEVICE: takes only what comes by that interface
#   uid=N            effective uid while socket() runs: the kernel takes the socket's owner from there
#   incoming_cpu=N   SO_INCOMING_CPU                        defer_accept=SECONDS  TCP_DEFER_ACCEPT
#   cbpf=INDEX|cpu|mod:N  cbpf_when=before|after   a classic program, attached before bind or after listen (see bpf.pl)
#   ebpf=pass|drop|index|empty|migrate|numa|mod:N  a program attached after listen (see bpf.pl)
#   lookup=NAME      an sk_lookup program of that name in this network namespace, while this process lives
#   lookup_port=N    it leads what comes for that port to this socket's group; without, it chooses nothing
#   fastopen=N       TCP_FASTOPEN: so many connections may come with data in their SYN
#   listen=0         binds only; the command `listen` listens
#   connect_addr=IP connect_port=N       udp: connects the bound socket
#   mode=accept|hold|stuck   closes what it accepts at once, keeps it open, or never accepts
#   slow=MS          one accept per MS milliseconds          stuck_after=N  stuck once N are accepted
#   fork=N           N children accept on the one descriptor, the parent never does
#   leak=N           N children hold the descriptor and never accept
#   name=TEXT        the process's name (comm keeps 15 bytes)
# Prints `ready pid= ino= fd= port= children=PID,PID,...`, or `failed call= errno= pid=` and exits 0.
# Commands on stdin, one per line, each answered by one line: count -> `count accepted=N each=N,N`; stuck, resume,
# listen, detach (its group's program), close, quit -> `ok command=...`. End of stdin is quit.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use File::Basename qw(dirname);
use Socket qw(:DEFAULT inet_pton IPPROTO_TCP IPPROTO_IPV6 IPV6_V6ONLY pack_sockaddr_in6 unpack_sockaddr_in6);
require(dirname(__FILE__) . '/bpf.pl');

use constant { IPPROTO_MPTCP => 262, SO_REUSEPORT => 15, SO_INCOMING_CPU => 49, SO_BINDTODEVICE => 25, TCP_DEFER_ACCEPT => 9, TCP_FASTOPEN => 23, MSG_DONTWAIT => 0x40 };
use constant BATCH => 256;    # accepts between two looks at stdin: rare enough to cost nothing, 5 ms at full speed

my %option = (
    port => 0, addr => '127.0.0.1', v6only => 0, proto => 'tcp', backlog => 4096, reuseport => 1, reuseaddr => 0,
    cbpf_when => 'after', listen => 1, mode => 'accept', slow => 0, stuck_after => 0, fork => 0, leak => 0,
    map { $_ => undef } qw(uid dev incoming_cpu cbpf ebpf lookup lookup_port fastopen defer_accept connect_addr connect_port name),
);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "server.pl: $_ is not key=value\n";
    exists $option{$key} or die "server.pl: there is no option $key\n";
    $option{$key} = $value;
}
$option{mode} =~ /\A(accept|hold|stuck)\z/ or die "server.pl: mode must be accept, hold or stuck\n";
$option{backlog} += 0;
$0 = $option{name} if defined $option{name};
$SIG{PIPE} = 'IGNORE';
$| = 1;

my ($accepted, $is_stuck, @held) = (0, $option{mode} eq 'stuck');
my $socket = make_socket();
my $fd = fileno $socket;
my ($ino) = readlink("/proc/self/fd/$fd") =~ /(\d+)/;
my (@channels, @children);
start_child(0) for 1 .. $option{fork};
start_child(1) for 1 .. $option{leak};
print "ready pid=$$ ino=$ino fd=$fd port=", bound_port(), ' children=', join(',', @children), "\n";
if ($option{fork}) { relay() } else { serve(*STDIN, *STDOUT) }

sub fail {
    my ($call) = @_;
    printf "failed call=%s errno=%d pid=%d\n", $call, $!, $$;
    exit 0;
}

sub is_udp { return $option{proto} eq 'udp' }

sub name_of {
    my ($addr, $port) = @_;
    return $addr =~ /:/
        ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $addr =~ s/%.*//r), $addr =~ /%(\d+)\z/ ? $1 : 0)
        : pack_sockaddr_in($port, inet_pton(AF_INET, $addr));
}

sub bound_port {
    my $name = getsockname $socket;
    return (sockaddr_family($name) == AF_INET6 ? unpack_sockaddr_in6($name) : unpack_sockaddr_in($name))[0];
}

sub make_socket {
    my $family = $option{addr} =~ /:/ ? AF_INET6 : AF_INET;
    my $uid = $>;
    if (defined $option{uid}) {
        local $! = 0;
        $> = $option{uid};
        $> == $option{uid} or fail('seteuid');
    }
    socket(my $made, $family, is_udp() ? SOCK_DGRAM : SOCK_STREAM, $option{proto} eq 'mptcp' ? IPPROTO_MPTCP : 0)
        or fail('socket');
    $> = $uid;
    $socket = $made;
    my $set = sub { setsockopt($made, $_[0], $_[1], pack('i', $_[2])) or fail('setsockopt') };
    $set->(SOL_SOCKET, SO_REUSEADDR, 1) if $option{reuseaddr};
    $set->(SOL_SOCKET, SO_REUSEPORT, 1) if $option{reuseport};
    $set->(IPPROTO_IPV6, IPV6_V6ONLY, $option{v6only}) if $family == AF_INET6;
    $set->(SOL_SOCKET, SO_INCOMING_CPU, $option{incoming_cpu}) if defined $option{incoming_cpu};
    $set->(IPPROTO_TCP, TCP_DEFER_ACCEPT, $option{defer_accept}) if defined $option{defer_accept};
    $set->(IPPROTO_TCP, TCP_FASTOPEN, $option{fastopen}) if defined $option{fastopen};
    if (defined $option{dev}) {
        setsockopt($made, SOL_SOCKET, SO_BINDTODEVICE, "$option{dev}\0") or fail('setsockopt');
    }
    my $has_cbpf = defined $option{cbpf};
    if ($has_cbpf && $option{cbpf_when} eq 'before') { attach_cbpf($made, $option{cbpf}) or fail('cbpf') }
    bind($made, name_of($option{addr}, $option{port})) or fail('bind');
    if ($option{listen} && !is_udp()) { listen($made, $option{backlog}) or fail('listen') }
    if ($has_cbpf && $option{cbpf_when} eq 'after') { attach_cbpf($made, $option{cbpf}) or fail('cbpf') }
    if (defined $option{ebpf}) { attach_ebpf($made, $option{ebpf}) or fail('ebpf') }
    if (defined $option{lookup}) { link_lookup($option{lookup}, $made, $option{lookup_port}) // fail('lookup') }
    if (defined $option{connect_port}) {
        connect($made, name_of($option{connect_addr}, $option{connect_port})) or fail('connect');
    }
    fcntl($made, F_SETFL, fcntl($made, F_GETFL, 0) | O_NONBLOCK) or fail('fcntl');
    return $made;
}

# A child must not keep the parent's ends of its sisters' channels, or they would not see the parent go.
sub start_child {
    my ($is_leak) = @_;
    socketpair(my $mine, my $theirs, AF_UNIX, SOCK_STREAM, 0) or fail('socketpair');
    my $pid = fork // fail('fork');
    if ($pid) {
        close $theirs;
        push @channels, $mine;
        push @children, $pid;
        return;
    }
    close $_ for $mine, @channels;
    close STDIN;
    $is_stuck = 1 if $is_leak;
    serve($theirs, $theirs);
}

# The parent of accepting children: passes each command on and adds up the answers.
sub relay {
    while (defined(my $line = readline STDIN)) {
        my (@each, $last);
        for my $channel (@channels[0 .. $option{fork} - 1]) {
            syswrite $channel, $line;
            $last = readline($channel) // "failed call=child errno=0 pid=$$\n";
            push @each, $last =~ /accepted=(\d+)/;
        }
        if ($line eq "close\n") { close $socket }
        my $sum = 0;
        $sum += $_ for @each;
        print @each ? "count accepted=$sum each=" . join(',', @each) . "\n" : $last;
        last if $line eq "quit\n";
    }
    exit 0;
}

# Accepts in batches while there is something, looks at the commands between them, sleeps when idle. Never returns.
sub serve {
    my ($in, $out) = @_;
    my ($commands, $is_idle, $left) = ('', 1, $option{slow} / 1000);
    while (1) {
        my $readable = '';
        vec($readable, fileno $in, 1) = 1;
        my $waits_for_socket = $socket && !$is_stuck && !$option{slow} && $option{listen};
        vec($readable, fileno $socket, 1) = 1 if $waits_for_socket && $is_idle;
        my $timeout = $is_stuck || !$socket ? undef : $option{slow} ? $left : $is_idle ? undef : 0;
        (undef, $left) = select($readable, undef, undef, $timeout);
        if (vec($readable, fileno $in, 1)) {
            my $got = sysread $in, $commands, 4096, length $commands;
            exit 0 unless $got || (!defined $got && $! == EINTR);
            while ($commands =~ s/\A(.*)\n//) { syswrite $out, obey($1) }
            $left //= $option{slow} / 1000;
            next if $option{slow};    # a question must not hurry a slow server
        }
        $left = $option{slow} / 1000;
        $is_idle = $is_stuck || !$socket || !$option{listen} || drain($option{slow} ? 1 : BATCH);
    }
}

# Takes up to $limit connections (udp: datagrams); true when nothing was left.
sub drain {
    my ($limit) = @_;
    for (1 .. $limit) {
        if (is_udp()) {
            defined recv($socket, my $datagram, 1, MSG_DONTWAIT) or return nothing_left('recv');
        } else {
            accept(my $connection, $socket) or return nothing_left('accept');
            push @held, $connection if $option{mode} eq 'hold';
        }
        if (++$accepted == $option{stuck_after}) { $is_stuck = 1; return 1 }
    }
    return 0;
}

# Out of descriptors, an accept loop would spin; stopping keeps the count true and the queue visible.
sub nothing_left {
    my ($call) = @_;
    return 1 if $! == EAGAIN || $! == EINTR;
    warn "server.pl: $call: $!\n";
    $is_stuck = 1;
    return 1;
}

sub obey {
    my ($command) = @_;
    if ($command eq 'count') {
        if ($socket && $option{listen} && !$option{slow}) { 1 until $is_stuck || drain(BATCH) }
        return "count accepted=$accepted each=$accepted\n";
    }
    if    ($command eq 'stuck')  { $is_stuck = 1 }
    elsif ($command eq 'resume') { $is_stuck = 0 }
    elsif ($command eq 'close')  { close $socket if $socket; $socket = undef }
    elsif ($command eq 'listen') {
        listen($socket, $option{backlog}) or return sprintf "failed call=listen errno=%d pid=%d\n", $!, $$;
        $option{listen} = 1;
    }
    elsif ($command eq 'detach') {
        detach_bpf($socket) or return sprintf "failed call=detach errno=%d pid=%d\n", $!, $$;
    }
    elsif ($command eq 'quit') { exit 0 }
    else                       { return "failed call=command errno=22 pid=$$\n" }
    return "ok command=$command\n";
}
