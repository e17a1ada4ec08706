#!/bin/bash
# A contender by the contract in README.md: pulls from the registry with curl.
set -euo pipefail
case $1 in
  start)
    echo ready
    exec sleep infinity
    ;;
  pull)
    for digest in $BENCH_DIGESTS; do
      kind=blobs
      [ "$digest" = "${BENCH_DIGESTS%% *}" ] && kind=manifests
      curl --fail --silent --show-error --output /dev/null \
        --header 'accept: application/vnd.oci.image.manifest.v1+json' \
        "http://$BENCH_UPSTREAM/v2/$BENCH_REPOSITORY/$kind/$digest"
    done
    ;;
esac
