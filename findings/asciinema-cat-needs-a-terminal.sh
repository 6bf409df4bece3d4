#!/usr/bin/env bash
# "asciinema cat", made for pipes, needs a terminal; "asciinema play" does not.
#
# Guess     "play" wants a terminal, "cat" prints a recording anywhere: in cron, CI or a container.
# Version   asciinema 2.2.0-1 (Debian 12).
# Happens   The reverse. "cat" opens /dev/tty before it prints anything and dies of an OSError where
#           the session has no terminal, although its output is a pipe. "play" tries /dev/tty too,
#           and does without. With a terminal both print the same.
# Seen      2026-11-29
#             no terminal:    play exit 0, b'one\r\ntwo\r\n'
#             no terminal:    cat exit 1, b'', OSError: [Errno 6] No such device or address: '/dev/tty'
#             on a terminal:  cat exit 0, b'one\r\ntwo\r\n'
# Who       Whoever checks recordings of a terminal program in CI by their text.
# Source    asciinema 2.2 commands/cat.py opens /dev/tty; player.py catches the failure.
# Needs     Debian 12, apt, python3. No network use.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
apt-get -q -o APT::Sandbox::User=root download asciinema=2.2.0-1 > /dev/null
dpkg-deb -x asciinema_*.deb .
export PYTHONPATH=$tmp/usr/lib/python3/dist-packages HOME=$tmp
cat > demo.cast << 'EOF'
{"version": 2, "width": 80, "height": 24}
[0.01, "o", "one\r\n"]
[0.02, "o", "two\r\n"]
EOF
/usr/bin/python3 << 'EOF'
import os, pty, subprocess, sys

PROGRAM = ['/usr/bin/python3', 'usr/bin/asciinema']

def without(command):
    done = subprocess.run([*PROGRAM, command, 'demo.cast'], stdin=subprocess.DEVNULL, capture_output=True,
                          start_new_session=True, timeout=20)
    last = done.stderr.decode().strip().split('\n')[-1]
    print('no terminal:    %s exit %d, %r%s' % (command, done.returncode, done.stdout, ', ' + last if last else ''))
    return done.returncode, done.stdout, last

def on_terminal(command):
    read, write = os.pipe()
    pid, master = pty.fork()
    if pid == 0:
        os.dup2(write, 1)
        os.execv(PROGRAM[0], [*PROGRAM, command, 'demo.cast'])
    os.close(write)
    with os.fdopen(read, 'rb') as f:
        text = f.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(master)
    print('on a terminal:  %s exit %d, %r' % (command, code, text))
    return code, text

text = b'one\r\ntwo\r\n'
play, cat = without('play'), without('cat')
control = on_terminal('cat') == (0, text)
same = play[:2] == (0, text) and cat[0] != 0 and cat[1] == b'' and '/dev/tty' in cat[2]
print('control (with a terminal, cat prints the recording):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
