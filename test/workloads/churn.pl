# Knows how to be a listener that comes and goes again and again, with its group when it is alone; knows nothing of tracing.
# Needs perl-base alone.
#
# perl churn.pl key=value ...
#   addr=IP port=N    each socket is bound with SO_REUSEPORT            rate=N   listeners a second
# Prints `ready pid=`. Commands on stdin: count -> `count accepted=N inos=N,N,...` (every inode that it ever had); quit.
use strict;
use warnings;
use Socket;

use constant { SO_REUSEPORT => 15, MOST => 10_000 };

my %option = (addr => '127.0.0.1', port => undef, rate => 100);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "churn.pl: $_ is not key=value\n";
    exists $option{$key} or die "churn.pl: there is no option $key\n";
    $option{$key} = $value;
}
my $here = pack_sockaddr_in($option{port}, inet_aton($option{addr}));
my ($accepted, @inos) = (0);
my $listener = listener();
$| = 1;
print "ready pid=$$\n";
while (1) {
    my $readable = '';
    vec($readable, fileno $_, 1) = 1 for *STDIN, $listener;
    my $ready = select $readable, undef, undef, 1 / $option{rate};
    if ($ready && vec $readable, fileno STDIN, 1) {
        sysread(STDIN, my $line, 64) or last;
        last if $line eq "quit\n";
        print "count accepted=$accepted inos=", join(',', @inos), "\n";
    } elsif ($ready) {
        $accepted++ if accept(my $connection, $listener);
    }
    # The old one first: alone it takes its group with it.
    close $listener;
    $listener = listener();
}

sub listener {
    socket(my $socket, AF_INET, SOCK_STREAM, 0) or die "churn.pl: socket: $!\n";
    setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or die "churn.pl: setsockopt: $!\n";
    bind($socket, $here) or die "churn.pl: bind: $!\n";
    listen($socket, 64) or die "churn.pl: listen: $!\n";
    push @inos, readlink('/proc/self/fd/' . fileno $socket) =~ /(\d+)/;
    die "churn.pl: too many\n" if @inos > MOST;
    return $socket;
}
