#!/usr/bin/env bash
# What `make bench-NAME` measures with the load generator; $1: NAME, $2: the generator. Runs inside two-networks.sh.
# SECONDS_EACH, REPEAT and ROOMS change the usual size.
set -euo pipefail
name=$1 generator=$2
shift 2
case $name in
media)
  set -- --system auscult,janus,floor --scenario one-to-one,three-party,five-party,audio-only,one-to-many \
    --repeat "${REPEAT:-3}" --seconds "${SECONDS_EACH:-10}" ;;
# Small pictures: 200 rooms of 720p are more than two cores carry beside the generator.
rooms)
  set -- --scenario small-pictures,audio-only --rooms "${ROOMS:-10,50,100,200}" --repeat "${REPEAT:-3}" \
    --seconds "${SECONDS_EACH:-10}" ;;
quality)
  set -- --scenario one-to-one --rooms "${ROOMS:-6}" --layers 3 --warmup 10 --seconds "${SECONDS_EACH:-30}" \
    --profile clean,lossy,lossy-everyone,reordering,step ;;
joins)
  set -- --scenario join-storm,churn --seconds "${SECONDS_EACH:-30}" ;;
limit)
  set -- --scenario one-to-one,one-to-many --rooms "${ROOMS:-10}" --find-limit --seconds "${SECONDS_EACH:-60}" ;;
captioned-calls)
  set -- --scenario one-to-one --rooms "${ROOMS:-10}" --speakers "${SPEAKERS:-160}" --repeat "${REPEAT:-10}" \
    --seconds "${SECONDS_EACH:-15}" ;;
hostile)
  set -- --scenario one-to-one --rooms "${ROOMS:-10}" --junk 200000 --seconds "${SECONDS_EACH:-60}" ;;
esac
exec "$generator" --server 10.77.0.1 --launcher "$SERVER" --output "bench-results/$name.json" "$@"
