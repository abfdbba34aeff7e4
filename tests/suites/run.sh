#!/bin/sh
# Runs a program in Rust and one in Python on Linux and in this host: run.sh [std-fs | python]…
#
# Each runs in a fresh folder. `compare.py` holds what both print, their exit statuses and the files that they leave against each
# other, and against the differences that are known, in deviations.toml. $TOLLGATE is the program of this host.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
here=guests/polyglot
tools=$root/.tools/polyglot
work=$root/target/suites
. "$here/tools.sh"
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

# on SIDE SUITE FOLDER ARGUMENT…: the program of one side, with FOLDER at its root.
on() {
    side=$1 suite=$2 folder=$3
    shift 3
    case $side:$suite in
    linux:std-fs) "$work/std-fs.linux" "$folder" "$@" ;;
    linux:python) PYTHONDONTWRITEBYTECODE=1 python3 -W ignore tests/suites/python/checks.py "$folder" "$@" ;;
    here:*)
        # A folder of the machine is the root of the guest.
        XDG_CACHE_HOME="$work/cache" "$tollgate" run "$work/$suite.wasm" --quiet --policy "$work/policy.toml" -- / "$@"
        ;;
    esac
}

run() {
    for side in linux here; do
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

failed=0
for suite in ${*:-std-fs python}; do
    case $suite in
    std-fs) build_std_fs ;;
    python) build_python ;;
    *) fail "$suite is no suite; there are std-fs and python" ;;
    esac
    run "$suite" || failed=1
done
exit $failed
