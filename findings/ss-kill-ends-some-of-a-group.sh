#!/usr/bin/env bash
# "ss -K" on a shared port kills some of the sockets and reports success.
#
# Guess     "ss -K" closes every socket that its filter lists. Four listeners on port 8080 match,
#           four are closed.
# Version   iproute2 6.1.0-3 (Debian 12), Linux 6.18.44.
# Happens   ss finds a socket by listing, but the kernel looks it up again by address and port, and
#           in an SO_REUSEPORT group that lookup is the hash: it yields one member whatever socket
#           was meant. If it is not the one of the request (the cookie differs) the request fails,
#           and ss skips it in silence, exit 0. TCP: the index moves as members die, so one run
#           kills one to three of four, and which ones is luck. UDP: every run hits the same socket;
#           the others cannot be killed at all.
# Seen      2026-11-29, four sockets on one port; killed (SO_ERROR is ECONNABORTED) after each run
#             TCP, addresses of their own: 4
#             TCP, shared, 20 groups:      1 run: 1 to 4 of 4; groups left alive in part: 17
#             UDP, shared, 5 runs:         1 1 1 1 1, always the same one: True
# Who       Closing a stuck worker's listener by hand, or fencing a service by script: part of it
#           goes on serving.
# Source    inet_diag_find_one_icsk() and udp_diag_destroy() look up by tuple, then
#           sock_diag_check_cookie() compares.
# Needs     Debian 12, root, apt, python3, util-linux. Own network namespace.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
mapfile -t needed < <(apt-get -s install --no-install-recommends --reinstall iproute2=6.1.0-3 | awk '/^Inst/ && $2 != "iproute2" { print $2 }')
apt-get -q -o APT::Sandbox::User=root download iproute2=6.1.0-3 "${needed[@]}" > /dev/null
for deb in *.deb; do dpkg-deb -x "$deb" .; done
export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
uname -r
bin/ss -V
unshare --net bash -c 'bin/ip link set lo up; exec python3 -' << 'EOF'
import errno, socket, subprocess, sys

def opened(kind, addresses, port):
    sockets = []
    for address in addresses:
        s = socket.socket(socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        s.bind((address, port))
        if kind == socket.SOCK_STREAM:
            s.listen()
        sockets.append(s)
    return sockets

def kill(kind, port):
    subprocess.run(['bin/ss', '-K', '-lnt' if kind == socket.SOCK_STREAM else '-lnu', 'sport = :%d' % port],
                   check=True, stdout=subprocess.DEVNULL)

def killed(sockets):
    """Indexes of those that an abort has reached since the last call: reading SO_ERROR clears it."""
    return [i for i, s in enumerate(sockets)
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNABORTED]

tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
apart = opened(tcp, ['127.0.0.%d' % n for n in (1, 2, 3, 4)], 8000)
kill(tcp, 8000)
own = len(killed(apart))
print('TCP, addresses of their own: %d' % own)
counts = []
for n in range(1, 21):
    group = opened(tcp, ['127.0.%d.1' % n] * 4, 8000 + n)
    kill(tcp, 8000 + n)
    counts.append(len(killed(group)))
partial = sum(n < 4 for n in counts)
print('TCP, shared, 20 groups:      1 run: %d to %d of 4; groups left alive in part: %d' % (min(counts), max(counts), partial))
group = opened(udp, ['127.0.0.1'] * 4, 8030)
runs = []
for _ in range(5):
    kill(udp, 8030)
    runs.append(killed(group))
one = len({tuple(run) for run in runs}) == 1
print('UDP, shared, 5 runs:         %s, always the same one: %s' % (' '.join(str(len(run)) for run in runs), one))

control = own == 4
same = partial >= 5 and one and len(runs[0]) == 1
print('control (four listeners of one address each all die):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
