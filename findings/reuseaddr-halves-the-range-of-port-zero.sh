#!/usr/bin/env bash
# With SO_REUSEADDR, bind() to port 0 gives only ports of the lower half of the range.
#
# Guess     SO_REUSEADDR lets a server bind through TIME_WAIT. Which port the kernel hands out for
#           port 0 has nothing to do with it: any of ip_local_port_range.
# Kernel    6.18.44.
# Happens   A TCP socket with the option gets a port below the middle of the range as long as one
#           is free there. Every TCP bind(0) already sticks to ports of one parity (the other is
#           kept for connect()), so a quarter of the range is left: 7,058 ports of 28,232. SO_REUSEPORT
#           alone does not halve, nor does UDP.
# Seen      2026-11-29, range 32768 to 60999, 400 sockets each, one at a time
#             TCP:                   33055 to 60993, below the middle 196, odd 400
#             TCP, SO_REUSEPORT:     32779 to 60957, below the middle 197, odd 400
#             TCP, SO_REUSEADDR:     32781 to 46861, below the middle 400, odd 400
#             UDP, SO_REUSEADDR:     32862 to 60985, below the middle 202, odd 199
# Who       Test suites, RPC and FTP servers and proxies that open many servers on port 0 (almost
#           every server library sets SO_REUSEADDR): ports collide and repeat four times as often
#           as the size of the range says, and a firewall opened for a part of it never sees the
#           upper half.
# Source    inet_csk_find_open_port(): attempt_half starts at 1 for sk_reuse == SK_CAN_REUSE.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up
  sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
  exec python3 -' << 'EOF'
import socket, sys

MIDDLE = (32768 + 60999) // 2

def look(name, kind, *options):
    ports = []
    for _ in range(400):
        with socket.socket(socket.AF_INET, kind) as s:
            for option in options:
                s.setsockopt(socket.SOL_SOCKET, option, 1)
            s.bind(('127.0.0.1', 0))
            ports.append(s.getsockname()[1])
    low = sum(port <= MIDDLE for port in ports)
    odd = sum(port % 2 for port in ports)
    print('%-22s %d to %d, below the middle %d, odd %d' % (name + ':', min(ports), max(ports), low, odd))
    return low, odd

plain = look('TCP', socket.SOCK_STREAM)
shared = look('TCP, SO_REUSEPORT', socket.SOCK_STREAM, socket.SO_REUSEPORT)
reused = look('TCP, SO_REUSEADDR', socket.SOCK_STREAM, socket.SO_REUSEADDR)
udp = look('UDP, SO_REUSEADDR', socket.SOCK_DGRAM, socket.SO_REUSEADDR)

control = all(100 < low < 300 for low, _ in (plain, shared, udp)) and 100 < udp[1] < 300
same = reused == (400, 400) and plain[1] == shared[1] == 400
print('control (the others use both halves):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
