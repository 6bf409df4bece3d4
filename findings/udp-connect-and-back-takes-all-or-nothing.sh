#!/usr/bin/env bash
# A UDP socket that was connected for a moment gets all of a shared port afterwards, or nothing.
#
# Guess     connect() confines a UDP socket of an SO_REUSEPORT group to its peer, and connect() with
#           AF_UNSPEC undoes that: the socket is back in the group with its share.
# Kernel    6.18.44. (Older kernels keep a socket bound to one address in its group: not run here.)
# Happens   connect() takes the socket out of the group for good. Afterwards it stands in the table
#           beside the group: bound to all addresses it takes every datagram and the others none;
#           bound to one address it gets none, and its share goes to the others. getsockopt() still
#           says SO_REUSEPORT, ss shows four like sockets.
# Seen      2026-11-29, four sockets, the second connects and disconnects; 400 datagrams each
#             bound to 0.0.0.0:    before 99 111 91 99     after 0 400 0 0
#             bound to 127.0.0.1:  before 94 103 104 99    after 136 0 126 138
# Who       DNS and media servers that connect() the socket of a worker to a peer for a while (to get
#           its errors, or for speed) and release it.
# Source    udp_lib_rehash() calls reuseport_detach_sock(); nothing on the way of
#           __udp_disconnect() adds the socket to a group.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import ctypes, os, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)

def disconnect(s):
    address = struct.pack('H14x', socket.AF_UNSPEC)
    if libc.connect(s.fileno(), address, len(address)):
        sys.exit('connect(AF_UNSPEC): ' + os.strerror(ctypes.get_errno()))

def count(s):
    n = 0
    while True:
        try:
            s.recv(100)
            n += 1
        except BlockingIOError:
            return n

def shares(port, sockets):
    counts = [0] * len(sockets)
    for _ in range(8):  # in pieces, so that no receive buffer overflows
        for _ in range(50):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b'x', ('127.0.0.1', port))
        counts = [n + count(s) for n, s in zip(counts, sockets)]
    return counts

def look(address, port):
    sockets = []
    for _ in range(4):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((address, port))
        s.setblocking(False)
        sockets.append(s)
    before = shares(port, sockets)
    sockets[1].connect(('127.0.0.1', 9))
    disconnect(sockets[1])
    after = shares(port, sockets)
    print('%-20s before %-18s after %s' % ('bound to %s:' % address, ' '.join(map(str, before)), ' '.join(map(str, after))))
    return before, after

wide, narrow = look('0.0.0.0', 8080), look('127.0.0.1', 8081)

control = all(min(before) > 0 and sum(before) == 400 for before, _ in (wide, narrow))
same = wide[1] == [0, 400, 0, 0] and narrow[1][1] == 0 and sum(narrow[1]) == 400 and narrow[1].count(0) == 1
print('control (before, all four serve):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
