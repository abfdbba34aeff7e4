#!/usr/bin/env bash
# Makes the release archive in target/dist: the program without symbols, manual pages, completions, licences, README,
# CHANGELOG, a CycloneDX SBOM and checksums. The same program gives the same archive.
#
# Needs .tools/bin/cargo-cyclonedx (`just dist` installs it), git, GNU tar and binutils.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { printf 'dist: %s\n' "$1" >&2; exit 1; }

[ -z "$(git status --porcelain)" ] || fail 'the tree differs from its commit; commit or stash the changes'
tar --version | grep -q GNU || fail 'tar is not GNU tar; install it'
command -v strip >/dev/null || fail 'strip is missing; install binutils'
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
target=$(rustc -vV | sed -n 's/^host: //p')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
TOLLGATE_COMMIT=$(git rev-parse HEAD)
export SOURCE_DATE_EPOCH TOLLGATE_COMMIT
# Modes and the order of names do not depend on the user.
umask 022
export LC_ALL=C

out=$PWD/target/dist
name=tollgate-$version-$target
work=$out/work
rm -rf "$work"
mkdir -p "$work/$name/completions" "$work/$name/man/man1"

# Paths of this machine are in no message of the program.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="--remap-path-prefix=$PWD=tollgate --remap-path-prefix=$cargo_home=cargo"
cargo build --locked --release --package tollgate-cli --target-dir target/dist/build
unset RUSTFLAGS
program=$work/$name/tollgate
strip --strip-all -o "$program" target/dist/build/release/tollgate

for shell in bash zsh fish; do
    case $shell in
    bash) file=tollgate.bash ;;
    zsh) file=_tollgate ;;
    fish) file=tollgate.fish ;;
    esac
    "$program" completions "$shell" >"$work/$name/completions/$file"
done
"$program" man "$work/$name/man/man1" 2>/dev/null
cp README.md CHANGELOG.md SECURITY.md LICENSE-APACHE LICENSE-MIT "$work/$name/"

# The licences of all that is linked, each crate's own files. One without a file is named with its SPDX expression.
cargo tree --locked --package tollgate-cli --edges normal --target "$target" --prefix none --format '{p}|{l}' |
    sed 's/ (\*)//; s/ (proc-macro)//' | grep -v "($PWD" | sort -u |
    while IFS='|' read -r crate licence; do
        folder=$(find "$cargo_home/registry/src" -mindepth 2 -maxdepth 2 -name "${crate% v*}-${crate##* v}" | head -n 1)
        printf '==== %s %s: %s\n\n' "${crate% v*}" "${crate##* v}" "$licence"
        find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'unlicense*' \) |
            sort | xargs -r -d '\n' cat
        echo
    done >"$work/$name/LICENSES-OF-DEPENDENCIES.txt"

# cargo-cyclonedx writes beside each manifest, so it works in a copy.
mkdir -p "$work/source"
git archive "$TOLLGATE_COMMIT" | tar -x -C "$work/source"
.tools/bin/cargo-cyclonedx cyclonedx --quiet --manifest-path "$work/source/host/cli/Cargo.toml" --format json \
    --describe binaries --spec-version 1.5 --target "$target" --no-build-deps
sed "s#$work/source/##g" "$work/source/host/cli/tollgate_bin.cdx.json" >"$work/$name/sbom.cdx.json"

tar --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    -C "$work" -cf - "$name" | gzip -9n >"$out/$name.tar.gz"
cp "$work/$name/sbom.cdx.json" "$out/$name.cdx.json"
(cd "$out" && sha256sum "$name.tar.gz" "$name.cdx.json" >SHA256SUMS)
rm -rf "$work"
ls -l "$out/$name.tar.gz" "$out/$name.cdx.json" "$out/SHA256SUMS"
