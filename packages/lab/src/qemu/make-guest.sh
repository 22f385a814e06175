#!/bin/sh
# Builds a small Linux guest. It boots by itself (BIOS, MBR, syslinux on FAT, ext4 root) or from kernel and initial RAM disk.
# It needs no mount, no loop device and no root privilege. What the guest does is told in guest-init.sh.
# Usage: make-guest.sh FOLDER [WORDS for the kernel's command line when it boots by itself]
# Makes: FOLDER/guest.raw FOLDER/kernel FOLDER/initrd.img
# Needs: linux-image-amd64 kmod busybox-static qemu-guest-agent cpio e2fsprogs fdisk syslinux syslinux-common mtools xz-utils
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
out=$folder/guest.raw
export SOURCE_DATE_EPOCH=1700000000 PATH="$PATH:/usr/sbin:/sbin"
boot_mib=64 root_mib=190
version=$(ls /lib/modules | grep amd64 | sort -V | tail -1)
bzimage=/boot/vmlinuz-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An emulated machine takes two seconds to unpack a kernel, so it gets one that is unpacked (Linux, x86 boot protocol 2.08).
number() { od -An -t "u$2" -j "$1" -N "$2" "$bzimage" | tr -d ' '; }
start=$((($(number 497 1) + 1) * 512 + $(number 584 4)))
tail -c +$((start + 1)) "$bzimage" | head -c "$(number 588 4)" > "$work/payload"
if ! xz -dcq --single-stream "$work/payload" > "$folder/kernel"; then cp "$bzimage" "$folder/kernel"; fi &
unpacking=$!

# The initial RAM disk has drivers for every bus that a restore may choose, and looks for the root on each.
initrd=$work/initrd
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/proc" "$initrd/sys" "$initrd/root" "$initrd/modules"
cp /bin/busybox "$initrd/bin/"
cp "$here/guest-initrd.sh" "$initrd/init"
chmod 755 "$initrd/init"
drivers() { for module in "$@"; do modprobe -S "$version" --show-depends "$module"; done | awk '/^insmod/ { print $2 }'; }
drivers virtio_pci virtio_blk virtio_console ext4 > "$work/first"
drivers virtio_scsi sd_mod ata_piix ahci mptspi vmw_pvscsi > "$work/others"
for list in first others; do
  awk '!seen[$0]++' "$work/$list" | grep -v -e crc32c-intel -e pclmul | while read -r file; do
    name=$(basename "$file")
    [ ! -e "$initrd/modules/$name" ] || continue
    cp "$file" "$initrd/modules/"
    echo "$name" >> "$initrd/modules/$list"
  done
done
(cd "$initrd" && find . | sort | cpio -o -H newc --reproducible -R 0:0 --quiet) | gzip -1n > "$folder/initrd.img"

root=$work/root
mkdir -p "$root/bin" "$root/sbin" "$root/etc/qemu" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp" \
  "$root/mnt" "$root/data"
cp /bin/busybox "$root/bin/"
busybox --list | grep -vx busybox | while read -r applet; do ln -s busybox "$root/bin/$applet"; done
agent=$(command -v qemu-ga)
cp "$agent" "$root/sbin/"
ldd "$agent" | awk '$3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp -L "$library" "$root$library"
done
cp "$here/guest-init.sh" "$root/sbin/init"
cp "$here/guest-freeze-hook.sh" "$root/etc/qemu/fsfreeze-hook"
cp "$here/guest-write-load.sh" "$root/sbin/write-load"
chmod 755 "$root/sbin/init" "$root/etc/qemu/fsfreeze-hook" "$root/sbin/write-load"
for name in one two three; do
  head -c 3000000 /bin/busybox | cat - /etc/debian_version > "$root/data/$name.bin"
  echo "$name" >> "$root/data/$name.bin"
done
(cd "$root/data" && sha256sum -- *.bin > MANIFEST)
mke2fs -q -t ext4 -E root_owner=0:0,lazy_itable_init=0 -L root -d "$root" "$work/root.ext4" ${root_mib}M

truncate -s $((1 + boot_mib + root_mib))M "$out"
sectors=2048
printf 'label: dos\nstart=%d,size=%d,type=e,bootable\nstart=%d,size=%d,type=83\n' \
  $sectors $((boot_mib * sectors)) $(((boot_mib + 1) * sectors)) $((root_mib * sectors)) | sfdisk -q "$out"
truncate -s ${boot_mib}M "$work/boot.fat"
mformat -i "$work/boot.fat" -T $((boot_mib * sectors)) -h 255 -s 63 -H $sectors -v BOOT ::
printf 'DEFAULT l\nPROMPT 0\nTIMEOUT 0\nLABEL l\n KERNEL vmlinuz\n INITRD initrd.img\n APPEND %s\n' "$*" > "$work/syslinux.cfg"
cp "$bzimage" "$work/vmlinuz"
mcopy -i "$work/boot.fat" "$work/vmlinuz" "$folder/initrd.img" "$work/syslinux.cfg" ::/
syslinux --install "$work/boot.fat"
dd if=/usr/lib/syslinux/mbr/mbr.bin of="$out" bs=440 count=1 conv=notrunc status=none
dd if="$work/boot.fat" of="$out" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.ext4" of="$out" bs=1M seek=$((1 + boot_mib)) conv=notrunc,sparse status=none
wait $unpacking
