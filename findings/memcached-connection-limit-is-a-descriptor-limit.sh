#!/usr/bin/env bash
# memcached -c N serves fewer than N connections, and a small N does not start at all.
#
# Guess     "-c 50" serves fifty connections and refuses the fifty-first; "stats" shows both.
# Version   memcached 1.6.18-1+deb12u1 (Debian 12), Linux 6.18.
# Happens   memcached also makes N its RLIMIT_NOFILE. Listener, pipes and epoll descriptors count
#           against it, so a client past N minus those is accepted, told "ERROR Too many open
#           connections" and closed, while "stats" shows room: curr_connections below
#           max_connections. The default of 1024 with its four threads serves 998 or so. With
#           "-c 10" the process ends at once: too many open files.
# Seen      2026-11-29
#             -c 50:   served 38 of 100, open files 50, max_connections 50, curr_connections 38
#             -c 1024: served 1012 of 1100, open files 1024, max_connections 1024, curr_connections 1012
#             -c 10:   did not start: server_socket: Too many open files
# Who       Somebody who sizes -c by the number of clients, and sees closes at three quarters of it.
#           In the kernel the refused ones are ordinary accepts.
# Source    memcached.c sets RLIMIT_NOFILE from settings.maxconns; memcached(1) calls -c the
#           number of simultaneous connections.
# Needs     Debian 12, root, apt, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  package=memcached=1.6.18-1+deb12u1
  mapfile -t missing < <(apt-get -s install --no-install-recommends "$package" | awk '/^Inst/ && $2 != "memcached" { print $2 }')
  apt-get -q -o APT::Sandbox::User=root download "$package" "${missing[@]}" > /dev/null
  for deb in *.deb; do dpkg-deb -x "$deb" .; done
  export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
ulimit -n 4096
python3 << 'EOF'
import re, socket, subprocess, sys, time

def start(limit):
    port = 11000 + limit
    server = subprocess.Popen(['usr/bin/memcached', '-u', 'root', '-l', '127.0.0.1', '-p', str(port), '-t', '1', '-c', str(limit)],
                              stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 10
    while server.poll() is None and time.time() < deadline:
        try:
            socket.create_connection(('127.0.0.1', port), 5).close()
            return server, port
        except ConnectionRefusedError:
            time.sleep(0.05)
    if server.poll() is None:
        sys.exit('memcached neither listens nor ends')
    return server, None

def count(limit, clients):
    server, port = start(limit)
    if port is None:
        return None, server.stderr.read()
    time.sleep(0.2)  # the trial connection is forgotten
    open_files = int(re.search(r'Max open files +(\d+)', open('/proc/%d/limits' % server.pid).read())[1])
    sockets, served = [], 0
    for _ in range(clients):
        s = socket.create_connection(('127.0.0.1', port), 5)
        s.settimeout(5)
        sockets.append(s)
        try:
            s.sendall(b'version\r\n')
            served += s.recv(100).startswith(b'VERSION')
        except (ConnectionResetError, BrokenPipeError):
            pass
    sockets[0].sendall(b'stats\r\n')
    text = b''
    while not text.endswith(b'END\r\n'):
        text += sockets[0].recv(65536)
    stats = dict(line.split()[1:3] for line in text.decode().splitlines() if line.startswith('STAT'))
    server.kill()
    result = (served, open_files, int(stats['max_connections']), int(stats['curr_connections']))
    print('-c %d: served %d of %d, open files %d, max_connections %d, curr_connections %d' % (limit, result[0], clients, *result[1:]))
    return result, ''

fifty, _ = count(50, 100)
default, _ = count(1024, 1100)
few, control = count(50, 20)
ten, why = count(10, 1)
print('-c 10:', 'started' if ten else 'did not start: ' + why.strip().splitlines()[-1])

control = few is not None and few[0] == 20
same = (fifty is not None and 25 <= fifty[0] < 50 and fifty[1] == fifty[2] == 50 and fifty[3] < 50
        and default is not None and default[0] < 1024 and ten is None and 'Too many open files' in why)
print('control (twenty clients of fifty are all served):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
