#!/bin/sh
# Stops the library that start-library.sh started. Cartridges stay as they are; the next start has them in their first slots.
set -eu
library=$PWD/library
export PATH="$PATH:/usr/sbin:/sbin" TGT_IPC_SOCKET="$library/control"
# tgtd ends only when it has no target.
tgtadm --lld iscsi --mode target --op delete --force --tid 1
tgtadm --lld iscsi --mode sys --op delete
while tgtadm --lld iscsi --mode sys --op show > /dev/null 2>&1; do sleep 0.1; done
rm "$library/tgtd.pid"
