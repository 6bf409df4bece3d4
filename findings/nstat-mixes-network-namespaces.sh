#!/usr/bin/env bash
# nstat in one network namespace spoils the differences of nstat in another.
#
# Guess     nstat shows what has happened since its last run, in the namespace it runs in. Two
#           namespaces do not meet.
# Version   iproute2 6.1.0-3 (Debian 12), Linux 6.18.44.
# Happens   It keeps its last values in one file per user, /tmp/.nstat.u0, whatever the namespace.
#           A run in namespace B subtracts the values of A and stores its own; the next run in A
#           subtracts those. Drops that never happened appear, and real ones vanish. Only a value
#           that went down is marked (overflow). A file of its own (NSTAT_HISTORY) helps.
# Seen      2026-11-29, counter UdpNoPorts
#             A, 100 datagrams to a closed port:  100
#             B, 30 of them:                      0 (overflow)
#             A, none since:                      70
#             each with a file of its own:        100, 30, 0
# Who       Somebody who compares drop counters of the host and of containers ("ip netns exec",
#           "nsenter -n") in one terminal, or has both in a cron job.
# Source    main() in nstat.c opens the file named by NSTAT_HISTORY or by the uid; nstat(8) does
#           not speak of namespaces.
# Needs     Debian 12, root, apt, python3, util-linux. Own network and mount namespaces.
set -euo pipefail

tmp=$(mktemp -d -p /var/tmp) # not in /tmp, which is covered below
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
mapfile -t needed < <(apt-get -s install --no-install-recommends --reinstall iproute2=6.1.0-3 | awk '/^Inst/ && $2 != "iproute2" { print $2 }')
apt-get -q -o APT::Sandbox::User=root download iproute2=6.1.0-3 "${needed[@]}" > /dev/null
for deb in *.deb; do dpkg-deb -x "$deb" .; done
export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
uname -r
bin/ss -V
# A private /tmp: the user's own history of nstat stays as it is.
cat > look.py << 'EOF'
import os, re, subprocess, sys

NAMESPACE = '''
import os, socket, subprocess, sys
subprocess.run(['bin/ip', 'link', 'set', 'lo', 'up'], check=True)
print('up', flush=True)
for line in sys.stdin:
    count, history = line.split()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(int(count)):
            s.sendto(b'x', ('127.0.0.1', 9))
    env = dict(os.environ, NSTAT_HISTORY=history) if history != '-' else os.environ
    text = subprocess.run([NSTAT, '-z', 'UdpNoPorts'], env=env, capture_output=True, text=True, check=True).stdout
    print(text.splitlines()[-1], flush=True)
'''

nstat = next(p for p in ('usr/bin/nstat', 'bin/nstat', 'sbin/nstat', 'usr/sbin/nstat') if os.path.exists(p))

def namespace():
    p = subprocess.Popen(['unshare', '--net', sys.executable, '-c', NAMESPACE.replace('NSTAT,', repr(nstat) + ',')],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == 'up\n'
    return p

def ask(p, count, history='-'):
    p.stdin.write('%d %s\n' % (count, history))
    p.stdin.flush()
    line = p.stdout.readline()
    value, = re.findall(r'^UdpNoPorts\s+(\d+)', line)
    return value + (' (overflow)' if 'overflow' in line else '')

a, b = namespace(), namespace()
shared = [ask(a, 100), ask(b, 30), ask(a, 0)]
for name, value in zip(('A, 100 datagrams to a closed port:', 'B, 30 of them:', 'A, none since:'), shared):
    print('%-35s %s' % (name, value))
for p in (a, b):
    p.communicate()
a, b = namespace(), namespace()
own = [ask(a, 100, 'a'), ask(b, 30, 'b'), ask(a, 0, 'a')]
print('%-35s %s' % ('each with a file of its own:', ', '.join(own)))
for p in (a, b):
    p.communicate()

control = own == ['100', '30', '0']
same = shared == ['100', '0 (overflow)', '70']
print('control (a file for each gives the truth):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
unshare --mount bash -c 'mount -t tmpfs none /tmp; exec python3 look.py'
