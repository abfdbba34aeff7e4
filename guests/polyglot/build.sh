#!/bin/sh
# Builds the guests that are not written in Rust: build.sh OUTPUT-FOLDER
#
# The compilers of Python and JavaScript come from PyPI and npm, pinned by version and hash, into .tools/polyglot; that of C
# from Debian, with bindings by `wit-bindgen` of crates.io. A guest is built when a file it is made of changed; the first two
# never make the same bytes twice, so files say that, not bytes.
#
# ledger-* are guests/providers/ledger-csv in other languages, of the world in ledger.wit.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
case $1 in /*) out=$1 ;; *) out=$root/$1 ;; esac
here=guests/polyglot
tools=$root/.tools/polyglot
work=$root/target/polyglot

. "$here/tools.sh"

# What the compiler reads goes into a copy: it leaves files of its own beside it.
stage() {
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    cp -R "$here/$1" "$work/"
    mkdir -p "$work/$1/wit/deps"
    cp -R wit/provider "$work/$1/wit/deps/"
    case $1 in ledger-*)
        cp "$here/ledger.wit" "$work/$1/wit/"
        cp -R wit/ledger "$work/$1/wit/deps/"
        ;;
    esac
}

build_python() {
    componentize_py "$work/python" python "$1"
}

# A provider that computes has no use for what imports WASI.
build_javascript() {
    componentize_js javascript javascript "$1" stdio random clocks http fetch-event
}

# `fetch-event` would export a handler of requests, which is another world.
build_fetch() {
    componentize_js fetch fetch "$1" fetch-event
}

build_ledger_python() {
    componentize_py "$work/ledger-python" ledger "$1"
}

build_ledger_javascript() {
    componentize_js ledger-javascript ledger "$1" stdio random clocks http fetch-event
}

build_ledger_c() {
    component_of_c ledger-c "$1" 'clang --target=wasm32-wasi' provider.c
}

build_ledger_cpp() {
    component_of_c ledger-cpp "$1" 'clang++ --target=wasm32-wasi -std=c++20 -fno-exceptions' provider.cpp
}

# componentize_js NAME WORLD OUTPUT FEATURE…: the features are those it is to do without.
componentize_js() {
    need_node
    folder=$tools/javascript
    want=$(digest "$here/javascript/package.json" "$here/javascript/package-lock.json")
    if ! fresh "$folder/stamp" "$want"; then
        say 'installing componentize-js from npm into .tools (once)'
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$here/javascript/package.json" "$here/javascript/package-lock.json" "$folder/"
        (cd "$folder" && $npm ci --silent --ignore-scripts --no-audit --no-fund) || fail 'npm failed'
        printf '%s\n' "$want" >"$folder/stamp"
    fi
    # Node looks for packages from where the script is.
    cp "$here/javascript/build.js" "$folder/"
    staged=$work/$1 world=$2 component=$3
    shift 3
    node "$folder/build.js" "$staged/provider.js" "$staged/wit" "$world" "$component" "$@"
}

# component_of_c NAME OUTPUT COMPILER SOURCE: of the world `ledger`, as in a project of `tollgate new provider --lang c`.
component_of_c() {
    need_wit_bindgen
    # The linker that makes a component of a core module comes with Rust.
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin/wasm-component-ld
    options='-Os -Wall -Wextra -Werror'
    (
        cd "$work/$1" &&
            "$wit_bindgen" c wit --world ledger --out-dir generated >generated.log 2>&1 || { cat generated.log >&2; false; } &&
            clang --target=wasm32-wasi $options -c generated/ledger.c -o bindings.o &&
            $3 $options -c "$4" -o provider.o &&
            $3 -mexec-model=reactor -fuse-ld="$linker" -Wl,--strip-debug -o "$2" \
                provider.o bindings.o generated/ledger_component_type.o
    )
}

build() {
    name=polyglot-$1
    file=$out/$name.wasm
    case $1 in *-c | *-cpp)
        # Debian's packages are root's to install: without them, a test says that it was skipped.
        if ! has_clang; then
            say "skipped: $name: there is no clang for wasm32-wasi; install it (Debian: apt-get install $clang_packages)"
            rm -f "$file"
            return
        fi
        ;;
    esac
    sources=$(digest "$here/build.sh" "$here/tools.sh" "$here/javascript/build.js" "$here/$1" "$here/ledger.wit" wit/provider wit/ledger)
    if [ -f "$file" ] && fresh "$work/$name.stamp" "$sources $(sha256 "$file")"; then
        return
    fi
    say "building $name"
    stage "$1"
    "build_$(printf %s "$1" | tr - _)" "$work/$name.wasm" || fail "$name: its compiler failed, and says above why"
    # By way of a second file, so that a test that reads meanwhile sees the old one or the new one.
    cp "$work/$name.wasm" "$file.new"
    mv "$file.new" "$file"
    printf '%s\n' "$sources $(sha256 "$file")" >"$work/$name.stamp"
}

mkdir -p "$out" "$work" "$tools"
build python
build javascript
build fetch
build ledger-python
build ledger-javascript
build ledger-c
build ledger-cpp
