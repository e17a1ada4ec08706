#!/bin/bash
# Pulls an image from a registry as container runtimes do, and throws it away: index, manifest, then configuration and
# layers, four at a time. With FIRST_BYTE set it tells when the first byte of the first layer came.
#
#     registry-pull.sh <registry> <repository> <tag> <manifest> <configuration> <layer>...
set -euo pipefail
registry=http://$1/v2/$2 tag=$3 manifest=$4
shift 4
# docker-registry 2.8 as a pull-through cache answers 500 now and then to those who ask at once, and where forty answers share
# its link one is reset at times; runtimes ask again.
get=(curl --fail --silent --show-error --retry 3 --retry-delay 1 --retry-all-errors)

for reference in "$tag" "$manifest"; do
  "${get[@]}" --output /dev/null --header 'accept: application/vnd.oci.image.index.v1+json' \
    --header 'accept: application/vnd.oci.image.manifest.v1+json' "$registry/manifests/$reference"
done

if [ -n "${FIRST_BYTE:-}" ]; then
  "${get[@]}" "$registry/blobs/$2" | { head -c 1 >/dev/null; echo "first-byte $EPOCHREALTIME"; exec cat >/dev/null; }
  shift 2
fi

# Without --parallel-immediate curl waits with the others until the first has been answered, to see if they can share its
# connection; runtimes open one for each.
outputs=()
for digest in "$@"; do outputs+=(--output /dev/null "$registry/blobs/$digest"); done
[ ${#outputs[@]} -eq 0 ] || "${get[@]}" --parallel --parallel-immediate --parallel-max 4 "${outputs[@]}"
