#!/bin/bash
# Builds one guest: root disk, kernel and initramfs, from a Debian suite. It knows
# Debian and nothing of QEMU, of the project or of the cache that keeps the result.
#
# USAGE: rootfs.sh SUITE MIRROR DIRECTORY PACKAGE...   (as root)
# Leaves DIRECTORY/root.img, vmlinuz, initrd.img and versions, or no DIRECTORY at all,
# and what it did in SUITE.log beside it.
set -euo pipefail

suite=$1 mirror=$2 building=$3.building

# The outer half: one builder at a time, a rename at the end, and an inner half in a
# mount namespace of its own, so that nothing stays mounted however that one ends.
if [ "${LAB_INNER:-}" != yes ]; then
  mkdir -p "$(dirname "$3")"
  exec 9> "$(dirname "$3")/$suite.lock"
  flock 9
  [ ! -e "$3" ] || exit 0
  exec > "$(dirname "$3")/$suite.log" 2>&1
  rm -rf --one-file-system "$building"
  if LAB_INNER=yes unshare --mount --propagation private bash "$0" "$@" 9>&-; then
    mv "$building" "$3"
    exit 0
  fi
  rm -rf --one-file-system "$building"
  exit 1
fi

shift 3
root=$building/root
mkdir "$building"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
unset LD_PRELOAD

# debootstrap of Debian 12 has no script for later code names; all are sid's.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase "$suite" "$root" "$mirror" "$script"

# A power cut costs a rebuild, not data, so dpkg need not sync; nobody reads manuals.
cat > "$root/etc/dpkg/dpkg.cfg.d/lab" <<END
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
END
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

# A mirror may lag behind the week for which unstable's index is valid; debootstrap does
# not ask for the date either. Signatures are checked all the same, by both.
chroot "$root" apt-get -q -o Acquire::Check-Valid-Until=false update
# INITRD=No: Debian's own initramfs would take longer to build and to boot than ours.
INITRD=No chroot "$root" apt-get -q -y --no-install-recommends install "$@"

kernel=$(ls "$root/lib/modules" | sort -V | tail -1)
cp "$root/boot/vmlinuz-$kernel" "$building/vmlinuz"
[ -e "$root/lib/modules/$kernel/modules.dep" ] || chroot "$root" depmod "$kernel"

# The initramfs: busybox, and the modules between the kernel and its root disk.
# virtio_console is here because the guest has no udev that would load it.
early=$building/early
mkdir -p "$early"/{bin,dev,proc,sys,root,modules}
cp "$root/bin/busybox" "$early/bin/busybox"
for module in virtio_pci virtio_blk ext4 virtio_console; do
  chroot "$root" modprobe -S "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
while read -r path; do
  name=$(basename "$path"); name=${name%%.ko*}.ko
  case $path in
    *.xz) xz -dc "$root$path" ;;
    *.zst) zstd -qdc "$root$path" ;;
    *) cat "$root$path" ;;
  esac > "$early/modules/$name"
  echo "$name" >> "$early/modules/order"
done
cat > "$early/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read -r module; do
  /bin/busybox insmod "/modules/$module" || echo "lab: cannot load $module"
done < /modules/order
n=0
while [ ! -b /dev/vdb ] && [ $n -lt 500 ]; do n=$((n + 1)); /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount -t ext4 /dev/vdb /root/project
exec /bin/busybox switch_root /root /bin/bash /project/test/lab/guest-init.sh
END
chmod +x "$early/init"
(cd "$early" && find . | cpio -o -H newc --quiet) > "$building/initrd.img"

{
  echo "suite $suite"
  echo "kernel $kernel"
  for package in "$@"; do
    chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' "$package"
  done
} > "$building/versions"

chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/project" "$root/out"
echo lab > "$root/etc/hostname"
printf '127.0.0.1 localhost lab\n::1 localhost\n' > "$root/etc/hosts"
umount "$root/proc" "$root/sys"

# Sparse: the file takes only what the tree needs; the rest is room for a run's writes.
mke2fs -q -t ext4 -d "$root" -L lab -O ^has_journal -m 0 "$building/root.img" 4G
rm -rf "$root" "$early"
