#!/usr/bin/env bash
# close() of a listener does not end it while io_uring accepts on it: it keeps its share.
#
# Guess     The worker closes its only descriptor of a listening socket. Pending accepts fail, the
#           socket leaves its SO_REUSEPORT group, and the port is free for the next bind().
# Kernel    6.18.44.
# Happens   The accept request that io_uring has in flight holds the file, not the descriptor. A
#           multishot accept never ends by itself, so the socket goes on listening and taking its
#           half of the connections, which arrive in the ring as new descriptors. It is in no
#           /proc/PID/fd, so "ss -p", lsof and fuser name no owner; to everybody else the port is
#           taken. Cancelling the request ends it.
# Seen      2026-11-29, two listeners on one port, A accepts through io_uring; 60 connections each
#             A open:            A 30, B 30; descriptors of A in /proc: 1; listening sockets: 2
#             A closed:          A 24, B 36; descriptors of A in /proc: 0; listening sockets: 2
#             bind() without SO_REUSEPORT after B closed too: EADDRINUSE
#             request cancelled: listening sockets: 0; bind(): ok
# Who       Draining a worker of an io_uring server: it closes its listener, and half of all new
#           connections still land in it. Finding the owner of a port that no process seems to hold.
# Source    io_uring_enter(2) and io_uring_prep_multishot_accept(3): a request keeps its file until
#           it completes; IORING_OP_ASYNC_CANCEL ends it.
# Needs     Debian 12, root, python3, iproute2, util-linux; a kernel of 5.19 or newer that allows
#           io_uring, x86_64 or arm64. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import ctypes, errno, mmap, os, select, socket, struct, sys

SETUP, ENTER = 425, 426
ACCEPT, CANCEL, MULTISHOT = 13, 14, 1

class Ring:
    """The least of io_uring: one request at a time goes in, completions come out."""
    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        params = ctypes.create_string_buffer(120)
        self.fd = self.libc.syscall(SETUP, 256, params)
        if self.fd < 0:
            sys.exit('io_uring_setup: ' + os.strerror(ctypes.get_errno()))
        entries, completions = struct.unpack_from('II', params)
        self.sq = struct.unpack_from('IIIIIII', params, 40)  # head tail mask entries flags dropped array
        self.cq = struct.unpack_from('IIIIII', params, 80)   # head tail mask entries overflow cqes
        size = max(self.sq[6] + 4 * entries, self.cq[5] + 16 * completions)
        self.ring = mmap.mmap(self.fd, size, mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=0)
        self.sqes = mmap.mmap(self.fd, 64 * entries, mmap.MAP_SHARED | mmap.MAP_POPULATE, offset=0x10000000)

    def word(self, at):
        return struct.unpack_from('I', self.ring, at)[0]

    def submit(self, opcode, priority=0, fd=-1, address=0, data=0):
        tail = self.word(self.sq[1])
        slot = tail & self.word(self.sq[2])
        struct.pack_into('BBHiQQIIQ24x', self.sqes, 64 * slot, opcode, 0, priority, fd, 0, address, 0, 0, data)
        struct.pack_into('I', self.ring, self.sq[6] + 4 * slot, slot)
        struct.pack_into('I', self.ring, self.sq[1], tail + 1)
        if self.libc.syscall(ENTER, self.fd, 1, 0, 0, None, 0) != 1:
            sys.exit('io_uring_enter: ' + os.strerror(ctypes.get_errno()))

    def results(self, data):
        """Runs what the kernel has put off, then takes all completions."""
        self.libc.syscall(ENTER, self.fd, 0, 0, 1, None, 0)  # IORING_ENTER_GETEVENTS
        found = []
        while (head := self.word(self.cq[0])) != self.word(self.cq[1]):
            at = self.cq[5] + 16 * (head & self.word(self.cq[2]))
            tag, result = struct.unpack_from('Qi', self.ring, at)
            struct.pack_into('I', self.ring, self.cq[0], head + 1)
            if tag == data:
                found.append(result)
        return found

def listener(share=1):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not count
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
    s.bind(('127.0.0.1', 8080))
    s.listen(100)
    s.setblocking(False)
    return s

def bind():
    try:
        listener(0).close()
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]

def listening():
    with open('/proc/net/tcp') as f:
        return sum(row[1].endswith(':1F90') and row[3] == '0A' for row in map(str.split, f))

def descriptors():
    links = []
    for fd in os.listdir('/proc/self/fd'):
        try:
            links.append(os.readlink('/proc/self/fd/' + fd))
        except FileNotFoundError:
            pass
    return links.count('socket:[%d]' % inode)

def share(name):
    clients = [socket.create_connection(('127.0.0.1', 8080)) for _ in range(60)]
    ours = [fd for fd in ring.results(1) if fd >= 0]
    for fd in ours:
        os.close(fd)
    theirs = 0
    while select.select([b], [], [], 0)[0]:
        b.accept()[0].close()
        theirs += 1
    for client in clients:
        client.close()
    seen = len(ours), theirs, descriptors(), listening()
    print('%-18s A %d, B %d; descriptors of A in /proc: %d; listening sockets: %d' % (name + ':', *seen))
    return seen

ring, a, b = Ring(), listener(), listener()
inode = os.fstat(a.fileno()).st_ino
ring.submit(ACCEPT, MULTISHOT, a.fileno(), data=1)
before = share('A open')
a.close()
after = share('A closed')
b.close()
taken = bind()
print('bind() without SO_REUSEPORT after B closed too: ' + taken)
ring.submit(CANCEL, address=1, data=2)
ended = ring.results(1)
left, free = listening(), bind()
print('request cancelled: listening sockets: %d; bind(): %s' % (left, free))

control = (min(before[:2]) > 0 and sum(before[:2]) == 60 and before[2:] == (1, 2)
           and ended == [-errno.ECANCELED] and left == 0 and free == 'ok')
same = min(after[:2]) > 0 and sum(after[:2]) == 60 and after[2:] == (0, 2) and taken == 'EADDRINUSE'
print('control (both serve before; a cancel frees the port):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
