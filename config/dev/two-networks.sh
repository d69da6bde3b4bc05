#!/usr/bin/env bash
# Runs a command where clients have the addresses 10.80.0.0/12 and a server 10.77.0.1, each side in a network of its own,
# joined by a virtual cable; nobody else's traffic is there. $SERVER holds the words that start a program on the server's
# side. Everything that the command started ends with it.
set -euo pipefail

if [[ ${TWO_NETWORKS:-} != yes ]]; then
  as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(--user --map-root-user)
  TWO_NETWORKS=yes exec unshare "${as_root[@]}" --net --pid --fork --mount-proc --kill-child "$0" "$@"
fi

unshare --net sleep infinity &
server=$!
until [[ $(readlink /proc/$server/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
ip link set lo up
ip link add clients type veth peer name media netns $server
ip address add 10.77.0.2/24 dev clients
ip link set clients addrgenmode none up
ip route add local 10.80.0.0/12 dev lo
SERVER="nsenter --net=/proc/$server/ns/net"
export SERVER
$SERVER ip link set lo up
$SERVER ip address add 10.77.0.1/24 dev media
# Without IPv6: Janus would try to use an address that is not ready yet.
$SERVER ip link set media addrgenmode none up
$SERVER ip route add 10.80.0.0/12 via 10.77.0.2
until $SERVER ip -brief link show media | grep -qw UP; do sleep 0.05; done
"$@"
