# Knows how to hold the sockets of one group in one process and which of them got each source port; knows nothing of tracing.
# Needs perl-base alone.
#
# perl ports.pl key=value ...
#   port=N  addr=A (127.0.0.1)  sockets=N  proto=tcp|udp (tcp)
#   steered=N  every socket has SO_INCOMING_CPU 0 but the first N
# Prints `ready pid= inos=`, in the order of socks[]. Commands on stdin: log -> `log seen=PORT:SOCKET,...`, of what came since the
# last of these (socket: its number in inos); close N -> `closed`; quit.
use strict;
use warnings;
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant { SO_REUSEPORT => 15, SO_INCOMING_CPU => 49, MSG_DONTWAIT => 0x40 };

my %option = (port => undef, addr => '127.0.0.1', sockets => 1, proto => 'tcp', steered => undef);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "ports.pl: $_ is not key=value\n";
    exists $option{$key} or die "ports.pl: there is no option $key\n";
    $option{$key} = $value;
}
my $is_udp = $option{proto} eq 'udp';
my (@sockets, @seen);
for my $number (0 .. $option{sockets} - 1) {
    socket(my $socket, AF_INET, $is_udp ? SOCK_DGRAM : SOCK_STREAM, 0) or die "ports.pl: socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or die "ports.pl: setsockopt: $!\n";
    if (defined $option{steered} && $number >= $option{steered}) {
        setsockopt($socket, SOL_SOCKET, SO_INCOMING_CPU, pack('i', 0)) or die "ports.pl: setsockopt: $!\n";
    }
    setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack('i', 4 << 20)) if $is_udp;
    bind($socket, pack_sockaddr_in($option{port}, inet_aton($option{addr}))) or die "ports.pl: bind: $!\n";
    $is_udp or listen($socket, 1024) or die "ports.pl: listen: $!\n";
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or die "ports.pl: fcntl: $!\n";
    push @sockets, $socket;
}
$| = 1;
print "ready pid=$$ inos=" . join(',', map { (stat $_)[1] } @sockets) . "\n";
my $typed = '';
while (1) {
    my $all = '';
    vec($all, fileno $_, 1) = 1 for grep({ defined } @sockets), \*STDIN;
    select(my $ready = $all, undef, undef, undef) > 0 or next;
    drain($_) for grep { defined $sockets[$_] && vec($ready, fileno $sockets[$_], 1) } 0 .. $#sockets;
    next unless vec($ready, fileno STDIN, 1);
    sysread(STDIN, $typed, 4096, length $typed) or last;
    while ($typed =~ s/\A(.*)\n//) {
        my $command = $1;
        exit 0 if $command eq 'quit';
        if ($command eq 'log') {
            drain($_) for grep { defined $sockets[$_] } 0 .. $#sockets;
            print 'log seen=' . join(',', @seen) . "\n";
            @seen = ();
        } elsif ($command =~ /\Aclose (\d+)\z/) {
            close $sockets[$1];
            $sockets[$1] = undef;
            print "closed\n";
        }
    }
}

# Takes all that waits in a socket.
sub drain {
    my ($number) = @_;
    my $socket = $sockets[$number];
    if ($is_udp) {
        while (defined(my $peer = recv($socket, my $datagram, 16, MSG_DONTWAIT))) { note($peer, $number) }
    } else {
        while (my $peer = accept(my $connection, $socket)) { note($peer, $number) }
    }
    return;
}

sub note {
    my ($peer, $number) = @_;
    push @seen, (unpack_sockaddr_in($peer))[0] . ":$number";
    return;
}
