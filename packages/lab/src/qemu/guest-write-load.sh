#!/bin/sh
# Writes files to the root and, where there is one, to the data disk, each with fsync, until /run/write-load-stop exists.
# /run/write-load-count says how many rounds were done.
export PATH=/bin:/sbin
folders=/data/load
grep -q ' /mnt ' /proc/mounts && folders="$folders /mnt/load"
mkdir -p $folders
round=0
while [ ! -e /run/write-load-stop ]; do
  for folder in $folders; do
    dd if=/dev/urandom of=$folder/file-$((round % 50)) bs=4k count=$((1 + round % 16)) conv=fsync 2> /dev/null
  done
  round=$((round + 1))
  echo $round > /run/write-load-count
done
