# Knows how to hold many sockets of many groups in one process and to count what each reads; knows nothing of tracing.
# Needs perl-base alone.
#
# perl many.pl key=value ...
#   port=N ports=N    that many ports from N on           addrs=N   127.0.0.1 to 127.0.0.N, each with every port
#   proto=tcp|udp     sockets=N  shared out among the groups (a port of an address) in turn
#   serve=1   takes what comes when it comes, not only when it is asked
# Prints `ready pid= groups= sockets=`. Commands on stdin: count -> `count read=N`, what was taken so far; quit.
use strict;
use warnings;
use Errno qw(EAGAIN);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant { SO_REUSEPORT => 15, MSG_DONTWAIT => 0x40 };

my %option = (port => undef, ports => 1, addrs => 1, proto => 'udp', sockets => 1, serve => 0);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "many.pl: $_ is not key=value\n";
    exists $option{$key} or die "many.pl: there is no option $key\n";
    $option{$key} = $value;
}
my $is_udp = $option{proto} eq 'udp';
my $groups = $option{ports} * $option{addrs};
my (@sockets, $read);
for my $number (0 .. $option{sockets} - 1) {
    my $group = $number % $groups;
    my $addr = '127.0.0.' . (1 + int($group / $option{ports}));
    socket(my $socket, AF_INET, $is_udp ? SOCK_DGRAM : SOCK_STREAM, 0) or die "many.pl: socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or die "many.pl: setsockopt: $!\n";
    bind($socket, pack_sockaddr_in($option{port} + $group % $option{ports}, inet_aton($addr))) or die "many.pl: bind: $!\n";
    $is_udp or listen($socket, 128) or die "many.pl: listen: $!\n";
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or die "many.pl: fcntl: $!\n";
    push @sockets, $socket;
}
$| = 1;
$read = 0;
print "ready pid=$$ groups=$groups sockets=" . @sockets . "\n";
if ($option{serve}) { serve() }
while (defined(my $line = readline STDIN)) {
    last if $line eq "quit\n";
    drain($_) for @sockets;
    print "count read=$read\n";
}

# Until there is something on stdin.
sub serve {
    my $all = '';
    vec($all, fileno $_, 1) = 1 for @sockets, \*STDIN;
    while (1) {
        select(my $ready = $all, undef, undef, undef);
        return if vec($ready, fileno STDIN, 1);
        for my $socket (@sockets) { drain($socket) if vec($ready, fileno $socket, 1) }
    }
}

# Takes all that waits in a socket.
sub drain {
    my ($socket) = @_;
    if ($is_udp) {
        $read++ while defined recv($socket, my $datagram, 1, MSG_DONTWAIT);
    } else {
        while (accept(my $connection, $socket)) { $read++ }
    }
    return;
}
