#!/bin/sh
# Builds a small Linux guest that boots by itself: BIOS, MBR, syslinux on FAT, ext4 root. It needs no mount, no loop device
# and no root privilege. At boot the guest checks its files and prints VERIFY-OK or VERIFY-FAIL, then GUEST-READY.
# Usage: make-guest.sh OUT.raw
# Needs: linux-image-amd64 busybox-static cpio e2fsprogs fdisk syslinux syslinux-common mtools
set -eu
out=$1
export SOURCE_DATE_EPOCH=1700000000 PATH="$PATH:/usr/sbin:/sbin"
boot_mib=64 root_mib=190
kernel=$(ls /lib/modules | grep amd64 | sort -V | tail -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The initial RAM disk has drivers for every bus that a restore may choose, and looks for the root on each.
initrd=$work/initrd
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/proc" "$initrd/sys" "$initrd/root" "$initrd/modules"
cp /bin/busybox "$initrd/bin/"
for module in virtio_pci virtio_blk virtio_scsi sd_mod ata_piix ahci mptspi vmw_pvscsi ext4; do
  modprobe -S "$kernel" --show-depends "$module" | awk '/^insmod/ { print $2 }'
done | awk '!seen[$0]++' | grep -v -e crc32c-intel -e pclmul | while read -r file; do
  cp "$file" "$initrd/modules/"
  basename "$file" >> "$initrd/modules/order"
done
cat > "$initrd/init" <<'S'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
while read m; do $b insmod /modules/$m || echo "insmod $m failed"; done < /modules/order
i=0
while [ $i -lt 200 ]; do
  for root in /dev/vda2 /dev/sda2; do [ -b $root ] && break 2; done
  $b usleep 50000; i=$((i+1))
done
$b mount -t ext4 -o rw $root /root || { echo "GUEST-FAIL cannot mount $root"; $b poweroff -f; }
echo "GUEST-ROOT $root"
$b mount --move /dev /root/dev; $b mount --move /proc /root/proc; $b mount --move /sys /root/sys
exec $b switch_root /root /sbin/init
S
chmod +x "$initrd/init"
(cd "$initrd" && find . | sort | cpio -o -H newc --reproducible -R 0:0 --quiet) | gzip -1n > "$work/initrd.img"

root=$work/root
mkdir -p "$root/bin" "$root/sbin" "$root/dev" "$root/proc" "$root/sys" "$root/data"
cp /bin/busybox "$root/bin/"
for applet in sh cat sha256sum wc poweroff mount; do ln -s busybox "$root/bin/$applet"; done
for name in one two three; do
  head -c 3000000 /bin/busybox | cat - /etc/debian_version > "$root/data/$name.bin"
  echo "$name" >> "$root/data/$name.bin"
done
(cd "$root/data" && sha256sum -- *.bin > MANIFEST)
cat > "$root/sbin/init" <<'S'
#!/bin/sh
export PATH=/bin
cd /data
if sha256sum -c MANIFEST > /dev/null; then echo "VERIFY-OK $(wc -l < MANIFEST) files"; else echo VERIFY-FAIL; fi
echo GUEST-READY
poweroff -f
S
chmod +x "$root/sbin/init"
mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=0 -L root -d "$root" "$work/root.ext4" ${root_mib}M

truncate -s $((1 + boot_mib + root_mib))M "$out"
sectors=2048
printf 'label: dos\nstart=%d,size=%d,type=e,bootable\nstart=%d,size=%d,type=83\n' \
  $sectors $((boot_mib * sectors)) $(((boot_mib + 1) * sectors)) $((root_mib * sectors)) | sfdisk -q "$out"
truncate -s ${boot_mib}M "$work/boot.fat"
mformat -i "$work/boot.fat" -T $((boot_mib * sectors)) -h 255 -s 63 -H $sectors -v BOOT ::
printf 'DEFAULT l\nPROMPT 0\nTIMEOUT 0\nLABEL l\n KERNEL vmlinuz\n INITRD initrd.img\n APPEND console=ttyS0 %s\n' \
  'mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on quiet panic=-1' > "$work/syslinux.cfg"
cp "/boot/vmlinuz-$kernel" "$work/vmlinuz"
mcopy -i "$work/boot.fat" "$work/vmlinuz" "$work/initrd.img" "$work/syslinux.cfg" ::/
syslinux --install "$work/boot.fat"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$out" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot.fat" of="$out" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.ext4" of="$out" bs=1M seek=$((1 + boot_mib)) conv=notrunc,sparse status=none
