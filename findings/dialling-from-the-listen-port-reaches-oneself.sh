#!/usr/bin/env bash
# A client that dials a listener from the listener's own address and port connects to itself.
#
# Guess     Both sockets have SO_REUSEPORT, so the client may bind to the server's address and
#           port. connect() to that same address then fails (EADDRNOTAVAIL, EADDRINUSE), or the
#           listener accepts: it is there, alive, and LISTEN is what SYNs are for.
# Kernel    6.18.44.
# Happens   connect() succeeds and the listener hears nothing. The SYN comes back over loopback to a
#           socket whose addresses match it fully, the client's own; the two SYNs cross, and the
#           client is ESTABLISHED with itself. What it sends it reads back.
# Seen      2026-11-29, listener on 127.0.0.1:8080
#             from another port:     accepted yes, reads back: nothing
#             from 127.0.0.1:8080:   accepted no, reads back: hello
#             peer 127.0.0.1:8080, self 127.0.0.1:8080, TcpPassiveOpens +0, TcpActiveOpens +1
# Who       A node that dials peers from its listen port (peer-to-peer, NAT traversal, cluster
#           gossip) and finds its own address in the list of peers: the dial works, the handshake
#           of the protocol even echoes, and no listener counts it.
# Source    __inet_lookup_skb() asks the table of connections, in which SYN_SENT stands, before the
#           listeners; tcp_rcv_synsent_state_process() takes a crossed SYN (RFC 9293, 3.5).
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import socket, sys

SERVER = '127.0.0.1', 8080

def shared():
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.settimeout(10)
    return s

def opens():
    with open('/proc/net/snmp') as f:
        names, numbers = (line.split() for line in f if line.startswith('Tcp:'))
    values = dict(zip(names, numbers))
    return int(values['PassiveOpens']), int(values['ActiveOpens'])

def look(name, source):
    client = shared()
    if source:
        client.bind(source)
    before = opens()
    client.connect(SERVER)
    client.sendall(b'hello')
    client.settimeout(1)
    try:
        back = client.recv(100).decode()
    except TimeoutError:
        back = 'nothing'
    try:
        listener.accept()[0].close()
        accepted = 'yes'
    except BlockingIOError:
        accepted = 'no'
    moved = tuple(b - a for a, b in zip(before, opens()))
    print('%-22s accepted %s, reads back: %s' % (name + ':', accepted, back))
    return client, accepted, back, moved

listener = shared()
listener.bind(SERVER)
listener.listen()
listener.setblocking(False)
_, *other = look('from another port', None)
client, *own = look('from 127.0.0.1:8080', SERVER)
peer, name = client.getpeername(), client.getsockname()
print('peer %s:%d, self %s:%d, TcpPassiveOpens +%d, TcpActiveOpens +%d' % (*peer, *name, *own[2]))

control = other == ['yes', 'nothing', (1, 1)]
same = own == ['no', 'hello', (0, 1)] and peer == name == SERVER
print('control (from another port the listener accepts):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
