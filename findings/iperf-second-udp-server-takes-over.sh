#!/usr/bin/env bash
# A second "iperf -s -u" starts without a word and takes the first one's clients.
#
# Guess     The port is in use, and the second server fails, as a second "iperf -s" (TCP) does.
# Version   iperf 2.1.8+dfsg-1 (Debian 12), Linux 6.18.
# Happens   iperf sets SO_REUSEADDR on both. For TCP that does not let two sockets listen. For UDP it
#           lets both bind, and the kernel gives each new datagram to the socket that was bound
#           last: not a half, as with SO_REUSEPORT, but all. The first server prints nothing. When
#           the second one ends, the first gets its clients back.
# Seen      2026-11-29
#             TCP: second server: listener bind failed: Address already in use
#             UDP: second server: running
#             UDP: client 1 reported by server 2, client 2 (server 2 is gone) by server 1
# Who       A measurement host where a server was left running: figures land in a log that nobody
#           reads. ss shows two sockets on a port without SO_REUSEPORT, which looks impossible.
# Source    socket(7), SO_REUSEADDR; Linux udp4_lib_lookup2() keeps the first of equal scores, and
#           udp_lib_get_port() puts the newest socket first.
# Needs     Debian 12, root, apt, iproute2, util-linux. Own network namespace.
set -euo pipefail
self=$(realpath "$0")

if [ $# -eq 0 ]; then
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  apt-get -q -o APT::Sandbox::User=root download iperf=2.1.8+dfsg-1 > /dev/null
  dpkg-deb -x iperf_*.deb .
  unshare --net --pid --fork --kill-child --mount-proc bash "$self" "$tmp"
  exit
fi

cd "$1"
ip link set lo up
wait_for() { # file, text
  for _ in $(seq 100); do
    if grep -q "$2" "$1"; then return; fi
    sleep 0.1
  done
  echo "no \"$2\" in $1:"
  cat "$1"
  exit 1
}
who_reported() { # which server's log has a new result line
  for _ in $(seq 100); do
    for log in udp1 udp2; do
      if [ "$(grep -c ' 0.0000-.*Lost\|%)' $log || true)" -gt "$(cat $log.seen)" ]; then
        grep -c ' 0.0000-.*Lost\|%)' $log > $log.seen
        echo "${log#udp}"
        return
      fi
    done
    sleep 0.1
  done
  echo none
}
echo 0 > udp1.seen
echo 0 > udp2.seen

usr/bin/iperf -s -p 5001 > tcp1 2>&1 &
wait_for tcp1 'Server listening'
usr/bin/iperf -s -p 5001 > tcp2 2>&1 || true
echo "TCP: second server: $(grep -m 1 'failed' tcp2 || echo running)"

usr/bin/iperf -s -u -p 5002 > udp1 2>&1 &
wait_for udp1 'Server listening'
usr/bin/iperf -s -u -p 5002 > udp2 2>&1 &
second=$!
wait_for udp2 'Server listening'
state=ended
if kill -0 "$second" 2> /dev/null; then state=running; fi
echo "UDP: second server: $state"
usr/bin/iperf -u -c 127.0.0.1 -p 5002 -b 1M -t 1 > client1 2>&1
first=$(who_reported)
{ kill -9 "$second" && wait "$second"; } 2> /dev/null || true
usr/bin/iperf -u -c 127.0.0.1 -p 5002 -b 1M -t 1 > client2 2>&1
then=$(who_reported)
echo "UDP: client 1 reported by server $first, client 2 (server 2 is gone) by server $then"

if grep -q 'Address already in use' tcp2 && [ "$then" = 1 ]; then control=ok; else control=FAILED; fi
echo "control (TCP refuses the second, the first UDP server works alone): $control"
if [ "$control" = ok ] && [ "$state" = running ] && [ "$first" = 2 ]; then
  echo 'as stated'
else
  echo CHANGED
  exit 1
fi
