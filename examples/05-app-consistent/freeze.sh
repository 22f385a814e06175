#!/bin/sh
# Brings the shop to rest: no new orders, and those it holds in memory go to its disk.
set -eu
touch app/frozen
dd if=app/pending of=machines/shop/data.raw bs=4096 conv=notrunc,fsync status=none
