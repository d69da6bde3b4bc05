#!/usr/bin/env bash
# What `make bench-quality` measures; $1: the load generator. Runs inside two-networks.sh.
set -euo pipefail
exec "$1" --server 10.77.0.1 --launcher "$SERVER" --scenario one-to-one --rooms "${ROOMS:-6}" --layers 3 \
  --profile clean,lossy,lossy-everyone,reordering,step --warmup 10 --seconds "${SECONDS_EACH:-30}" \
  --output bench-results/quality.json
