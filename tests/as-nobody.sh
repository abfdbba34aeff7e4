#!/bin/sh
# The tests that depend on the user, once more as another user: if this is root, as `nobody`. Other users need no
# change.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ]; then
    echo 'skipped: cache::files as another user: only root can become one'
    exit
fi
suite=$(cargo test --quiet --workspace --test suite --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\/suite-[^"]*\)".*/\1/p')
# The repository and its build artifacts need not be open to other users.
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$suite" "$place/suite"
chmod 755 "$place" "$place/suite"
mkdir "$place/tmp"
chown nobody "$place/tmp"
cd "$place"
TMPDIR="$place/tmp" setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups \
    "$place/suite" --test-threads 1 cache::files
