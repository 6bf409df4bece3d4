#!/usr/bin/env bash
# UdpInDatagrams counts what programs have read: a stuck worker's datagrams are in no counter.
#
# Guess     Udp InDatagrams counts datagrams that arrived and were delivered to a socket. What is
#           lost afterwards shows in InErrors or RcvbufErrors.
# Kernel    6.18.44.
# Happens   The counter moves when recv() takes the datagram out. What waits in a queue is counted
#           nowhere; what is still there when the socket closes (worker killed, reload) is thrown
#           away and stays counted nowhere: no Udp counter, no drops. Only IpInDelivers saw it.
# Seen      2026-11-29, 50 datagrams each; counters that moved, of Udp, and IpInDelivers
#             sent, not read:         OutDatagrams +50, IpInDelivers +50
#             then read:              InDatagrams +50
#             sent, then closed:      OutDatagrams +50, IpInDelivers +50
#             sent to no socket:      NoPorts +50, OutDatagrams +50, IpInDelivers +100 (ICMP)
# Who       Looking for lost datagrams after a reload or beside a hung worker: netstat, nstat and
#           every exporter of /proc/net/snmp show a healthy host, with less traffic.
# Source    udp_recvmsg() increments UDP_MIB_INDATAGRAMS; udp_destruct_common() frees the queue and
#           counts nothing. RFC 4113 says "delivered to UDP users".
# Needs     Debian 12, root, python3, iproute2, util-linux. Own network namespace.
set -euo pipefail
uname -r
unshare --net bash -c 'ip link set lo up
  sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000
  exec python3 -' << 'EOF'
import socket, sys

def counters():
    values = {}
    with open('/proc/net/snmp') as f:
        lines = f.read().splitlines()
    for names, numbers in zip(lines[::2], lines[1::2]):
        table = names.split(':')[0]
        for name, number in zip(names.split()[1:], numbers.split()[1:]):
            if table == 'Udp':
                values[name] = int(number)
            elif (table, name) == ('Ip', 'InDelivers'):
                values['IpInDelivers'] = int(number)
    return values

def look(name, action):
    before = counters()
    action()
    after = counters()
    moved = {k: after[k] - before[k] for k in after if after[k] != before[k]}
    print('%-23s %s' % (name + ':', ', '.join('%s +%d' % (k, moved[k]) for k in sorted(moved, key=lambda k: k[:2] == 'Ip'))))
    return moved

def opened():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 8080))
    return s

def send():
    for _ in range(50):
        client.sendto(b'x', ('127.0.0.1', 8080))

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(('127.0.0.1', 0))
server = opened()
sent = look('sent, not read', send)
read = look('then read', lambda: [server.recv(100, socket.MSG_DONTWAIT) for _ in range(50)])
closed = look('sent, then closed', lambda: (send(), server.close()))
none = look('sent to no socket', send)

control = none.get('NoPorts') == 50 and read == {'InDatagrams': 50}
same = sent == closed == {'OutDatagrams': 50, 'IpInDelivers': 50}
print('control (reads and closed ports are counted):', 'ok' if control else 'FAILED')
print('as stated' if control and same else 'CHANGED')
sys.exit(0 if control and same else 1)
EOF
