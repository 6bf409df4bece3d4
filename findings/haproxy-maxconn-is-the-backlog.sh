#!/usr/bin/env bash
# A small maxconn of an HAProxy frontend is its accept backlog too: soon SYNs are dropped.
#
# Guess     With "maxconn 2" two clients are served and the next ones wait in the kernel's queue,
#           which holds net.core.somaxconn (4096) as for any HAProxy listener.
# Version   haproxy 2.6.12-1+deb12u4 (Debian 12), Linux 6.18.
# Happens   Without "backlog" HAProxy passes maxconn to listen(). Two are served, three wait (the
#           kernel lets in one more than it is told), and the SYN of every further client is
#           dropped: no error, no log line, a retry after one second, then two, then four. With
#           "backlog 64" beside it they all wait.
# Seen      2026-11-29, twelve clients that connect and send nothing
#             maxconn 2:              backlog 2, connected 5, no answer 7, ListenOverflows grew True
#             maxconn 2, backlog 64:  backlog 64, connected 12, no answer 0, ListenOverflows grew False
#             neither:                backlog 4096, connected 12, no answer 0, ListenOverflows grew False
# Who       Somebody who caps a frontend to protect a backend, and finds connect times of 1 s and
#           3 s at a load that the queue should hold.
# Source    haproxy-doc 2.6, configuration guide: under "backlog", while "maxconn" speaks of a queue
#           in the system; Linux sk_acceptq_is_full().
# Needs     Debian 12, root, apt, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  package=haproxy=2.6.12-1+deb12u4
  mapfile -t missing < <(apt-get -s install --no-install-recommends "$package" | awk '/^Inst/ && $2 != "haproxy" { print $2 }')
  apt-get -q -o APT::Sandbox::User=root download "$package" "${missing[@]}" > /dev/null
  for deb in *.deb; do dpkg-deb -x "$deb" .; done
  export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
echo 4096 > /proc/sys/net/core/somaxconn
cat > haproxy.cfg << 'EOF'
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 5s
frontend small
  maxconn 2
  bind 127.0.0.1:8080
  http-request return status 200
frontend queued
  maxconn 2
  backlog 64
  bind 127.0.0.1:8081
  http-request return status 200
frontend plain
  bind 127.0.0.1:8082
  http-request return status 200
EOF
usr/sbin/haproxy -f haproxy.cfg 2> haproxy.log &

python3 << 'EOF'
import socket, subprocess, sys, time

def backlog(port):
    row = subprocess.run(['ss', '-Hltn', 'sport = :%d' % port], capture_output=True, text=True).stdout.split()
    return int(row[2]) if row else None

def overflows():
    names, values = [line.split() for line in open('/proc/net/netstat') if line.startswith('TcpExt:')]
    return int(values[names.index('ListenOverflows')])

def look(name, port):
    before, held, silent = overflows(), [], 0
    for _ in range(12):
        s = socket.socket()
        s.settimeout(0.4)
        try:
            s.connect(('127.0.0.1', port))
            held.append(s)
        except TimeoutError:
            s.close()
            silent += 1
    seen = (backlog(port), len(held), silent, overflows() > before)
    print('%-23s backlog %d, connected %d, no answer %d, ListenOverflows grew %s' % (name + ':', *seen))
    for s in held:
        s.close()
    return seen

deadline = time.time() + 10
while None in [backlog(port) for port in (8080, 8081, 8082)]:
    if time.time() > deadline:
        sys.exit('haproxy did not start: ' + open('haproxy.log').read())
    time.sleep(0.05)

small = look('maxconn 2', 8080)
queued = look('maxconn 2, backlog 64', 8081)
plain = look('neither', 8082)
control = queued == (64, 12, 0, False) and plain == (4096, 12, 0, False)
same = small == (2, 5, 7, True)
print('control (a backlog of its own, or no maxconn, lets all connect):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
