#!/usr/bin/env bash
# What `make bench-media` measures; $1: the load generator. Runs inside two-networks.sh.
set -euo pipefail
exec "$1" --server 10.77.0.1 --launcher "$SERVER" --system auscult,janus,floor \
  --scenario one-to-one,three-party,five-party,audio-only --repeat "${REPEAT:-3}" --seconds "${SECONDS_EACH:-10}" \
  --output bench-results/media.json
