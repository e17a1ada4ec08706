#!/bin/bash
# Downloads a torrent with aria2 and ends when it is complete. aria2 goes on seeding.
#
#     torrent-pull.sh <directory> <options of aria2c and torrent>...
set -euo pipefail
directory=$1
shift
mkfifo "$directory/complete"
printf '#!/bin/sh\necho complete >%q/complete\n' "$directory" >"$directory/on-complete"
chmod +x "$directory/on-complete"
aria2c --dir="$directory" --seed-time=999999 --on-bt-download-complete="$directory/on-complete" "$@" \
  >"$directory/log" 2>&1 &
read -r _ <"$directory/complete"
