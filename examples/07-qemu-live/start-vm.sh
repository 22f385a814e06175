#!/bin/sh
# Starts the machine of machines/<name>, disk root.qcow2, with a monitor and a channel for its guest agent, in the background.
# Usage: start-vm.sh NAME [arguments for QEMU]
set -eu
name=$1
shift
vm=$PWD/machines/$name
exec qemu-system-x86_64 -name "$name" -machine "accel=${ACCEL:-kvm:tcg}" -m 512 -nic none -display none \
  -blockdev "driver=file,node-name=file0,filename=$vm/root.qcow2" -blockdev driver=qcow2,node-name=disk0,file=file0 \
  -device virtio-blk-pci,drive=disk0,id=root \
  -qmp "unix:$vm/qmp.sock,server=on,wait=off" \
  -device virtio-serial-pci -chardev "socket,id=agent,path=$vm/agent.sock,server=on,wait=off" \
  -device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 \
  -serial "file:$vm/console.log" -daemonize -pidfile "$vm/qemu.pid" "$@"
