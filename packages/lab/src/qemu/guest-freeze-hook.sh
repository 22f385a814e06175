#!/bin/sh
# Freeze hook of the guest, which stands for an application: before a freeze it brings its file to rest, after it goes on.
# A file /run/hook-fail makes the freeze fail, /run/hook-sleep makes it take as many seconds as the file says.
# Its log is on tmpfs: the root is about to be frozen.
export PATH=/bin:/sbin
echo "$(cut -d ' ' -f 1 /proc/uptime) $1" >> /run/hook.log
case $1 in
  freeze)
    [ -e /run/hook-sleep ] && sleep "$(cat /run/hook-sleep)"
    [ -e /run/hook-fail ] && exit 1
    echo quiesced > /data/.app-state
    sync
    ;;
  thaw) echo running > /data/.app-state ;;
esac
exit 0
