#!/usr/bin/env bash
# A disabled HAProxy frontend keeps its port: taken, and listed by nobody.
#
# Guess     "disable frontend" gives the port back. The management guide says so: the frontend
#           "releases the port", so that another process can bind it.
# Version   haproxy 2.6.12-1+deb12u4 (Debian 12), Linux 6.18.
# Happens   HAProxy calls shutdown() on the listening socket and keeps it open. The socket stays
#           bound in state CLOSE: /proc/net/tcp (and "ss -tan") do not list it, connections are
#           refused, and a plain bind() gets EADDRINUSE. A bind() with SO_REUSEADDR gets the port;
#           then "enable frontend" fails. "shutdown frontend" does release it.
# Seen      2026-11-29
#             enabled:   listed True, plain bind EADDRINUSE, with SO_REUSEADDR EADDRINUSE
#             disabled:  listed False, plain bind EADDRINUSE, with SO_REUSEADDR ok
#             enabling it while another program listens: Failed to resume frontend, check logs ...
#             shut down: listed False, plain bind ok, with SO_REUSEADDR ok
# Who       Somebody who parks a frontend to run a replacement on its port: the replacement says
#           "Address already in use", and no list of sockets names an owner.
# Source    haproxy-doc 2.6, management guide, "disable frontend"; Linux inet_shutdown() and
#           tcp_disconnect(), which keep a port that bind() asked for.
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
cat > haproxy.cfg << EOF
global
  stats socket $1/cli.sock mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:8080
  http-request return status 200
EOF
usr/sbin/haproxy -f haproxy.cfg 2> haproxy.log &

python3 << 'EOF'
import errno, os, socket, sys, time

def cli(command):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect('cli.sock')
        s.sendall(command.encode() + b'\n')
        return s.recv(65536).decode().strip()

def listed():
    return any(line.split()[1].endswith(':1F90') for line in open('/proc/net/tcp'))

def bind(reuse):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        try:
            s.bind(('127.0.0.1', 8080))
            s.listen()
            return 'ok'
        except OSError as e:
            return errno.errorcode[e.errno]

def look(state):
    seen = (listed(), bind(0), bind(1))
    print('%-10s listed %s, plain bind %s, with SO_REUSEADDR %s' % (state + ':', *seen))
    return seen

deadline = time.time() + 10
while not (os.path.exists('cli.sock') and listed()):
    if time.time() > deadline:
        sys.exit('haproxy did not start: ' + open('haproxy.log').read())
    time.sleep(0.05)

enabled = look('enabled')
cli('disable frontend web')
disabled = look('disabled')
with socket.socket() as other:
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(('127.0.0.1', 8080))
    other.listen()
    refusal = cli('enable frontend web')
print('enabling it while another program listens:', refusal)
cli('shutdown frontend web')
shut = look('shut down')

control = enabled == (True, 'EADDRINUSE', 'EADDRINUSE') and shut == (False, 'ok', 'ok')
same = disabled == (False, 'EADDRINUSE', 'ok') and 'Failed to resume' in refusal
print('control (the port is busy before, free after shutdown):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
