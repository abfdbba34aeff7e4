#!/bin/sh
# The skipped tests of the last run, from target/skips.txt, where each wrote a line `skipped: TEST: WHY`.
set -eu
cd "$(dirname "$0")/.."
skips=target/skips.txt
[ -s "$skips" ] || { echo 'no test was skipped, in whole or part'; exit; }
sort -u "$skips"
tests=$(cut -d' ' -f2 "$skips" | sort -u | wc -l)
echo "$tests skipped, in whole or part:"
sort -u "$skips" | sed 's/^skipped: [^ ]*: //' | sort | uniq -c
