#!/usr/bin/env bash
# Connections that their clients have reset stay in the accept queue, and keep the living out.
#
# Guess     A client that connects and resets before accept() is gone: it leaves the queue, and
#           Recv-Q of the listener falls. At the latest accept() skips it (ECONNABORTED).
# Kernel    6.18.44.
# Happens   The reset connection keeps its place until accept(). Recv-Q says three while no list
#           shows a single connection; the queue is full of the dead and the next client, alive,
#           is not let in. accept() succeeds for each of them and only the first read fails.
# Seen      2026-11-29, backlog 2 (room for three)
#             3 clients, connected:  Recv-Q 3, connections listed 3, a fourth client: timeout
#             3 clients, reset:      Recv-Q 3, connections listed 0, a fourth client: timeout
#             accept(): ok, read ECONNRESET; ok, read ECONNRESET; ok, read ECONNRESET
#             emptied:               Recv-Q 0, connections listed 0, a fourth client: connected
# Who       A backlog that looks full for no reason: impatient clients, health checks that close
#           with a reset, a load balancer's retries against a slow worker, whose queue then stays
#           full of connections nobody wants.
# Source    tcp_reset() ends the child but leaves it in icsk_accept_queue; only
#           reqsk_queue_remove() in inet_csk_accept() takes it out.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, socket, struct, sys

LISTEN, ESTABLISHED_OR_CLOSING = '0A', {'01', '04', '05', '08'}

def table():
    with open('/proc/net/tcp') as f:
        return [line.split() for line in f.read().splitlines()[1:]]

def dial(wait=10):
    s = socket.socket()
    s.settimeout(wait)
    s.connect(('127.0.0.1', 8080))
    return s

def look(name):
    rows = [row for row in table() if row[1].endswith(':1F90')]
    queue = next(int(row[4].split(':')[1], 16) for row in rows if row[3] == LISTEN)
    listed = sum(row[3] in ESTABLISHED_OR_CLOSING for row in rows)
    try:
        dial(1.5).close()
        fourth = 'connected'
    except TimeoutError:
        fourth = 'timeout'
    print('%-22s Recv-Q %d, connections listed %d, a fourth client: %s' % (name + ':', queue, listed, fourth))
    return queue, listed, fourth

server = socket.socket()
server.bind(('127.0.0.1', 8080))
server.listen(2)
server.settimeout(10)
clients = [dial() for _ in range(3)]
alive = look('3 clients, connected')
for s in clients:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()
dead = look('3 clients, reset')
reads = []
for _ in range(3):
    connection, _ = server.accept()
    try:
        connection.recv(1)
        reads.append('ok')
    except OSError as e:
        reads.append(errno.errorcode[e.errno])
print('accept(): ' + '; '.join('ok, read ' + r for r in reads))
empty = look('emptied')

control = alive == (3, 3, 'timeout') and empty == (0, 0, 'connected')
same = dead == (3, 0, 'timeout') and reads == ['ECONNRESET'] * 3
print('control (full with the living, free when emptied):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
