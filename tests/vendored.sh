#!/bin/sh
# Compares the WIT that was copied into wit/deps with its source, line by line: the table of wit/deps/README.md says
# which folder is from which crate, and Cargo's registry has the crates. Part of `.ci/run`.
set -eu
cd "$(dirname "$0")/.."
work=$PWD/target/vendored
home=${CARGO_HOME:-$HOME/.cargo}
sources=$(sed -n 's/^| `\([^`]*\)` | [^|]* | `\([^`]*\)` of the crate \([^ ]*\) \([^ ]*\) |$/\1 \2 \3 \4/p' wit/deps/README.md)

# Every folder has its row.
listed=$(printf '%s\n' "$sources" | cut -d' ' -f1 | sort)
folders=$(cd wit/deps && find . -mindepth 1 -maxdepth 1 -type d | sed 's,^\./,,' | sort)
if [ "$listed" != "$folders" ]; then
    printf 'vendored: wit/deps has the folders [%s], and its README.md the rows [%s]\n' \
        "$(echo $folders)" "$(echo $listed)" >&2
    exit 1
fi

mkdir -p "$work/src"
: >"$work/src/lib.rs"
{
    printf '[package]\nname = "vendored"\nedition = "2024"\n[workspace]\n[dependencies]\n'
    printf '%s\n' "$sources" | while read -r _ _ crate version; do
        printf '%s = { version = "=%s", default-features = false }\n' "$crate" "$version"
    done
} >"$work/Cargo.toml"
# Starts from this lock file, so that next to nothing is downloaded but those crates.
cp Cargo.lock "$work/Cargo.lock"
cargo fetch --quiet --manifest-path "$work/Cargo.toml" --target "$(rustc -vV | sed -n 's/^host: //p')"

printf '%s\n' "$sources" | while read -r folder path crate version; do
    source=$(find "$home/registry/src" -mindepth 2 -maxdepth 2 -name "$crate-$version" | head -n 1)
    if [ -z "$source" ]; then
        echo "vendored: cargo did not leave $crate $version in $home/registry/src" >&2
        exit 1
    fi
    diff -r "$source/$path" "wit/deps/$folder" || {
        echo "vendored: wit/deps/$folder is not what $crate $version has in $path (above)" >&2
        exit 1
    }
done
