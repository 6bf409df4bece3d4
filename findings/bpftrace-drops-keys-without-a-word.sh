#!/usr/bin/env bash
# bpftrace 0.17 stops counting new keys at 4,096, and says nothing.
#
# Guess     A bpftrace map is limited, so beyond some number of keys it warns that keys are lost,
#           as it warns of lost events.
# Version   bpftrace 0.17.0-1 (Debian 12), Linux 6.18.44. 0.23.2 and 0.27.1 do warn ("Map full").
# Happens   Once a map has 4,096 keys, updates of new keys are dropped: no line on stdout or stderr,
#           exit 0, and a table that looks whole. Keys seen before go on counting. Only -k (report
#           errors of helper functions) makes it speak; BPFTRACE_MAP_KEYS_MAX raises the limit.
# Seen      2026-11-29, 5,000 accept4() calls on 5,000 different descriptors
#             default:                        4096 keys, all calls 5000, lines about it: 0
#             BPFTRACE_MAP_KEYS_MAX=10000:    5000 keys, all calls 5000, lines about it: 0
#             -k:                             4096 keys, all calls 5000, lines about it: 904
# Who       Counting by connection, address or request on a busy server: the sum of the table falls
#           short, and what is missing is what came last, such as the clients of an attack.
# Source    man bpftrace 0.17 names BPFTRACE_MAP_KEYS_MAX (default 4096) and -k.
# Needs     Debian 12, root, apt, python3, util-linux; a kernel with BTF or bpftrace's own types, and
#           syscall tracepoints. Own network and mount namespaces.
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
import ctypes, os, re, subprocess, sys, threading

accept4 = ctypes.CDLL(None).accept4
PROGRAM = '''
interval:ms:100 { if (@ready == 0) { printf("ready\\n"); @ready = 1; } }
tracepoint:syscalls:sys_enter_accept4 /pid == %d && args->fd >= 10000/ { @calls[args->fd] = count(); @all = count(); }
tracepoint:syscalls:sys_enter_accept4 /pid == %d && args->fd == 9999/ { exit(); }
''' % (os.getpid(), os.getpid())

def look(name, options=(), limit=None):
    env = dict(os.environ, **({'BPFTRACE_MAP_KEYS_MAX': limit} if limit else {}))
    tracer = subprocess.Popen(['usr/bin/bpftrace', *options, '-e', PROGRAM], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    watchdog = threading.Timer(30, tracer.kill)
    watchdog.start()
    errors = []
    reader = threading.Thread(target=lambda: errors.extend(tracer.stderr))
    reader.start()
    lines = []
    for line in tracer.stdout:
        lines.append(line)
        if line == 'ready\n':
            break
    else:
        watchdog.cancel()
        reader.join()
        sys.exit('bpftrace did not start: ' + ''.join(errors))
    for fd in range(10000, 15000):
        accept4(fd, None, None, 0)
    accept4(9999, None, None, 0)
    text = ''.join(lines) + tracer.stdout.read()
    tracer.wait()
    watchdog.cancel()
    reader.join()
    keys = len(re.findall(r'^@calls\[', text, re.M))
    calls = int(re.search(r'^@all: (\d+)', text, re.M)[1])
    about = len(re.findall(r'map_update_elem|[Mm]ap full|dropped|[Ll]ost', text + ''.join(errors)))
    print('%-31s %d keys, all calls %d, lines about it: %d' % (name + ':', keys, calls, about))
    return keys, calls, about

default = look('default')
raised = look('BPFTRACE_MAP_KEYS_MAX=10000', limit='10000')
asked = look('-k', ['-k'])

control = raised == (5000, 5000, 0) and asked[:2] == (4096, 5000) and asked[2] > 0
same = default == (4096, 5000, 0)
print('control (a larger map holds all; -k speaks):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
unshare --net --mount bash -c '[ -e /sys/kernel/tracing/events ] || mount -t tracefs none /sys/kernel/tracing; exec python3 look.py'
