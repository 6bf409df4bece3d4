#!/usr/bin/env bash
# shutdown() of a UDP socket says ENOTCONN, ends its reader, and leaves it in the group.
#
# Guess     shutdown() on an unconnected UDP socket fails with ENOTCONN and, having failed, changes
#           nothing. Or it works, and then the socket takes no more datagrams.
# Kernel    6.18.44.
# Happens   Neither. It returns ENOTCONN and wakes a blocked recv() with 0 bytes, as at the end of a
#           stream. But the socket stays in its SO_REUSEPORT group and goes on being sent its
#           share, which waits in the queue of a socket whose reader thinks it is over; recv()
#           still returns it. And poll() says "readable" for ever, on an empty queue too, where
#           a non-blocking recv() says EAGAIN: an event loop spins.
# Seen      2026-11-29, two sockets, 60 datagrams
#             before: A 26, B 34
#             shutdown(A, SHUT_RD): ENOTCONN; the recv() that waited in A: 0 bytes
#             after:  A 31, B 29; A read empty: poll() says readable: True, recv(): EAGAIN
# Who       Stopping a worker thread: shutdown() is the usual way to wake it from recv(). Until
#           close() it holds half of the traffic, and no counter tells.
# Source    inet_shutdown() sets sk_shutdown and wakes pollers although it returns -ENOTCONN;
#           reuseport_select_sock() does not look at sk_shutdown.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, select, socket, sys, threading, time

def opened():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(('127.0.0.1', 8080))
    return s

def datagrams(s):
    n = 0
    while True:
        try:
            if not s.recv(100, socket.MSG_DONTWAIT):
                return n
            n += 1
        except BlockingIOError:
            return n

def shares():
    for _ in range(60):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b'x', ('127.0.0.1', 8080))
    return datagrams(a), datagrams(b)

def waiting(thread):
    with open('/proc/self/task/%d/syscall' % thread.native_id) as f:
        return f.read().startswith(('45 ', '207 '))  # recvfrom on x86_64, arm64

a, b = opened(), opened()
before = shares()
print('before: A %d, B %d' % before)

woken = []
reader = threading.Thread(target=lambda: woken.append(len(a.recv(100))), daemon=True)
reader.start()
deadline = time.time() + 10
while not waiting(reader):
    if time.time() > deadline:
        sys.exit('the reader does not wait in recv()')
    time.sleep(0.01)
try:
    a.shutdown(socket.SHUT_RD)
    result = 'ok'
except OSError as e:
    result = errno.errorcode[e.errno]
reader.join(10)
print('shutdown(A, SHUT_RD): %s; the recv() that waited in A: %s' % (result, '%d bytes' % woken[0] if woken else 'still waits'))
poll = select.poll()
poll.register(a, select.POLLIN | select.POLLRDHUP)
after = shares()
ready = poll.poll(0) == [(a.fileno(), select.POLLIN | select.POLLRDHUP)]
try:
    empty = '%d bytes' % len(a.recv(100, socket.MSG_DONTWAIT))
except OSError as e:
    empty = errno.errorcode[e.errno]
print('after:  A %d, B %d; A read empty: poll() says readable: %s, recv(): %s' % (*after, ready, empty))

control = min(before) > 0 and sum(before) == 60
same = result == 'ENOTCONN' and woken == [0] and min(after) > 0 and sum(after) == 60 and ready and empty == 'EAGAIN'
print('control (both serve before):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
