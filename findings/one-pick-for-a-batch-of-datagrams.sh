#!/usr/bin/env bash
# Datagrams sent as one UDP_SEGMENT batch are steered once: the first one decides for all.
#
# Guess     A program on an SO_REUSEPORT group steers each datagram by its own payload. Whether the
#           sender used sendto() thirty times or one sendto() with UDP_SEGMENT is its own affair.
# Kernel    6.18.44.
# Happens   Over loopback, veth and container bridges the batch arrives as one large packet. The
#           socket is chosen once, from the first datagram, and only then is the batch cut into
#           datagrams. The receiver has asked for nothing (no UDP_GRO) and gets thirty ordinary
#           datagrams, twenty of them meant for others. One pick stands for thirty datagrams.
# Seen      2026-11-29, three sockets, program "index = first byte", thirty datagrams 0 1 2 0 1 2 ...
#             thirty sends:                   10 10 10, wrong 0
#             one send, UDP_SEGMENT 10:       30 0 0, wrong 20
#             the same, second socket first:  0 30 0, wrong 20
# Who       Relays and proxies that multiplex several sessions to one server (QUIC, WireGuard,
#           game or media relays) and batch their sends. Whoever counts picks counts too few
#           datagrams.
# Source    udp_queue_rcv_skb() segments (udp_rcv_segment()) after __udp4_lib_lookup_skb() has
#           chosen the socket; reuseport_select_sock() runs once.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import ctypes, socket, struct, sys

SO_ATTACH_REUSEPORT_CBPF, UDP_SEGMENT = 51, 103
LOAD_BYTE, RETURN_A = 0x30, 0x16

servers = []
for _ in range(3):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', 8080))
    s.setblocking(False)
    servers.append(s)
program = [(LOAD_BYTE, 0), (RETURN_A, 0)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', op, 0, 0, k) for op, k in program))
servers[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack('HP', len(program), ctypes.addressof(code)))

def look(name):
    counts, wrong = [0, 0, 0], 0
    for i, s in enumerate(servers):
        while True:
            try:
                datagram = s.recv(1000)
            except BlockingIOError:
                break
            assert len(datagram) == 10
            counts[i] += 1
            wrong += datagram[0] != i
    print('%-31s %d %d %d, wrong %d' % (name + ':', *counts, wrong))
    return counts, wrong

def thirty(first):
    return [bytes([(first + i) % 3]) * 10 for i in range(30)]

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(('127.0.0.1', 8080))
for datagram in thirty(0):
    client.send(datagram)
single = look('thirty sends')
client.setsockopt(socket.SOL_UDP if hasattr(socket, 'SOL_UDP') else 17, UDP_SEGMENT, 10)
client.send(b''.join(thirty(0)))
batch = look('one send, UDP_SEGMENT 10')
client.send(b''.join(thirty(1)))
other = look('the same, second socket first')

control = single == ([10, 10, 10], 0)
same = batch == ([30, 0, 0], 20) and other == ([0, 30, 0], 20)
print('control (one by one each goes its way):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
