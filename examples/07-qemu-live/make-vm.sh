#!/bin/sh
# Makes a small Linux guest with a guest agent and a freeze hook: machines/<name>/root.qcow2. For a checkout of Holdfast only,
# on Debian; anywhere else put an image of your own there.
# Usage: make-vm.sh NAME
set -eu
vm=machines/$1
mkdir -p "$vm" scratch
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
node_modules/holdfast-lab/src/qemu/make-guest.sh "$made" console=ttyS0 quiet mitigations=off nokaslr \
  no_timer_check tsc=reliable random.trust_cpu=on panic=-1 holdfast.stay > /dev/null
qemu-img convert -O qcow2 "$made/guest.raw" "$vm/root.qcow2"
