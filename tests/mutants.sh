#!/bin/sh
# Has cargo-mutants change what decides (host/policy) and what enforces (host/runtime), and shows the changes that no
# test catches; docs/mutants.md says of each that is left why it may be. `just mutants` runs it; with `policy` or
# `runtime`, one of the two, with options for cargo-mutants behind it: `just mutants runtime -f meter.rs`.
set -eu
cd "$(dirname "$0")/.."
what=all
[ $# -eq 0 ] || { what=$1; shift; }

# Trees of the same crates take turns at what is built of them, and so they keep out of each other's way by another
# setting; the engine is built once. A property of fewer cases finds a mutant as well.
export CARGO_TARGET_DIR="$PWD/target" TOLLGATE_GUESTS="${TOLLGATE_GUESTS:-$PWD/target/guests}"
export TOLLGATE_CASES=20000 PROPTEST_CASES=64
mutants() {
    output=target/mutants/$1
    mkdir -p "$output"
    shift
    .tools/bin/cargo-mutants mutants --jobs 1 --build-timeout 600 --colors never --output "$output" "$@"
}

# What limits.md and attacks.md name as enforcing.
enforcing='audit call database egress escape fault inspect ledger meter outgoing secrets session state stores verdict'
enforcing="$enforcing imports/config imports/files imports/hash imports/http imports/ledger imports/store"
enforcing="$enforcing imports/wasi/clocks imports/wasi/descriptors imports/wasi/http imports/wasi/opened"
enforcing="$enforcing imports/wasi/random imports/wasi/stdio imports/wasi/streams"

failed=0
case $what in
all | policy) mutants policy --package tollgate-policy --timeout 60 "$@" || failed=$? ;;
esac
case $what in
all | runtime)
    files=
    for file in $enforcing; do
        [ ! -f "host/runtime/src/$file.rs" ] || files="$files --file host/runtime/src/$file.rs"
    done
    # A file that is asked for takes the place of all.
    case " $* " in *' -f '* | *' --file '*) files= ;; esac
    mutants runtime --package tollgate --test-package tollgate --test-package tollgate-tests --timeout 900 $files "$@" ||
        failed=$?
    ;;
esac
exit $failed
