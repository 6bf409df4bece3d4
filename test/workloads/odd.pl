# Knows how to be one of the odd servers that people really run, and counts what it did; knows nothing of tracing. Needs perl-base alone.
#
# perl odd.pl kind=KIND port=N [addr=IP] [count=N]
#   peers      UDP: gives each client that sends `hello` a socket of its own, bound with SO_REUSEPORT and connected
#   left       UDP: a member that is connected, and disconnected again
#   group      UDP: count members that have joined 239.1.2.3 on lo; `multicast` sends so many datagrams there
#   dial       TCP: accepts, and has count connections dialled from its own port to a listener of its own
#   starved    TCP: has no descriptor left; accepts all the same with its spare one, and closes at once
#   client     TCP: a connection from this very port, to a listener of its own; nobody listens on the port
# Prints `ready pid= ino= port=`. Commands on stdin: count -> `count ...`, multicast N -> `ok`; end of stdin ends it.
use strict;
use warnings;
use Errno qw(EMFILE);
use Socket qw(:DEFAULT IPPROTO_IP);
use constant { SO_REUSEPORT => 15, MSG_DONTWAIT => 0x40, IP_ADD_MEMBERSHIP => 35, IP_MULTICAST_IF => 32 };

my %option = (addr => '127.0.0.1', port => undef, kind => undef, count => 4);
for (@ARGV) {
    my ($key, $value) = /\A(\w+)=(.*)\z/s or die "odd.pl: $_ is not key=value\n";
    exists $option{$key} or die "odd.pl: there is no option $key\n";
    $option{$key} = $value;
}
my ($kind, $port) = @option{qw(kind port)};
my %count = map { $_ => 0 } qw(accepted dialled failed read peers);
my (@held, %peers);
$| = 1;

sub made {
    my ($type, $addr, $at) = @_;
    socket(my $made, AF_INET, $type, 0) or die "odd.pl: socket: $!\n";
    setsockopt($made, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or die "odd.pl: setsockopt: $!\n";
    bind($made, pack_sockaddr_in($at, inet_aton($addr))) or die "odd.pl: bind: $!\n";
    return $made;
}

sub heard {
    my $made = made(SOCK_STREAM, @_);
    listen($made, 128) or die "odd.pl: listen: $!\n";
    return $made;
}

my @members;
if ($kind eq 'peers') { @members = (made(SOCK_DGRAM, $option{addr}, $port)) }
elsif ($kind eq 'left') {
    @members = (made(SOCK_DGRAM, $option{addr}, $port));
    connect($members[0], pack_sockaddr_in(9, inet_aton('127.0.0.9'))) or die "odd.pl: connect: $!\n";
}
elsif ($kind eq 'group') {
    @members = map { made(SOCK_DGRAM, '0.0.0.0', $port) } 1 .. $option{count};
    for (@members) { setsockopt($_, IPPROTO_IP, IP_ADD_MEMBERSHIP, inet_aton('239.1.2.3') . inet_aton('127.0.0.1')) or die "odd.pl: join: $!\n" }
}
elsif ($kind eq 'client') {
    my $sink = heard('127.0.0.1', 0);
    push @held, $sink, made(SOCK_STREAM, $option{addr}, $port);
    connect($held[1], getsockname $sink) or die "odd.pl: connect: $!\n";
}
else { @members = (heard($option{addr}, $port)) }

if ($kind eq 'dial') {
    my $sink = heard('0.0.0.0', 0);
    my ($at) = unpack_sockaddr_in(getsockname $sink);
    push @held, $sink;
    for my $i (1 .. $option{count}) {
        my $out = made(SOCK_STREAM, $option{addr}, $port);
        connect($out, pack_sockaddr_in($at, inet_aton("127.0.1.$i"))) or die "odd.pl: connect: $!\n";
        push @held, $out;
        $count{dialled}++;
    }
}
my ($ino) = readlink('/proc/self/fd/' . fileno($members[0] // $held[1])) =~ /(\d+)/;
my $spare;
if ($kind eq 'starved') {
    system('prlimit', '--pid', $$, '--nofile=32:32') == 0 or die "odd.pl: prlimit: $!\n";
    open($spare, '<', '/') or die "odd.pl: $!\n";
    while (open(my $leak, '<', '/')) { push @held, $leak }
}
print "ready pid=$$ ino=$ino port=$port\n";
while (1) {
    my $readable = '';
    vec($readable, fileno STDIN, 1) = 1;
    vec($readable, fileno $_, 1) = 1 for @members, values %peers;
    select($readable, undef, undef, undef);
    if (vec($readable, fileno STDIN, 1)) {
        sysread(STDIN, my $command, 4096) or exit 0;
        obey($_) for split /\n/, $command;
    }
    for (grep { vec($readable, fileno $_, 1) } @members) { $kind =~ /\A(?:peers|left|group)\z/ ? datagram($_) : connection($_) }
    for (grep { vec($readable, fileno $_, 1) } values %peers) { recv($_, my $data, 64, MSG_DONTWAIT); $count{read}++ }
}

sub datagram {
    my ($member) = @_;
    my $from = recv($member, my $data, 64, MSG_DONTWAIT) // return;
    $count{read}++;
    return if $kind ne 'peers';
    my $own = made(SOCK_DGRAM, $option{addr}, $port);
    connect($own, $from) or die "odd.pl: connect: $!\n";
    $peers{ fileno $own } = $own;
    $count{peers}++;
}

sub connection {
    my ($member) = @_;
    if (accept(my $taken, $member)) { $count{accepted}++; push @held, $taken if $kind eq 'dial'; return }
    return if $! != EMFILE;
    $count{failed}++;
    close $spare;
    accept(my $taken, $member) and $count{accepted}++;
    close $taken if defined $taken;
    open($spare, '<', '/') or die "odd.pl: $!\n";
}

sub obey {
    my ($command) = @_;
    if ($command eq 'count') { print 'count ', join(' ', map { "$_=$count{$_}" } sort keys %count), "\n"; return }
    if ($command eq 'leave') { connect($members[0], pack 'S x14', AF_UNSPEC) }    # disconnects (connect(2))
    if ($command =~ /\Amulticast (\d+)\z/) {
        socket(my $out, AF_INET, SOCK_DGRAM, 0) or die "odd.pl: socket: $!\n";
        setsockopt($out, IPPROTO_IP, IP_MULTICAST_IF, inet_aton('127.0.0.1')) or die "odd.pl: setsockopt: $!\n";
        for (1 .. $1) { send($out, 'x', 0, pack_sockaddr_in($port, inet_aton('239.1.2.3'))); select(undef, undef, undef, 0.005) }
    }
    print "ok command=done\n";
}
