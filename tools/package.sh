#!/bin/sh
# Packages every crate as for a registry, and shows that each crate that is published is built from its package alone.
#
# `package.sh` checks the packages in a workspace of the same manifests, so that all that they depend on is built already.
# `package.sh verify` has cargo do it: one crate after the other with the features it asks for itself, which builds the
# engine with other features, once, in about five minutes.
set -eu
cd "$(dirname "$0")/.."
case ${1-} in
'') ;;
verify)
    # Cargo gives a package no profile of the workspace; with the same one, next to no dependency is built anew.
    sed -n '/^\[profile\.dev\]/,/^\[profile\.release\]/p' Cargo.toml | sed '$d' >target/package-profile.toml
    cargo package --workspace --locked --config target/package-profile.toml
    # Verifying leaves its own program where the tree's is.
    touch host/cli/build.rs
    exit
    ;;
*)
    echo "package: $1 is not \`verify\`" >&2
    exit 1
    ;;
esac

# Those of an earlier version would be taken for these; what others have put there stays.
names=$(sed -n 's/^name = "\(.*\)"$/\1/p' host/*/Cargo.toml)
for name in $names; do rm -f "target/package/$name"-[0-9]*.crate; done
cargo package --quiet --workspace --locked --no-verify
work=$PWD/target/packaged
# One folder further down than in the tree: cargo tells crates apart by their path from the root of a workspace, and would
# take the build scripts of one for those of the other.
tree=$work/tree
rm -rf "$work"
mkdir -p "$tree/host"
# The rest of the workspace, without which features would differ.
git archive HEAD Cargo.lock | tar -xm -C "$work"
git archive HEAD tests tools fuzz/targets | tar -xm -C "$tree"
git show HEAD:Cargo.toml | sed -E 's#"(host|tools|tests|fuzz)([/"])#"tree/\1\2#g' >"$work/Cargo.toml"
for home in host/*/; do
    name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$home/Cargo.toml" | head -n 1)
    package=$(find target/package -maxdepth 1 -name "$name-[0-9]*.crate" | sort | tail -n 1)
    # Times of now: cargo would take those of a package for old ones.
    tar -xzmf "$package" -C "$tree/host"
    mv "$tree/host/$(basename "$package" .crate)" "$tree/$home"
    # The manifest as it was written, since its dependencies are not in the registry.
    mv "$tree/${home}Cargo.toml.orig" "$tree/${home}Cargo.toml"
    for file in README.md LICENSE-APACHE LICENSE-MIT; do
        [ -s "$tree/$home$file" ] || { echo "package: $name has no $file" >&2; exit 1; }
    done
done
cargo check --quiet --workspace --locked --manifest-path "$work/Cargo.toml" --target-dir target
ls -l target/package/*.crate | awk '{ print $5, $NF }'
