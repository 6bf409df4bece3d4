#!/usr/bin/env bash
# SO_INCOMING_CPU on MPTCP listeners is accepted, reads back, and steers nothing.
#
# Guess     An MPTCP listener is a TCP listener with an option more. SO_INCOMING_CPU makes an
#           SO_REUSEPORT group prefer the member of the CPU that handles the packet, or
#           setsockopt() says that it is not supported.
# Kernel    6.18.44.
# Happens   setsockopt() succeeds and getsockopt() returns the value, but the group is not told
#           that it has a member with a CPU, so it goes on by hash. One plain TCP listener with a
#           CPU in the same group wakes the values of all members, the MPTCP ones too. (A classic
#           BPF program, the other way to steer, is refused with EOPNOTSUPP.)
# Seen      2026-11-29, three listeners, the client on CPU 0, the second listener set to 0, the
#           others to a CPU that does not exist
#             TCP:                              values 777 0 777, connections 0 90 0
#             MPTCP:                            values 777 0 777, connections 27 31 32
#             MPTCP, MPTCP, TCP (set last):     values 777 0 777, connections 0 90 0
#             program on the group: TCP ok, MPTCP EOPNOTSUPP
# Who       Servers pinned one per CPU that become MPTCP without a change of their own: Go 1.24
#           listens with MPTCP by default, mptcpize does it to any program. CPU locality is gone
#           and every setting still reads as it was.
# Source    mptcp_so_incoming_cpu() in net/mptcp/sockopt.c writes sk_incoming_cpu itself; TCP goes
#           through reuseport_update_incoming_cpu(), which keeps the group's count.
# Needs     Debian 12, root, python3, iproute2, util-linux; CPU 0 online. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import ctypes, errno, os, socket, struct, sys

TCP, MPTCP = socket.IPPROTO_TCP, 262
SO_INCOMING_CPU, SO_ATTACH_REUSEPORT_CBPF, RETURN = 49, 51, 0x06
os.sched_setaffinity(0, {0})

def group(port, protocols):
    sockets = []
    for protocol in protocols:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind(('127.0.0.1', port))
        s.listen(100)
        s.setblocking(False)
        sockets.append(s)
    for s, cpu in zip(sockets, (777, 0, 777)):
        s.setsockopt(socket.SOL_SOCKET, SO_INCOMING_CPU, cpu)
    return sockets

def accepted(s):
    n = 0
    while True:
        try:
            s.accept()[0].close()
            n += 1
        except BlockingIOError:
            return n

def look(name, port, protocols):
    sockets = group(port, protocols)
    values = [s.getsockopt(socket.SOL_SOCKET, SO_INCOMING_CPU) for s in sockets]
    for _ in range(90):
        socket.create_connection(('127.0.0.1', port)).close()
    counts = [accepted(s) for s in sockets]
    print('%-33s values %d %d %d, connections %d %d %d' % (name + ':', *values, *counts))
    return values, counts

def program(port, protocol):
    code = ctypes.create_string_buffer(struct.pack('HBBI', RETURN, 0, 0, 1))
    try:
        group(port, [protocol] * 3)[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
                                                  struct.pack('HP', 1, ctypes.addressof(code)))
        return 'ok'
    except OSError as e:
        return 'EOPNOTSUPP' if e.errno == errno.EOPNOTSUPP else errno.errorcode[e.errno]

tcp = look('TCP', 8080, [TCP] * 3)
mptcp = look('MPTCP', 8081, [MPTCP] * 3)
mixed = look('MPTCP, MPTCP, TCP (set last)', 8082, [MPTCP, MPTCP, TCP])
programs = program(8083, TCP), program(8084, MPTCP)
print('program on the group: TCP %s, MPTCP %s' % programs)

values = [777, 0, 777]
control = tcp == (values, [0, 90, 0])
same = (mptcp[0] == values and min(mptcp[1]) > 0 and mixed == (values, [0, 90, 0])
        and programs == ('ok', 'EOPNOTSUPP'))
print('control (TCP listeners obey):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
