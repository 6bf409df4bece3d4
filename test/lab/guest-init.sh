#!/bin/bash
# Process 1 of a guest: mounts what a server has mounted, runs the job of the host and
# reports. It knows nothing of tests; the job is /project/.lab/job, written by boot.ts.

# Where this gives up, it exits: the kernel panics, QEMU ends, the console says why.

# As systemd mounts them; by one mount process, for each costs 0.1 s under emulation.
echo 'proc /proc proc
sysfs /sys sysfs
devtmpfs /dev devtmpfs
devpts /dev/pts devpts gid=5,mode=620,ptmxmode=000,X-mount.mkdir
tmpfs /dev/shm tmpfs mode=1777,X-mount.mkdir
tmpfs /run tmpfs mode=755
tmpfs /run/lock tmpfs mode=1777,X-mount.mkdir
tmpfs /tmp tmpfs mode=1777
tracefs /sys/kernel/tracing tracefs
debugfs /sys/kernel/debug debugfs
bpf /sys/fs/bpf bpf mode=700
cgroup2 /sys/fs/cgroup cgroup2' > /etc/fstab
mount -a
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
hostname lab
ip link set lo up
# The limits that systemd gives a service.
ulimit -Hn 524288; ulimit -Sn 1024

export HOME=/root LANG=C.UTF-8 TERM=xterm
export PATH=/project/.lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd /project
source .lab/settings || exit # lab_mark, lab_shell

# Without udev a virtio port has no name in /dev, and may show up late.
port() {
  local n path name
  for ((n = 0; n < 500; n++)); do
    for path in /sys/class/virtio-ports/*; do
      if read -r name 2>/dev/null < "$path/name" && [ "$name" = "$1" ]; then
        echo "/dev/${path##*/}"
        return
      fi
    done
    sleep 0.02
  done
  echo "lab: no port named $1" > /dev/console
  return 1
}
out=$(port lab.out) && err=$(port lab.err) && files=$(port lab.files) || exit

# Through cat, because only one process can have a port open, while a job may well
# open /dev/stdout again, and because pipes are what programs meet elsewhere.
exec 3> >(exec cat > "$out"); out_cat=$!
exec 4> >(exec cat > "$err"); err_cat=$!

read -r uptime _ < /proc/uptime
echo "lab: ready after $uptime s" > /dev/console
if [ -n "$lab_shell" ]; then
  setsid -c -w bash .lab/job </dev/hvc0 >/dev/hvc0 2>&1 3>&- 4>&-
else
  bash .lab/job </dev/null >&3 2>&4 3>&- 4>&-
fi
code=$?

# What the job left running holds its output open. Kernel threads do not mind.
for process in /proc/[0-9]*; do
  process=${process#/proc/}
  case " 1 $out_cat $err_cat " in
    *" $process "*) ;;
    *) kill -9 "$process" 2>/dev/null ;;
  esac
done
exec 3>&- 4>&-
wait "$out_cat" "$err_cat"

# The mark and the exit code end each stream; the host stops QEMU when it has all three.
mark=$(printf '%s%03d\n' "$lab_mark" "$code")
tar -C /out -cf "$files" .
for stream in "$out" "$err" "$files"; do
  echo "$mark" > "$stream"
done
sleep 5
echo o > /proc/sysrq-trigger
sleep 60
