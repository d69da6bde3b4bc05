#!/usr/bin/env bash
# What `make bench-hostile` measures; $1: the load generator. Runs inside two-networks.sh.
set -euo pipefail
exec "$1" --server 10.77.0.1 --launcher "$SERVER" --scenario one-to-one --rooms 10 --junk 200000 \
  --seconds "${SECONDS_EACH:-60}" --output bench-results/hostile.json
