#!/usr/bin/env bash
# Clearing SO_REUSEPORT on a listener does not close the port to others: the next one takes it all.
#
# Guess     SO_REUSEPORT is asked of every socket on the port. A server that clears it on its bound
#           listener is alone from then on: the next bind() fails with EADDRINUSE.
# Kernel    6.18.44.
# Happens   TCP: the port remembers that it was opened for sharing and lets any socket of the same
#           user in without asking the listener again. The newcomer then gets every connection, the
#           listener none. In a group of three the flag of a member that came early changes nothing;
#           cleared on the last one, that one takes all. UDP does ask again: EADDRINUSE.
# Seen      2026-11-29, 300 connections each
#             TCP, flag never set:   newcomer EADDRINUSE
#             TCP, flag kept:        newcomer joins, shares 146 154
#             TCP, flag cleared:     newcomer joins, shares 0 300
#             UDP, flag cleared:     newcomer EADDRINUSE
#             three TCP listeners, cleared on number 1: 97 101 102
#             three TCP listeners, cleared on number 3: 0 0 300
# Who       A supervisor that opens the port with SO_REUSEPORT (to start beside the old process) and
#           clears the flag to keep accidents out: a second copy started by mistake takes all
#           traffic, and the first one looks idle, not broken.
# Source    sk_reuseport_match(), called by inet_csk_get_port(), trusts tb->fastreuseport;
#           inet_lookup_reuseport() reads the flag of the first socket of the hash chain only.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, socket, sys

def opened(port, share, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
    s.bind(('127.0.0.1', port))
    if kind == socket.SOCK_STREAM:
        s.listen(1000)
    s.setblocking(False)
    return s

def clear(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)

def accepted(s):
    n = 0
    while True:
        try:
            s.accept()[0].close()
            n += 1
        except BlockingIOError:
            return n

def shares(port, sockets):
    for _ in range(300):
        socket.create_connection(('127.0.0.1', port)).close()
    return [accepted(s) for s in sockets]

def newcomer(port, first):
    try:
        second = opened(port, 1, first.type)
    except OSError as e:
        return errno.errorcode[e.errno]
    return shares(port, [first, second])

def say(name, result):
    text = result if isinstance(result, str) else 'joins, shares %d %d' % tuple(result)
    print('%-22s newcomer %s' % (name + ':', text))
    return result

never = say('TCP, flag never set', newcomer(8080, opened(8080, 0)))
kept = say('TCP, flag kept', newcomer(8081, opened(8081, 1)))
one = opened(8082, 1)
clear(one)
cleared = say('TCP, flag cleared', newcomer(8082, one))
udp = opened(8083, 1, socket.SOCK_DGRAM)
clear(udp)
datagram = say('UDP, flag cleared', newcomer(8083, udp))
three = {}
for number in (1, 3):
    group = [opened(8090 + number, 1) for _ in range(3)]
    clear(group[number - 1])
    three[number] = shares(8090 + number, group)
    print('three TCP listeners, cleared on number %d: %d %d %d' % (number, *three[number]))

control = never == 'EADDRINUSE' and not isinstance(kept, str) and min(kept) > 0
same = cleared == [0, 300] and datagram == 'EADDRINUSE' and min(three[1]) > 0 and three[3] == [0, 0, 300]
print('control (never set: refused; kept: both serve):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
