#!/usr/bin/env bash
# Past its rate limit inetd closes a low port, but accepts and drops on a high one.
#
# Guess     "nowait.5" runs the service five times a minute; the sixth connection makes inetd stop
#           the service for ten minutes, whatever its port. inetd(8) says so.
# Version   openbsd-inetd 0.20221205-2~deb12u1 (Debian 12), Linux 6.18.
# Happens   The service runs four times. Then it depends on the port. Below 1024 inetd closes the
#           listener and clients are refused. From 1024 on it keeps the listener, accepts every
#           connection and closes it at once, without starting the service: a close could let
#           another local user take the port.
# Seen      2026-11-29, twenty connections each
#             port 900:  served 4, dropped 1, refused 15, still listening False
#             port 9000: served 4, dropped 16, refused 0, still listening True
#             port 9001, nowait.100: served 20, dropped 0, refused 0, still listening True
# Who       Whoever counts accepts: on a high port they go on at full rate and every health check
#           that only connects stays green, while no client is served.
# Source    inetd(8), field wait/nowait[.max] and option -R; the function that starts a service in
#           OpenBSD inetd.c treats IPv4 ports from IPPORT_RESERVED on otherwise, and logs nothing.
# Needs     Debian 12, root, apt, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  package=openbsd-inetd=0.20221205-2~deb12u1
  mapfile -t missing < <(apt-get -s install --no-install-recommends "$package" | awk '/^Inst/ && $2 != "openbsd-inetd" { print $2 }')
  apt-get -q -o APT::Sandbox::User=root download "$package" "${missing[@]}" > /dev/null
  for deb in *.deb; do dpkg-deb -x "$deb" .; done
  export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
cat > inetd.conf << 'EOF'
127.0.0.1:900 stream tcp nowait.5 root /bin/echo echo served
127.0.0.1:9000 stream tcp nowait.5 root /bin/echo echo served
127.0.0.1:9001 stream tcp nowait.100 root /bin/echo echo served
EOF
usr/sbin/inetd -i "$1/inetd.conf" &

python3 << 'EOF'
import socket, sys, time

def listening(port):
    return any(f[1].endswith(':%04X' % port) and f[3] == '0A' for f in map(str.split, open('/proc/net/tcp')))

def ask(port):
    try:
        with socket.create_connection(('127.0.0.1', port), 5) as s:
            return 'served' if s.recv(100) else 'dropped'
    except ConnectionRefusedError:
        return 'refused'
    except ConnectionResetError:
        return 'dropped'

deadline = time.time() + 10
while not all(map(listening, (900, 9000, 9001))):
    if time.time() > deadline:
        sys.exit('inetd did not start')
    time.sleep(0.05)

seen = {}
for port, limit in ((900, 5), (9000, 5), (9001, 100)):
    answers = [ask(port) for _ in range(20)]
    seen[port] = (answers.count('served'), answers.count('dropped'), answers.count('refused'), listening(port))
    print('port %d, nowait.%d: served %d, dropped %d, refused %d, still listening %s' % (port, limit, *seen[port]))

control = seen[9001] == (20, 0, 0, True)
low, high = seen[900], seen[9000]
same = low[0] == 4 and low[2] > 0 and not low[3] and high == (4, 16, 0, True)
print('control (a high limit serves all):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
