#!/bin/bash
# Pulls an image from a registry as container runtimes do, and throws it away: index, manifest, then configuration and
# layers, four at a time. With FIRST_BYTE set it tells when the first byte of the first layer came.
#
#     registry-pull.sh <registry> <repository> <tag> <manifest> <configuration> <layer>...
set -euo pipefail
registry=http://$1/v2/$2 tag=$3 manifest=$4
shift 4
# docker-registry 2.8 as a pull-through cache answers 500 now and then to those who ask at once; runtimes ask again.
get() { curl --fail --silent --show-error --retry 3 --retry-delay 1 "$@"; }
# Where forty answers share its link one is reset at times. curl can't go on with what it throws away, so it begins anew.
get_blob() { for _ in 1 2 3; do get --output /dev/null "$1" && return; done; return 1; }
export -f get get_blob

for reference in "$tag" "$manifest"; do
  get --output /dev/null --header 'accept: application/vnd.oci.image.index.v1+json' \
    --header 'accept: application/vnd.oci.image.manifest.v1+json' "$registry/manifests/$reference"
done

if [ -n "${FIRST_BYTE:-}" ]; then
  get "$registry/blobs/$2" | { head -c 1 >/dev/null; echo "first-byte $EPOCHREALTIME"; exec cat >/dev/null; }
  shift 2
fi

# A connection for each, as runtimes have.
[ $# -eq 0 ] || printf "$registry/blobs/%s\n" "$@" | xargs -P 4 -I {} bash -c 'get_blob {}'
