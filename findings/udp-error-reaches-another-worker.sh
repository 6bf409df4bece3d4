#!/usr/bin/env bash
# In a shared UDP port the error for what one worker sent is reported to another.
#
# Guess     A worker with IP_RECVERR sends to a client that has gone. The ICMP error comes back to
#           the socket that sent.
# Kernel    6.18.44.
# Happens   An ICMP error carries addresses and ports, no socket. The kernel looks up the port as if
#           the client had sent, so of n workers the sender sees one error in n and the others get
#           the rest: recv() fails with ECONNREFUSED in a worker that never sent anything. A
#           steering program on the group is not asked for errors; not even that keeps them home.
# Seen      2026-11-29, the first of two sockets sends to 200 closed ports; errors seen by each
#             alone:                     200
#             two, by hash:              101 99
#             two, program "return 0":   98 102 (60 packets: 60 0)
# Who       Reading per-worker error counts, or a worker that ends a session on ECONNREFUSED: it
#           ends somebody else's, and the owner never learns that the client is gone.
# Source    __udp4_lib_err() calls __udp4_lib_lookup() without a packet, and
#           reuseport_select_sock() runs no program without one.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up
  sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000
  exec python3 -' << 'EOF'
import ctypes, socket, struct, sys

IP_RECVERR, SO_ATTACH_REUSEPORT_CBPF, RETURN = 11, 51, 0x06

def group(port, n, steer):
    sockets = []
    for _ in range(n):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
        s.bind(('127.0.0.1', port))
        s.setblocking(False)
        sockets.append(s)
    if steer:
        code = ctypes.create_string_buffer(struct.pack('HBBI', RETURN, 0, 0, 0))
        sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack('HP', 1, ctypes.addressof(code)))
    return sockets

def errors(sockets):
    counts = [0] * len(sockets)
    for port in range(20000, 20200):
        sockets[0].sendto(b'x', ('127.0.0.1', port))
        for i, s in enumerate(sockets):
            try:
                s.recv(100)
            except ConnectionRefusedError:
                counts[i] += 1
            except BlockingIOError:
                pass
    return counts

def packets(port, sockets):
    for _ in range(60):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b'x', ('127.0.0.1', port))
    counts = []
    for s in sockets:
        counts.append(0)
        while True:
            try:
                s.recv(100)
                counts[-1] += 1
            except BlockingIOError:
                break
    return counts

alone = errors(group(8080, 1, False))
print('alone:                    ', *alone)
two = errors(group(8081, 2, False))
print('two, by hash:             ', *two)
steered = group(8082, 2, True)
home = errors(steered)
data = packets(8082, steered)
print('two, program "return 0":   %d %d (60 packets: %d %d)' % (*home, *data))

control = alone == [200] and data == [60, 0]
same = min(two) > 20 and sum(two) == 200 and min(home) > 20 and sum(home) == 200
print('control (alone it sees every error; the program steers packets):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
