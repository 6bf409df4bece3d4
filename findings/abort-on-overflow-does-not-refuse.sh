#!/usr/bin/env bash
# tcp_abort_on_overflow=1 does not refuse a client when the accept queue is full.
#
# Guess     With net.ipv4.tcp_abort_on_overflow=1 a client that meets a full accept queue gets a
#           reset at once and can try elsewhere, where by default it hangs in SYN retries. The
#           documentation says: if the service is too slow to accept, reset the connections.
# Kernel    6.18.44.
# Happens   The SYN of a new client is still dropped in silence: it hangs as before, setting or not.
#           Only a handshake that was under way when the queue filled up is reset, at its last
#           packet.
# Seen      2026-11-29, backlog 4 (room for five), full; TCP_DEFER_ACCEPT keeps a handshake under way
#             setting 0: new client: timeout; handshake under way: no reset
#             setting 1: new client: timeout; handshake under way: ECONNRESET
#             queue empty: new client: connected
# Who       Whoever turns it on so that a load balancer fails over quickly from a server that has
#           stopped accepting: nearly all of its connects time out as before.
# Source    tcp_conn_request() drops the SYN if sk_acceptq_is_full() and does not read the setting;
#           tcp_check_req() does. Documentation/networking/ip-sysctl.rst, tcp_abort_on_overflow.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, socket, sys

def dial(port, wait=10):
    s = socket.socket()
    s.settimeout(wait)
    s.connect(('127.0.0.1', port))
    return s

def new_client(port):
    try:
        dial(port, 1.5)
        return 'connected'
    except TimeoutError:
        return 'timeout'
    except OSError as e:
        return errno.errorcode[e.errno]

def look(setting, port):
    with open('/proc/sys/net/ipv4/tcp_abort_on_overflow', 'w') as f:
        f.write(setting)
    server = socket.socket()
    server.bind(('127.0.0.1', port))
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
    server.listen(4)
    # A handshake ends, and takes a place in the queue, when its client sends.
    late = dial(port)
    for _ in range(5):
        filler = dial(port)
        filler.sendall(b'x')
        clients.append(filler)
    late.settimeout(1.5)
    try:
        late.sendall(b'x')
        late.recv(1)
        under_way = 'data'
    except TimeoutError:
        under_way = 'no reset'
    except OSError as e:
        under_way = errno.errorcode[e.errno]
    new = new_client(port)
    print('setting %s: new client: %s; handshake under way: %s' % (setting, new, under_way))
    return new, under_way

clients = []
off, on = look('0', 8080), look('1', 8081)
free = socket.socket()
free.bind(('127.0.0.1', 8082))
free.listen(4)
empty = new_client(8082)
print('queue empty: new client: %s' % empty)

control = empty == 'connected' and off == ('timeout', 'no reset') and on[1] == 'ECONNRESET'
same = on[0] == 'timeout'
print('control (a free queue lets in; the setting resets a handshake under way):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
