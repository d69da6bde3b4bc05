#!/usr/bin/env bash
# Runs a command beside a throw-away PostgreSQL cluster: `with-postgres.sh cargo test …`. The cluster listens on a socket
# in its own temporary folder only, and is stopped and deleted afterwards. The command finds it by AUSCULT_TEST_POSTGRES
# (the folder); the roles are auscult_owner, who may make databases, and auscult_app, who owns nothing.
set -euo pipefail

programs=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -1) ||
  { echo "error: PostgreSQL's programs are missing: apt-get install postgresql, or use \`make test\`" >&2; exit 1; }
folder=$(mktemp -d)
as=()
# PostgreSQL refuses to run as root.
if [[ $(id -u) -eq 0 ]]; then
  chown postgres "$folder"
  as=(setpriv --reuid postgres --regid postgres --clear-groups)
fi
run() { (cd / && "${as[@]}" "$programs/$1" "${@:2}" >>"$folder.log" 2>&1); }
stop() {
  run pg_ctl --pgdata "$folder/data" --mode immediate stop || true
  rm -rf "$folder" "$folder.log"
}
trap stop EXIT

touch "$folder.log" && chmod 666 "$folder.log"
# Nothing here has to survive a power cut; the tests that pull the plug start clusters of their own.
if ! { run initdb --pgdata "$folder/data" --username auscult_root --auth trust --no-sync &&
  run pg_ctl --pgdata "$folder/data" --wait start \
    --options "-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c max_connections=300" \
    --log "$folder/log" &&
  run psql --host "$folder" --username auscult_root --dbname postgres --command \
    'CREATE ROLE auscult_owner LOGIN CREATEDB; CREATE ROLE auscult_app LOGIN;'; }; then
  cat "$folder.log" >&2
  exit 1
fi
AUSCULT_TEST_POSTGRES=$folder "$@"
