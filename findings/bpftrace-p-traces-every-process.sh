#!/usr/bin/env bash
# "bpftrace -p PID" with a tracepoint traces every process, not that one.
#
# Guess     As with perf and strace, -p PID confines the tracing to the process PID.
# Version   bpftrace 0.17.0-1 (Debian 12), Linux 6.18.44. 0.23.2 does the same; 0.27.1 confines.
# Happens   -p is for user probes (and for the end: bpftrace exits with the process). Tracepoints
#           fire for everybody, and nothing says that the option was without effect. The predicate
#           /pid == PID/ does confine.
# Seen      2026-11-29, 50 accept4() calls of the process named, 300 of another
#             -p PID:              named 50, other 300
#             -p PID, predicate:   named 50, other 0
# Who       Tracing one worker of a busy server: the counts are those of all workers, and the cost
#           is that of tracing the whole machine.
# Source    bpftrace(8) calls -p "enable USDT probes on PID"; bpftrace/bpftrace#254 (2018), and #3800,
#           which confines all probes.
# Needs     Debian 12, root, apt, python3, util-linux; a kernel with syscall tracepoints. Own network
#           and mount namespaces.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
package=bpftrace=0.17.0-1
mapfile -t needed < <(apt-get -s install --no-install-recommends --reinstall "$package" | awk '/^Inst/ && $2 != "bpftrace" { print $2 }')
apt-get -q -o APT::Sandbox::User=root download "$package" "${needed[@]}" > /dev/null
for deb in *.deb; do dpkg-deb -x "$deb" .; done
export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu
uname -r
usr/bin/bpftrace --version
cat > look.py << 'EOF'
import os, re, subprocess, sys, threading

CALLER = '''
import ctypes, sys
accept4 = ctypes.CDLL(None).accept4
for line in sys.stdin:
    for _ in range(int(line)):
        accept4(10000, None, None, 0)
    print('done', flush=True)
'''

def caller():
    return subprocess.Popen([sys.executable, '-c', CALLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def call(process, times):
    process.stdin.write('%d\n' % times)
    process.stdin.flush()
    process.stdout.readline()

def look(name, predicate):
    named, other = caller(), caller()
    program = '''
interval:ms:100 { if (@ready == 0) { printf("ready\\n"); @ready = 1; } }
tracepoint:syscalls:sys_enter_accept4 /args->fd == 10000%s/ { @calls[pid] = count(); }
''' % (' && pid == %d' % named.pid if predicate else '')
    tracer = subprocess.Popen(['usr/bin/bpftrace', '-p', str(named.pid), '-e', program], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watchdog = threading.Timer(25, tracer.kill)
    watchdog.start()
    text = ''
    for line in tracer.stdout:
        text += line
        if line == 'ready\n':
            call(named, 50)
            call(other, 300)
            named.communicate()  # bpftrace ends with the process of -p
    watchdog.cancel()
    other.communicate()
    tracer.wait()
    if 'ready' not in text:
        sys.exit('bpftrace did not start: ' + tracer.stderr.read())
    counts = [int(m[1]) if (m := re.search(r'^@calls\[%d\]: (\d+)' % p.pid, text, re.M)) else 0 for p in (named, other)]
    print('%-20s named %d, other %d' % (name + ':', *counts))
    return counts

plain = look('-p PID', False)
asked = look('-p PID, predicate', True)

control = asked == [50, 0]
same = plain == [50, 300]
print('control (the predicate confines):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
unshare --net --mount bash -c '[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; exec python3 look.py'
