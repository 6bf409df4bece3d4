#!/usr/bin/env bash
# A listener on one device beats one on all devices, or loses to it, by age and address family.
#
# Guess     Two listeners share a port with SO_REUSEPORT, one of them bound to the device "lo" with
#           SO_BINDTODEVICE. What arrives on lo goes to the more specific one, as it does with
#           addresses; at worst the two split it.
# Kernel    6.18.44.
# Happens   The device counts for nothing. IPv4: the socket that came last takes every connection.
#           IPv6: the one that came first does. TCP and UDP alike; the loser gets nothing, and no
#           call fails.
# Seen      2026-11-29, 60 connections or datagrams over lo each (device socket, plain socket)
#             IPv4 TCP  device first: 0 60    plain first: 60 0
#             IPv6 TCP  device first: 60 0    plain first: 0 60
#             IPv4 UDP  device first: 0 60    plain first: 60 0
#             IPv6 UDP  device first: 60 0    plain first: 0 60
#             IPv4 TCP, without the plain one: 60
# Who       Somebody who adds a listener for one interface or VRF beside a wildcard one: right after
#           the first start, wrong after one of them restarts, and the other way round over IPv6.
# Source    inet_lhash2_lookup(), udp4_lib_lookup2() and their IPv6 twins: the first socket of the
#           hash chain that belongs to a group decides, scores are not compared after that. IPv4
#           sockets are chained at the head, IPv6 ones with SO_REUSEPORT at the tail.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import socket, sys

def opened(family, kind, device):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if device:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo')
    s.bind(('', 8080))
    if kind == socket.SOCK_STREAM:
        s.listen(100)
    s.setblocking(False)
    return s

def count(s, kind):
    n = 0
    while True:
        try:
            if kind == socket.SOCK_STREAM:
                s.accept()[0].close()
            else:
                s.recv(100)
            n += 1
        except BlockingIOError:
            return n

def look(family, kind, order):
    sockets = {name: opened(family, kind, name == 'device') for name in order}
    address = '127.0.0.1' if family == socket.AF_INET else '::1'
    for _ in range(60):
        with socket.socket(family, kind) as client:
            client.connect((address, 8080))
            if kind == socket.SOCK_DGRAM:
                client.send(b'x')
    counts = [count(sockets[name], kind) for name in ('device', 'plain') if name in sockets]
    for s in sockets.values():
        s.close()
    return counts

same = True
for kind, word in ((socket.SOCK_STREAM, 'TCP'), (socket.SOCK_DGRAM, 'UDP')):
    for family, name, winner in ((socket.AF_INET, 'IPv4', -1), (socket.AF_INET6, 'IPv6', 0)):
        seen = {}
        for order in (('device', 'plain'), ('plain', 'device')):
            seen[order] = look(family, kind, order)
            same &= seen[order] == ([60, 0] if order[winner] == 'device' else [0, 60])
        print(name, word, ' device first: %d %d    plain first: %d %d' % (*seen['device', 'plain'], *seen['plain', 'device']))
alone = look(socket.AF_INET, socket.SOCK_STREAM, ('device',))
print('IPv4 TCP, without the plain one:', *alone)

control = alone == [60]
print('control (alone, the device socket gets all):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
