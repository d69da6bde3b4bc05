#!/usr/bin/env bash
# File size limits: what no longer fits in a head is split by its reasons to change.
#   Rust 500 production lines (up to the first `#[cfg(test)]`), TypeScript 300, tests 800.
set -euo pipefail
cd "$(dirname "$0")/../.."

too_long=0
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
    too_long=1
  fi
done < <(git ls-files --cached --others --exclude-standard -- '*.rs' '*.ts' '*.tsx' | while IFS= read -r f; do
  [[ -f $f ]] && echo "$f"
done)
exit $too_long
