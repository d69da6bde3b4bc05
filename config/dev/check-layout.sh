#!/usr/bin/env bash
# The shape of the source tree: how long a file may be, and who may import whom.
set -euo pipefail
cd "$(dirname "$0")/../.."
failed=0

sources() { git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r f; do [[ ! -f $f ]] || echo "$f"; done; }

# Lines: Rust 500 of production code (up to the first `#[cfg(test)]`), TypeScript 300, tests 800.
while IFS= read -r file; do
  case $file in
    web-client/src/api/messages.ts | web-client/src/api/schema.ts) continue ;; # generated
    */tests/* | web-client/e2e/* | *.test.ts | *.test.tsx) limit=800 ;;
    *.rs) limit=500 ;;
    *) limit=300 ;;
  esac
  lines=$(awk '/^#\[cfg\(test\)\]/ { exit } { n++ } END { print n + 0 }' "$file")
  if ((lines > limit)); then
    echo "$file: $lines lines, the limit is $limit"
    failed=1
  fi
done < <(sources '*.rs' '*.ts' '*.tsx')

# Imports: forbid WHAT FILES…
forbid() {
  local pattern=$1 why=$2 files hits
  shift 2
  mapfile -t files < <(sources "$@")
  [[ ${#files[@]} -gt 0 ]] || return 0
  if hits=$(grep -nE "$pattern" "${files[@]}"); then
    echo "$hits"
    echo "  ^ $why"
    failed=1
  fi
}
forbid '\b(sqlx|axum|hyper|control_plane)::' 'the media server knows nothing of SQL, HTTP or the control plane' 'media-server/src/*.rs'
forbid '^use crate::(store|http|app|gateway|media|jobs|config)\b' 'the domain is pure' 'control-plane/src/domain/*.rs'
forbid '\b(async fn|\.await)\b' 'the domain is pure' 'control-plane/src/domain/*.rs'
forbid '^use crate::(http|app|gateway|media|jobs)\b' 'the store imports the domain and crypto' 'control-plane/src/store/*.rs' 'control-plane/src/crypto/*.rs'
forbid 'from "(react|react-dom|react-router)"' 'rtc and api work without React' 'web-client/src/rtc/*' 'web-client/src/api/*'
forbid 'from "(\.\./)+(pages|features|rtc|api)/' 'ui and lib are leaves' 'web-client/src/ui/*'
exit $failed
