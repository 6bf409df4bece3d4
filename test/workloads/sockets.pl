# Knows how to do with sockets what it is told, one call after another, and what came of each; knows nothing of tracing.
# Needs perl-base alone.
#
# perl sockets.pl
# Prints `ready pid=`. Sockets are named by numbers of the caller's. Commands on stdin, each answered by one line, `ok ...` or
# `failed call= errno=`:
#   open S PROTO ADDR PORT [alone]  socket() with SO_REUSEPORT (unless alone) and bind(); PORT 0: no bind()  -> ino=
#   listen S        -> port=                 shutdown S                close S
#   connect S N     N connections to its address, closed at once (udp: datagrams)      -> made=
#   take S          accepts (udp: receives) all that waits                             -> taken=
#   hand S          the same in a child that inherited it                              -> taken=
#   queue S         connections that wait on it (tcpi_unacked of TCP_INFO)             -> queue=
#   churn S N EACH  N times: another socket on the address of S, EACH connections (datagrams), both taken, the other closed
#                   -> made= taken= (on the others) own= (on S) refused=
#   race S N EACH   a child accepts on S in a spin; N times: another one on its address listens, closes, and EACH connections are
#                   made from this thread                                              -> made= taken=
# quit
use strict;
use warnings;
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket;

use constant { SO_REUSEPORT => 15, MSG_DONTWAIT => 0x40, PROTO_TCP => 6, TCP_INFO => 11 };

my (%sockets, %where, %is_udp);
$| = 1;
print "ready pid=$$\n";
while (defined(my $line = readline STDIN)) {
    chomp $line;
    last if $line eq 'quit';
    my ($command, $s, @words) = split / /, $line;
    my $answer = eval { answer($command, $s, @words) };
    print defined $answer ? "ok $answer\n" : $@ =~ /\A(\w+ \d+)\n/ ? failed($1) : die $@;
}

sub failed { my ($call, $errno) = split / /, shift; return "failed call=$call errno=$errno\n" }
sub fail { my ($call) = @_; die "$call " . ($! + 0) . "\n" }

sub answer {
    my ($command, $s, @words) = @_;
    if ($command eq 'open') {
        my ($proto, $addr, $port, $alone) = @words;
        $is_udp{$s} = $proto eq 'udp';
        $where{$s} = pack_sockaddr_in($port, inet_aton($addr));
        $sockets{$s} = made($s, $port != 0, $alone);
        return 'ino=' . ino($sockets{$s});
    }
    my $socket = $sockets{$s} or die "sockets.pl: there is no socket $s\n";
    if ($command eq 'listen') {
        listen $socket, 512 or fail('listen');
        my ($port) = unpack_sockaddr_in(getsockname $socket);
        $where{$s} = pack_sockaddr_in($port, inet_aton('127.0.0.1')) if (unpack_sockaddr_in($where{$s}))[0] == 0;
        return "port=$port";
    }
    if ($command eq 'shutdown') { shutdown $socket, 0 or fail('shutdown'); return '' }
    if ($command eq 'close') { close delete $sockets{$s}; return '' }
    if ($command eq 'connect') { return 'made=' . reach($s, $words[0]) }
    if ($command eq 'take') { return 'taken=' . take($s, $socket) }
    if ($command eq 'hand') { return 'taken=' . handed($s, $socket) }
    if ($command eq 'queue') { return 'queue=' . unpack('x24 L', getsockopt $socket, PROTO_TCP, TCP_INFO) }
    if ($command eq 'churn') {
        my ($made, $taken, $own, $refused) = (0, 0, 0, 0);
        for (1 .. $words[0]) {
            my $other = made($s, 1);
            $is_udp{$s} or listen $other, 512 or fail('listen');
            my $reached = reach($s, $words[1]);
            $made += $reached;
            $refused += $words[1] - $reached;
            $own += take($s, $socket);
            $taken += take($s, $other);
            close $other;
        }
        return "made=$made taken=$taken own=$own refused=$refused";
    }
    if ($command eq 'race') {
        pipe(my $reader, my $writer) or fail('pipe');
        my $pid = fork // fail('fork');
        if ($pid == 0) {
            my ($taken, $is_over) = (0, 0);
            local $SIG{TERM} = sub { $is_over = 1 };
            $taken += take($s, $socket) until $is_over;
            $taken += take($s, $socket);
            syswrite $writer, "$taken\n";
            require POSIX;
            POSIX::_exit(0);
        }
        my $made = 0;
        for (1 .. $words[0]) {
            my $other = made($s, 1);
            listen $other, 512 or fail('listen');
            close $other;
            $made += reach($s, $words[1]);
        }
        kill TERM => $pid;
        close $writer;
        my $taken = readline $reader;
        waitpid $pid, 0;
        return "made=$made taken=" . ($taken + 0);
    }
    die "sockets.pl: there is no command $command\n";
}

sub ino { return (readlink('/proc/self/fd/' . fileno $_[0]) =~ /(\d+)/)[0] }

# One that does not block, with SO_REUSEPORT unless it is alone.
sub made {
    my ($s, $is_bound, $alone) = @_;
    socket(my $socket, AF_INET, $is_udp{$s} ? SOCK_DGRAM : SOCK_STREAM, 0) or fail('socket');
    $alone or setsockopt($socket, SOL_SOCKET, SO_REUSEPORT, pack('i', 1)) or fail('setsockopt');
    $is_bound and (bind $socket, $where{$s} or fail('bind'));
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or fail('fcntl');
    return $socket;
}

# How many of N reached its address.
sub reach {
    my ($s, $n) = @_;
    my $made = 0;
    for (1 .. $n) {
        socket(my $client, AF_INET, $is_udp{$s} ? SOCK_DGRAM : SOCK_STREAM, 0) or fail('socket');
        if ($is_udp{$s}) { defined send($client, 'x', 0, $where{$s}) and $made++ }
        else {
            # Reset at the end: no port of a client is kept in TIME_WAIT.
            setsockopt($client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
            connect($client, $where{$s}) and $made++;
        }
        close $client;
    }
    return $made;
}

# All that waits in it.
sub take {
    my ($s, $socket) = @_;
    my $taken = 0;
    if ($is_udp{$s}) { $taken++ while defined recv($socket, my $datagram, 64, MSG_DONTWAIT) }
    else { $taken++ while accept(my $connection, $socket) }
    return $taken;
}

sub handed {
    my ($s, $socket) = @_;
    pipe(my $reader, my $writer) or fail('pipe');
    my $pid = fork // fail('fork');
    if ($pid == 0) {
        syswrite $writer, take($s, $socket) . "\n";
        require POSIX;
        POSIX::_exit(0);
    }
    close $writer;
    my $taken = readline $reader;
    waitpid $pid, 0;
    return $taken + 0;
}
