#!/bin/sh
# The guest's init. It mounts a second disk that holds ext4 at /mnt, starts the guest agent where there is a channel for
# one, checks its files and prints VERIFY-OK or VERIFY-FAIL, then GUEST-READY. Then it powers off, unless the kernel's
# command line has the word holdfast.stay.
export PATH=/bin:/sbin
mount -t tmpfs run /run; mount -t tmpfs tmp /tmp

for disk in /dev/vdb /dev/sdb; do
  if [ -b $disk ] && mount -t ext4 $disk /mnt; then echo "GUEST-DATA $disk"; break; fi
done

# The state of the agent is on tmpfs: on a file system that it freezes it would wait for itself.
for port in /sys/class/virtio-ports/*; do
  [ "$(cat $port/name 2> /dev/null)" = org.qemu.guest_agent.0 ] || continue
  qemu-ga -d -m virtio-serial -p /dev/${port##*/} -t /run -f /run/qga.pid -l /run/qga.log -F/etc/qemu/fsfreeze-hook &&
    echo "GUEST-AGENT ${port##*/}"
done

verdict=VERIFY-OK files=0
for folder in /data /mnt; do
  [ -f $folder/MANIFEST ] || continue
  files=$((files + $(wc -l < $folder/MANIFEST)))
  (cd $folder && sha256sum -c MANIFEST > /run/verify.log 2>&1) || { verdict=VERIFY-FAIL; grep -v ': OK$' /run/verify.log; }
done
echo "$verdict $files files state=$(cat /data/.app-state 2> /dev/null || echo none)"
echo "GUEST-READY up=$(cut -d ' ' -f 1 /proc/uptime)"
if ! grep -qw holdfast.stay /proc/cmdline; then
  umount /mnt 2> /dev/null
  mount -o remount,ro /
  poweroff -f
fi
while :; do sleep 3600; done
