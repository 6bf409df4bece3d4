#!/usr/bin/env bash
# Who may join a shared port is decided by the owner of the socket file, which fchown() changes.
#
# Guess     SO_REUSEPORT asks for the same effective user at bind(): socket(7) says that all
#           sockets must be bound by processes of one effective UID.
# Kernel    6.18.44.
# Happens   The user at bind() does not count. The socket has the owner of its inode: the user that
#           called socket(), or whom fchown() has named since. A socket made as root and bound after
#           dropping privileges may share with root and not with others of the user who binds it.
# Seen      2026-11-29, a listener of root on the port; a second socket, made and bound by
#             made root, bound root:                ok
#             made 1000, bound 1000:                EADDRINUSE
#             made root, bound 1000:                ok
#             made 1000, bound root:                EADDRINUSE
#             made root, fchown 1000, bound root:   EADDRINUSE
#             made 1000, fchown root, bound 1000:   ok
# Who       Rolling upgrades of daemons that drop privileges: whether the new copy may share depends
#           on where in its start it calls socket(), not on whom it runs as. "Address already in
#           use" between two processes that ps shows under one user.
# Source    sockfs_setattr() copies the owner to sk_uid; inet_bind_conflict() and
#           inet_reuseport_add_sock() compare sk_uid.
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up; exec python3 -' << 'EOF'
import errno, os, socket, sys

def made(user):
    os.seteuid(user)
    s = socket.socket()
    os.seteuid(0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return s

def bound(s, user):
    os.seteuid(user)
    try:
        s.bind(('127.0.0.1', 8080))
        s.listen()
        return 'ok'
    except OSError as e:
        return errno.errorcode[e.errno]
    finally:
        os.seteuid(0)
        s.close()

def look(maker, binder, owner=None):
    s = made(maker)
    if owner is not None:
        os.fchown(s.fileno(), owner, -1)
    result = bound(s, binder)
    name = {0: 'root', 1000: '1000'}
    middle = '' if owner is None else ', fchown ' + name[owner]
    print('%-37s %s' % ('made %s%s, bound %s:' % (name[maker], middle, name[binder]), result))
    return result

first = made(0)
first.bind(('127.0.0.1', 8080))
first.listen()
same_user, other_user = look(0, 0), look(1000, 1000)
dropped, raised = look(0, 1000), look(1000, 0)
given, taken = look(0, 0, 1000), look(1000, 1000, 0)

control = (same_user, other_user) == ('ok', 'EADDRINUSE')
same = (dropped, raised, given, taken) == ('ok', 'EADDRINUSE', 'EADDRINUSE', 'ok')
print('control (same user may, another may not):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
