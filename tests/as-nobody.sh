#!/bin/sh
# The tests that depend on the user who runs them, once more by another: as root, by `nobody`. Others are that already.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo 'skipped: cache::files as another user: only root can become one'
    exit
fi
suite=$(cargo test --quiet --workspace --test suite --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\/suite-[^"]*\)".*/\1/p')
# Neither the repository nor what is built of it need be open to others.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$suite" "$place/suite"
chmod 755 "$place" "$place/suite"
mkdir "$place/tmp"
chown nobody "$place/tmp"
cd "$place"
TMPDIR="$place/tmp" setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups \
    "$place/suite" --test-threads 1 cache::files
