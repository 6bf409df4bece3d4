#!/usr/bin/env bash
# SO_BINDTODEVICE on a TCP listener after listen() makes its share of all clients hang.
#
# Guess     The socket leaves its SO_REUSEPORT group and serves the clients of that device only;
#           the others share the rest. (A UDP socket does exactly that.)
# Kernel    6.18.44.
# Happens   The TCP listener stays a member of the old group and is still picked by the hash for
#           clients of any device. Its SYN+ACK leaves through the device it is now bound to, so the
#           handshake never ends: one client in three times out, the same ones at every attempt.
#           setsockopt() succeeds and "ss -tln" shows three healthy listeners. Bound to the device
#           before listen() it takes no share.
# Seen      2026-11-29, three sockets on port 8080, the second bound to veth v0; 60 clients over lo
#             TCP, before listen(): 31 0 29, clients that hang 0
#             TCP, after listen():  20 0 21, clients that hang 19
#             UDP, after bind():    31 0 29, datagrams lost 0
# Who       A server that applies its "interface" setting to sockets it inherited (socket
#           activation, a master process, a reload).
# Source    sock_bindtoindex_locked() calls sk_prot->rehash, which UDP has and TCP has not;
#           inet_request_bound_dev_if() binds the handshake to the listener's device.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up
  ip link add v0 type veth peer name v1
  ip link set v0 up
  ip link set v1 up
  exec python3 -' << 'EOF'
import select, socket, sys

def opened(kind, port):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('0.0.0.0', port))
    s.setblocking(False)
    return s

def to_device(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'v0')

def count(take):
    n = 0
    while True:
        try:
            take()
            n += 1
        except BlockingIOError:
            return n

def tcp(port, early):
    servers = [opened(socket.SOCK_STREAM, port) for _ in range(3)]
    if early:
        to_device(servers[1])
    for s in servers:
        s.listen(100)
    if not early:
        to_device(servers[1])
    clients = [socket.socket() for _ in range(60)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(('127.0.0.1', port))
    # Over loopback a handshake takes microseconds; nothing else is awaited here.
    waiting = set(clients)
    while waiting:
        _, ready, _ = select.select([], list(waiting), [], 1.5)
        if not ready:
            break
        waiting -= set(ready)
    return [count(lambda: s.accept()[0].close()) for s in servers], len(waiting)

def udp(port):
    servers = [opened(socket.SOCK_DGRAM, port) for _ in range(3)]
    to_device(servers[1])
    for _ in range(60):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b'x', ('127.0.0.1', port))
    counts = [count(lambda: s.recv(100)) for s in servers]
    return counts, 60 - sum(counts)

early, late, datagrams = tcp(8080, True), tcp(8081, False), udp(8080)
print('TCP, before listen(): %d %d %d, clients that hang %d' % (*early[0], early[1]))
print('TCP, after listen():  %d %d %d, clients that hang %d' % (*late[0], late[1]))
print('UDP, after bind():    %d %d %d, datagrams lost %d' % (*datagrams[0], datagrams[1]))

control = early[1] == 0 and early[0][1] == 0 and sum(early[0]) == 60
same = late[0][1] == 0 and late[1] > 0 and sum(late[0]) + late[1] == 60 and datagrams[1] == 0 and datagrams[0][1] == 0
print('control (bound to the device early, nobody hangs):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
