#!/usr/bin/env bash
# One capture that was cut off makes mergecap drop the packets of the whole ones.
#
# Guess     mergecap writes every packet that can be read: two from the file that a crash cut in
#           its third packet, and all hundred from the intact one. Exit 2 for the cut.
# Version   wireshark-common 4.0.17-0+deb12u3 (Debian 12).
# Happens   It stops at the cut, in time order (with -a: in file order). What the intact files hold
#           after that moment is not written, and the message speaks of the cut file only. editcap
#           copies the same cut file up to the cut and exits 0; its copy merges whole.
# Seen      2026-11-29: cut file 2 packets and a piece, intact file 100
#             mergecap cut whole:     exit 2, 3 packets
#             mergecap -a cut whole:  exit 2, 2 packets
#             mergecap -a whole cut:  exit 2, 102 packets
#             editcap cut mended:     exit 0, 2 packets
#             mergecap mended whole:  exit 0, 102 packets
# Who       Somebody who merges captures of several hosts or workers after one of them died: the
#           file opens, begins well and ends when the first host did.
# Source    wireshark wiretap/merge.c ends the loop on the first read error.
# Needs     Debian 12, apt, python3. No network use.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
package=wireshark-common=4.0.17-0+deb12u3
mapfile -t missing < <(apt-get -s install --no-install-recommends "$package" | awk '/^Inst/ && $2 != "wireshark-common" { print $2 }')
apt-get -q -o APT::Sandbox::User=root download "$package" "${missing[@]}" > /dev/null
for deb in *.deb; do dpkg-deb -x "$deb" .; done
export LD_LIBRARY_PATH=$tmp/usr/lib/x86_64-linux-gnu:$tmp/lib/x86_64-linux-gnu HOME=$tmp

python3 << 'EOF'
import os, re, struct, subprocess, sys

def capture(name, start, packets):
    ip = bytes.fromhex('4500001c00000000401100007f0000017f000001')
    frame = bytes(12) + b'\x08\x00' + ip + struct.pack('!HHHH', 1000, 53, 8, 0)
    with open(name, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(packets):
            f.write(struct.pack('<IIII', start + i, 0, len(frame), len(frame)) + frame)

def run(*argv):
    done = subprocess.run(['usr/bin/' + argv[0], *argv[1:]], capture_output=True, text=True)
    return done.returncode

def packets(name):
    with open(name, 'rb') as f:
        data = f.read()
    count, at = 0, 24
    while at + 16 <= len(data):
        size = struct.unpack_from('<I', data, at + 8)[0]
        if at + 16 + size > len(data):
            break
        count, at = count + 1, at + 16 + size
    return count

def look(label, argv, out):
    seen = (run(*argv), packets(out))
    print('%-23s exit %d, %d packets' % (label + ':', *seen))
    return seen

capture('cut', 1700000000, 3)
os.truncate('cut', os.path.getsize('cut') - 5)
capture('whole', 1700000001, 100)
merge = ['mergecap', '-F', 'pcap', '-w', 'out']
plain = look('mergecap cut whole', [*merge, 'cut', 'whole'], 'out')
append = look('mergecap -a cut whole', [*merge, '-a', 'cut', 'whole'], 'out')
last = look('mergecap -a whole cut', [*merge, '-a', 'whole', 'cut'], 'out')
mended = look('editcap cut mended', ['editcap', '-F', 'pcap', 'cut', 'mended'], 'mended')
control = look('mergecap mended whole', [*merge, 'mended', 'whole'], 'out')

ok = control == (0, 102)
same = plain == (2, 3) and append == (2, 2) and last == (2, 102) and mended == (0, 2)
print('control (whole files merge whole):', 'ok' if ok else 'FAILED')
print('as stated' if ok and same else 'CHANGED')
sys.exit(0 if ok and same else 1)
EOF
