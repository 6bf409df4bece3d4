# Knows how to be a UDP member that connects and disconnects again and again; knows nothing of tracing. Needs perl-base alone.
#
# perl flap.pl key=value ...
#   addr=IP port=N    bound with SO_REUSEPORT            rate=N   times a second that it connects and disconnects
# Prints `ready pid= ino=`. Commands on stdin: count -> `count read=N flaps=N`; quit.
use strict;
use warnings;
use Socket;

use constant { SO_REUSEPORT => 15, MSG_DONTWAIT => 0x40 };

my %option = (addr => '127.0.0.1', port => undef, rate => 1000);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "flap.pl: $_ is not key=value\n";
    exists $option{$key} or die "flap.pl: there is no option $key\n";
    $option{$key} = $value;
}
socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "flap.pl: socket: $!\n";
setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or die "flap.pl: setsockopt: $!\n";
bind($socket, pack_sockaddr_in($option{port}, inet_aton($option{addr}))) or die "flap.pl: bind: $!\n";
my ($ino) = readlink('/proc/self/fd/' . fileno $socket) =~ /(\d+)/;
my $peer = pack_sockaddr_in(9, inet_aton('127.0.0.9'));
my $nobody = pack 'S x14', AF_UNSPEC;    # connect() to it disconnects (connect(2))
my ($read, $flaps, $begun) = (0, 0, uptime());
$| = 1;
print "ready pid=$$ ino=$ino\n";
while (1) {
    # As many as are due by now: a sleep of a millisecond is longer than one.
    while ($flaps < (uptime() - $begun) * $option{rate}) {
        connect($socket, $peer) or die "flap.pl: connect: $!\n";
        connect($socket, $nobody) or die "flap.pl: disconnect: $!\n";
        $flaps++;
    }
    $read++ while defined recv($socket, my $datagram, 1, MSG_DONTWAIT);
    my $readable = '';
    vec($readable, fileno STDIN, 1) = 1;
    next unless select $readable, undef, undef, 0.001;
    sysread(STDIN, my $line, 64) or last;
    last if $line eq "quit\n";
    print "count read=$read flaps=$flaps\n";
}

# Seconds, in hundredths: Time::HiRes is not in perl-base.
sub uptime {
    open my $file, '<', '/proc/uptime' or die "flap.pl: /proc/uptime: $!\n";
    return (split ' ', readline $file)[0];
}
