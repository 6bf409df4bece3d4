# Knows how to send single TCP segments that belong to no connection; knows nothing of what they do. Needs perl-base and root.
#
# perl segments.pl key=value ...
#   addr=IP port=N    where to          src=IP    from where          flags=N,N,...   one segment for each: FIN 1, SYN 2, RST 4,
#   PSH 8, ACK 16, URG 32
# Prints `done ok=N`.
use strict;
use warnings;
use Socket qw(:DEFAULT inet_aton IPPROTO_TCP);

my %option = (addr => '127.0.0.1', src => '127.0.0.1', port => undef, flags => '');
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "segments.pl: $_ is not key=value\n";
    exists $option{$key} or die "segments.pl: there is no option $key\n";
    $option{$key} = $value;
}
my ($from, $to) = map { inet_aton($_) } @option{qw(src addr)};
socket(my $socket, AF_INET, SOCK_RAW, IPPROTO_TCP) or die "segments.pl: socket: $!\n";
bind($socket, pack_sockaddr_in(0, $from)) or die "segments.pl: bind: $!\n";
my ($ok, $port) = (0, 1024);
for my $flags (split /,/, $option{flags}) {
    # Ports below those that connect() takes: no answer meets a connection.
    my $segment = segment($port++, $flags, 0);
    $segment = segment($port - 1, $flags, checksum($from . $to . pack('n n', IPPROTO_TCP, length $segment) . $segment));
    $ok++ if defined send($socket, $segment, 0, pack_sockaddr_in(0, $to));
}
print "done ok=$ok\n";

sub segment {
    my ($port, $flags, $sum) = @_;
    return pack('n n N N C C n n n', $port, $option{port}, 4711, 815, 5 << 4, $flags, 1024, $sum, 0);
}

# RFC 1071; of an even number of bytes.
sub checksum {
    my $sum = unpack '%32n*', $_[0];
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}
