#!/bin/busybox sh
# First program of the guest: loads the drivers, finds the root file system and hands over to it.
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
load() { while read m; do $b insmod /modules/$m || echo "insmod $m failed"; done < /modules/$1; }
load first
[ -b /dev/vda2 ] || load others
i=0
while [ $i -lt 200 ]; do
  for root in /dev/vda2 /dev/sda2; do [ -b $root ] && break 2; done
  $b usleep 50000; i=$((i+1))
done
# From here on the console shows what file systems and disks have to say, such as "recovery complete".
$b dmesg -n 7
$b mount -t ext4 -o rw $root /root || { echo "GUEST-FAIL cannot mount $root"; $b poweroff -f; }
echo "GUEST-ROOT $root"
$b mount --move /dev /root/dev; $b mount --move /proc /root/proc; $b mount --move /sys /root/sys
exec $b switch_root /root /sbin/init
