#!/bin/sh
# Starts a tape library of two drives, a mail slot and three cartridges in library/, made there the first time: tgtd, in the
# background, on a loopback port. It takes Debian's package tgt.
# Usage: start-library.sh [PORT]
set -eu
port=${1:-13260}
library=$PWD/library
export PATH="$PATH:/usr/sbin:/sbin"
# A socket of its own for tgtadm: another tgtd of this machine is left alone.
export TGT_IPC_SOCKET="$library/control"
admin() { tgtadm --lld iscsi "$@"; }

if admin --mode sys --op show > /dev/null 2>&1; then
  echo 'The library runs already: ./stop-library.sh stops it.' >&2
  exit 1
fi
# tgtd cuts off the path of a cartridge at 127 bytes.
if [ ${#library} -gt 110 ]; then
  echo "$library is too long a path for tgtd." >&2
  exit 1
fi

image() { # FILE BARCODE MIB TYPE
  [ -e "$1" ] || tgtimg --op new --device-type tape --file "$1" --barcode "$2" --size "$3" --type "$4" > /dev/null
}
mkdir -p "$library/media"
for number in 1 2 3; do image "$library/media/TAPE000$number" "TAPE000$number" 128 data; done
# What an empty drive has in it, and where tgtd keeps what the changer is.
for drive in 1 2; do image "$library/empty$drive" EMPTY 1 clean; done
truncate -s 1024 "$library/changer"

rm -f "$library/control.0" "$library/control.0.lock"
tgtd --foreground --iscsi "portal=127.0.0.1:$port" > "$library/tgtd.log" 2>&1 &
pid=$!
echo "$pid" > "$library/tgtd.pid"
# Nothing is left behind when a step below fails.
trap 'kill -KILL "$pid" 2> /dev/null || true; rm "$library/tgtd.pid"' EXIT
until admin --mode sys --op show > /dev/null 2>&1; do
  kill -0 "$pid" 2> /dev/null || { cat "$library/tgtd.log" >&2; exit 1; }
  sleep 0.1
done

# Where the port is taken, tgtd goes on, and listens to everybody on its usual one.
admin --mode portal --op show | grep -q "^Portal: 127.0.0.1:$port," || { echo "Port $port is taken." >&2; exit 1; }

unit() { # LUN ARGUMENTS
  lun=$1
  shift
  admin --mode logicalunit --tid 1 --lun "$lun" "$@"
}
changer() { unit 3 --op update --params "$1"; }
admin --mode target --op new --tid 1 -T iqn.2026-01.example:library
for drive in 1 2; do
  unit $drive --op new --backing-store "$library/empty$drive" --device-type tape
  unit $drive --op update --params "vendor_id=IBM,product_id=ULT3580-TD5,product_rev=0001,scsi_sn=DRV00$drive,removable=1"
  unit $drive --op update --params online=0
done
unit 3 --op new --backing-store "$library/changer" --device-type changer
changer "media_home=$library/media"
# Element types: 1 robot, 2 slots, 3 mail slots, 4 drives.
changer element_type=1,start_address=1,quantity=1
changer element_type=4,start_address=256,quantity=2
changer element_type=4,address=256,tid=1,lun=1
changer element_type=4,address=257,tid=1,lun=2
changer element_type=3,start_address=768,quantity=1
changer element_type=2,start_address=1024,quantity=5
for number in 1 2 3; do
  changer "element_type=2,address=$((1023 + number)),barcode=TAPE000$number,sides=1"
done
# Only now may anybody log in.
admin --mode target --op bind --tid 1 --initiator-address 127.0.0.1
trap - EXIT
echo "a library of 2 drives and 3 cartridges, on port $port"
