#!/usr/bin/env bash
# "ss -s" in an empty network namespace reports every TCP socket of the machine as closed.
#
# Guess     "ss -s" in a container or namespace counts that namespace's sockets. In one that has
#           just been made: all zero.
# Version   iproute2 6.1.0-3 (Debian 12), Linux 6.18.44.
# Happens   /proc/net/sockstat mixes scopes: "inuse" and "tw" are of the namespace, "orphan", "alloc"
#           and "mem" of the machine. ss takes what is allocated and not in use for closed, so an
#           empty namespace shows "TCP: N (estab 0, closed N, ...)" with N of the whole host, other
#           containers included.
# Seen      2026-11-29, a namespace with no socket, while another one opens and closes 500
#             before: TCP:   35 (estab 0, closed 35, orphaned 0, timewait 0)
#             while:  TCP:   535 (estab 0, closed 535, orphaned 0, timewait 0)
#             after:  TCP:   35 (estab 0, closed 35, orphaned 0, timewait 0)
#             in the other namespace: UDP sockets 3, in the empty one 0
# Who       Somebody who hunts a descriptor leak in a container: thousands of "closed" sockets that
#           no process there holds, and that restarting it does not take away.
# Source    sockstat_seq_show() in net/ipv4/proc.c: proto_sockets_allocated_sum_positive() is one
#           counter for all namespaces; print_summary() in ss.c subtracts.
# Needs     Debian 12, root, apt, python3, util-linux. Own network namespaces.
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
cat > look.py << 'EOF'
import re, socket, subprocess, sys

HOLD = '''
import socket, sys
held = []
for _ in range(500):
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    held.append(s)
held += [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
for s in held[500:]:
    s.bind(('127.0.0.1', 0))
print([line.split()[2] for line in open('/proc/net/sockstat') if line.startswith('UDP:')][0], flush=True)
sys.stdin.read()
'''

def look(name):
    text = subprocess.run(['bin/ss', '-s'], capture_output=True, text=True, check=True).stdout
    line = next(line for line in text.splitlines() if line.startswith('TCP:'))
    print('%-7s %s' % (name, line))
    udp = int(re.search(r'^UDP\s+(\d+)', text, re.M)[1])
    return int(re.search(r'closed (\d+)', line)[1]), int(re.search(r'estab (\d+)', line)[1]), udp

before = look('before:')
other = subprocess.Popen(['unshare', '--net', 'bash', '-c', 'bin/ip link set lo up; exec python3 -c "$0"', HOLD],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
there = int(other.stdout.readline())
during = look('while:')
other.communicate()
after = look('after:')
print('in the other namespace: UDP sockets %d, in the empty one %d' % (there, during[2]))

control = there == 3 and during[1:] == (0, 0)
same = during[0] - before[0] > 400 and during[0] - after[0] > 400
print('control (UDP and established TCP are counted by namespace):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
unshare --net python3 look.py
