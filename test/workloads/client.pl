# Knows how to connect (or send datagrams) many times from many addresses and to say how each attempt ended; knows
# nothing of the servers. Needs perl-base alone, so that it runs in a bare Debian guest.
#
# perl client.pl key=value ...
#   addr=IP[%INDEX]  port=N  count=N  proto=tcp|udp  parallel=N (processes)  rate=N (attempts a second and process; 0: no limit)
#   burst=N          attempts between two pauses of that rate
#   ports=N          that many ports from port on, used in turn
#   src=IP,IP,...    source addresses, used in turn; A.B.C.D-A.B.C.E is a range over the last number
#   sports=N-M       source ports, used in turn: with linger0=1 the same 4-tuples come again and again
#   cpu=N            runs on that CPU alone, and so does what the loopback delivers
#   number=1         sends the number of each attempt, four bytes in network order (tcp: in the SYN, TCP Fast Open)
#   timeout_ms=N     limit for one connect()               send=N     bytes sent on each connection (udp: datagram)
#   linger0=1        closes by RST: nothing stays in TIME_WAIT, so that ports never run out
#   wait_eof=1       waits until the server closes (at most timeout_ms) before it closes
#   hold=SECONDS     after `done`, keeps every connection open so long      per_socket=N  udp: datagrams per socket
# Prints `done ok=N refused=N timedout=N reset=N other=N`: ok are the connect() calls that succeeded (udp: sends); with
# wait_eof, reset counts those of them that ended by RST. Ends when its parent ends.
use strict;
use warnings;
use Errno qw(EINPROGRESS EAGAIN ETIMEDOUT ECONNREFUSED ECONNRESET);
use POSIX qw(WNOHANG);
use Socket qw(:DEFAULT inet_pton IPPROTO_IP pack_sockaddr_in6);

use constant IP_BIND_ADDRESS_NO_PORT => 24;    # lets connect() choose the port knowing the peer: 28,000 per address
use constant MSG_FASTOPEN => 0x20000000;
use constant BATCH => 256;                     # attempts between two looks at the parent

my %option = (
    addr => '127.0.0.1', port => undef, count => 1, proto => 'tcp', parallel => 1, rate => 0, src => '',
    sports => '', timeout_ms => 5000, send => 0, linger0 => 0, wait_eof => 0, hold => 0, per_socket => 1,
    cpu => undef, number => 0, ports => 1, burst => 1,
);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "client.pl: $_ is not key=value\n";
    exists $option{$key} or die "client.pl: there is no option $key\n";
    $option{$key} = $value;
}
defined $option{port} or die "client.pl: port is missing\n";
if (defined $option{cpu}) {
    my $number = { x86_64 => 203, aarch64 => 122 }->{(POSIX::uname())[4]} // die "client.pl: no sched_setaffinity here\n";
    my $mask = pack 'Q', 1 << $option{cpu};
    syscall($number, 0, length $mask, $mask) >= 0 or die "client.pl: sched_setaffinity: $!\n";
}

my @outcomes = qw(ok refused timedout reset other);
my $is_udp = $option{proto} eq 'udp';
my $family = $option{addr} =~ /:/ ? AF_INET6 : AF_INET;
my @peers = map { name_of($option{addr}, $option{port} + $_) } 0 .. $option{ports} - 1;
my @sources = map { expand($_) } split /,/, $option{src};
my ($first_port, $last_port) = $option{sports} =~ /\A(\d+)-(\d+)\z/;
push @sources, $family == AF_INET6 ? '::' : '0.0.0.0' if $first_port && !@sources;
my $timeout = pack 'l! l!', int($option{timeout_ms} / 1000), $option{timeout_ms} % 1000 * 1000;
$SIG{PIPE} = 'IGNORE';
$| = 1;

# Every process has its pipe: `done` is said when the last one has connected, while all still hold.
my @results;
my ($root, $starter) = ($$, getppid);
for my $number (0 .. $option{parallel} - 1) {
    pipe(my $reader, my $writer) or die "client.pl: pipe: $!\n";
    my $pid = fork // die "client.pl: fork: $!\n";
    if (!$pid) {
        run($number, $writer);
        exit 0;
    }
    push @results, $reader;
}
my %sum = map { $_ => 0 } @outcomes;
for my $reader (@results) {
    my $readable = '';
    vec($readable, fileno $reader, 1) = 1;
    until (select my $ready = $readable, undef, undef, 0.2) { exit 1 if getppid() != $starter }
    my %part = split /[= \n]/, readline($reader) // die "client.pl: a process died\n";
    $sum{$_} += $part{$_} for @outcomes;
}
print 'done ', join(' ', map { "$_=$sum{$_}" } @outcomes), "\n";
while (waitpid(-1, WNOHANG) >= 0) {
    exit 1 if getppid() != $starter;
    select undef, undef, undef, 0.02;
}

sub run {
    my ($number, $writer) = @_;
    my %seen = map { $_ => 0 } @outcomes;
    my $count = int($option{count} / $option{parallel}) + ($number < $option{count} % $option{parallel} ? 1 : 0);
    my @held;
    for my $attempt (0 .. $count - 1) {
        if ($attempt % BATCH == 0 && getppid() != $root) { exit 1 }
        if ($option{rate} && $attempt && $attempt % $option{burst} == 0) {
            select undef, undef, undef, $option{burst} / $option{rate};
        }
        my $socket = $is_udp ? send_one($attempt, \%seen) : connect_one($attempt, \%seen);
        push @held, $socket if $option{hold} && $socket;
    }
    syswrite $writer, join(' ', map { "$_=$seen{$_}" } @outcomes) . "\n";
    for (1 .. $option{hold} * 20) {
        exit 1 if getppid() != $root;
        select undef, undef, undef, 0.05;
    }
    return;
}

sub connect_one {
    my ($attempt, $seen) = @_;
    my $socket = open_socket(SOCK_STREAM, $attempt);
    setsockopt $socket, SOL_SOCKET, SO_SNDTIMEO, $timeout;    # bounds connect() too
    my $peer = $peers[$attempt % @peers];
    if (!($option{number} ? send $socket, pack('N', $attempt), MSG_FASTOPEN, $peer : connect $socket, $peer)) {
        my $errno = $! + 0;
        if ($errno == EINPROGRESS || $errno == EAGAIN || $errno == ETIMEDOUT) { $seen->{timedout}++ }
        elsif ($errno == ECONNREFUSED) { $seen->{refused}++ }
        elsif ($errno == ECONNRESET)   { $seen->{reset}++ }
        else                           { $seen->{other}++ }
        return;
    }
    $seen->{ok}++;
    syswrite $socket, 'x' x $option{send} if $option{send};
    if ($option{wait_eof}) {
        setsockopt $socket, SOL_SOCKET, SO_RCVTIMEO, $timeout;
        my $got = sysread $socket, my $bytes, 4096;
        $seen->{reset}++ if !defined $got && $! == ECONNRESET;
    }
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('i i', 1, 0) if $option{linger0};
    return $socket;
}

my $sender;

sub send_one {
    my ($attempt, $seen) = @_;
    $sender = open_socket(SOCK_DGRAM, $attempt) if $attempt % $option{per_socket} == 0;
    my $datagram = $option{number} ? pack 'N', $attempt : 'x' x ($option{send} || 1);
    if (defined send $sender, $datagram, 0, $peers[$attempt % @peers]) { $seen->{ok}++ }
    elsif ($! == ECONNREFUSED) { $seen->{refused}++ }
    else                       { $seen->{other}++ }
    return $sender;
}

sub open_socket {
    my ($type, $attempt) = @_;
    socket(my $socket, $family, $type, 0) or die "client.pl: socket: $!\n";
    if (@sources) {
        my $port = $first_port ? $first_port + $attempt % ($last_port - $first_port + 1) : 0;
        setsockopt $socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, pack('i', 1) unless $port;
        setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, pack('i', 1) if $port;
        bind $socket, name_of($sources[$attempt % @sources], $port) or die "client.pl: bind to a source address: $!\n";
    }
    return $socket;
}

sub expand {
    my ($source) = @_;
    my ($net, $from, $to) = $source =~ /\A(\d+\.\d+\.\d+\.)(\d+)-\d+\.\d+\.\d+\.(\d+)\z/ or return $source;
    return map { "$net$_" } $from .. $to;
}

sub name_of {
    my ($addr, $port) = @_;
    my $packed = inet_pton($addr =~ /:/ ? AF_INET6 : AF_INET, $addr =~ s/%.*//r) // die "client.pl: $addr is not an address\n";
    return $addr =~ /:/ ? pack_sockaddr_in6($port, $packed, $addr =~ /%(\d+)\z/ ? $1 : 0) : pack_sockaddr_in($port, $packed);
}
