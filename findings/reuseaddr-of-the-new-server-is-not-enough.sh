#!/usr/bin/env bash
# SO_REUSEADDR on the new server does not help against connections of an old one without it.
#
# Guess     "Address already in use" after a restart is cured by setting SO_REUSEADDR before bind():
#           deploy the fix, and the new server binds although old connections are in TIME_WAIT.
# Kernel    6.18.44.
# Happens   Both sides of the conflict must have the option, and a connection carries what its
#           listener had when it was accepted, into TIME_WAIT too. So the restart that deploys the
#           fix still fails for 60 seconds, and as long as one old connection stays open. Setting
#           the option on the old connections frees the port at once; on those in TIME_WAIT nobody
#           can.
# Seen      2026-11-29, the old server has gone, the new one sets SO_REUSEADDR
#             TIME_WAIT, old without the option:   EADDRINUSE
#             TIME_WAIT, old with it:              ok
#             open, old without the option:        EADDRINUSE
#             open, then set on the connection:    ok
# Who       Everybody whose first deployment of the fix fails and who concludes that it is none;
#           and whoever inherits connections (a child process of the old server that still talks to
#           a client keeps the port busy for hours).
# Source    inet_bind_conflict() asks sk_reuse of both sockets; inet_twsk_alloc() copies it.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, socket, sys, time

def server(port, reuse):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    s.bind(('127.0.0.1', port))
    s.listen()
    return s

def new(port):
    try:
        server(port, 1).close()
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]

def serve_one(port, reuse):
    """An old server that has accepted one connection and closed its listener."""
    with server(port, reuse) as old:
        client = socket.create_connection(('127.0.0.1', port))
        return old.accept()[0], client

def in_time_wait(port):
    with open('/proc/net/tcp') as f:
        return any(row[1].endswith(':%04X' % port) and row[3] == '06' for row in map(str.split, f))

def time_wait(port, reuse):
    connection, client = serve_one(port, reuse)
    connection.close()
    client.recv(1)
    client.close()
    deadline = time.time() + 10
    while not in_time_wait(port):
        if time.time() > deadline:
            sys.exit('no TIME_WAIT')
        time.sleep(0.01)
    return new(port)

def say(name, result):
    print('%-36s %s' % (name + ':', result))
    return result

without = say('TIME_WAIT, old without the option', time_wait(8080, 0))
with_it = say('TIME_WAIT, old with it', time_wait(8081, 1))
connection, client = serve_one(8082, 0)
opened = say('open, old without the option', new(8082))
connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
freed = say('open, then set on the connection', new(8082))

control = with_it == 'ok'
same = without == opened == 'EADDRINUSE' and freed == 'ok'
print('control (old with the option: the new one binds):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
