#!/usr/bin/env bash
# A steering program that reads past the packet does not fall back: all of it goes to socket 0.
#
# Guess     A classic BPF program on an SO_REUSEPORT group reads a byte of the payload and returns
#           an index. When the payload is too short the program fails, and the kernel falls back to
#           the hash, as it does when the index is out of range.
# Kernel    6.18.44.
# Happens   A load past the end ends a classic program with the value 0, and 0 is a valid index: the
#           first socket of the group. A TCP SYN carries no payload, so such a program sends every
#           connection to the first listener. Neither a counter nor an error tells.
# Seen      2026-11-29, three sockets, 60 packets each, program "load byte N; return 2"
#             UDP, N = 0, 1 byte:    0 0 60
#             UDP, N = 0, empty:     60 0 0
#             UDP, N = 9, 10 bytes:  0 0 60
#             UDP, N = 9, 9 bytes:   60 0 0
#             TCP, N = 0:            60 0 0
#             UDP, "return 7":       20 18 22
# Who       QUIC or DNS servers steered by a connection or query ID: short packets (keep-alives,
#           probes, scans) all load worker 0, and so does every TCP listener that got the same
#           program.
# Source    convert_bpf_ld_abs() in net/core/filter.c makes a failed load return 0; run_bpf_filter()
#           in net/core/sock_reuseport.c gives up only an index that is not below the group's size.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import ctypes, socket, struct, sys

SO_ATTACH_REUSEPORT_CBPF = 51
LOAD_BYTE, RETURN = 0x30, 0x06

def group(kind, port, program):
    sockets = []
    for _ in range(3):
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(('127.0.0.1', port))
        if kind == socket.SOCK_STREAM:
            s.listen(100)
        s.setblocking(False)
        sockets.append(s)
    code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', op, 0, 0, k) for op, k in program))
    sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, struct.pack('HP', len(program), ctypes.addressof(code)))
    return sockets

def count(s):
    n = 0
    while True:
        try:
            if s.type == socket.SOCK_STREAM:
                s.accept()[0].close()
            else:
                s.recv(100)
            n += 1
        except BlockingIOError:
            return n

def look(name, kind, port, program, payload=b''):
    sockets = group(kind, port, program)
    for _ in range(60):
        with socket.socket(socket.AF_INET, kind) as client:
            client.connect(('127.0.0.1', port))
            if kind == socket.SOCK_DGRAM:
                client.send(payload)
    counts = [count(s) for s in sockets]
    print('%-22s %d %d %d' % (name + ':', *counts))
    return counts

def read(n):
    return [(LOAD_BYTE, n), (RETURN, 2)]

udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
near = [look('UDP, N = 0, 1 byte', udp, 8080, read(0), b'x')]
far = [look('UDP, N = 0, empty', udp, 8081, read(0))]
near.append(look('UDP, N = 9, 10 bytes', udp, 8082, read(9), b'x' * 10))
far.append(look('UDP, N = 9, 9 bytes', udp, 8083, read(9), b'x' * 9))
far.append(look('TCP, N = 0', tcp, 8084, read(0)))
hashed = look('UDP, "return 7"', udp, 8085, [(RETURN, 7)])

control = near == [[0, 0, 60]] * 2 and min(hashed) > 0
same = far == [[60, 0, 0]] * 3
print('control (a byte that is there: index 2; index 7 of 3: the hash):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
