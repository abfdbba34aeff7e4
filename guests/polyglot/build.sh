#!/bin/sh
# Builds the guests that are not written in Rust: build.sh OUTPUT-FOLDER
#
# Their compilers come from PyPI and npm, pinned by version and hash, into .tools/polyglot. A guest is built
# when a file it is made of changed; neither compiler makes the same bytes twice, so files say that, not bytes.
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
}

build_python() {
    componentize_py "$work/python" python "$1"
}

# A provider that computes has no use for what imports WASI.
build_javascript() {
    componentize_js javascript "$1" stdio random clocks http fetch-event
}

# `fetch-event` would export a handler of requests, which is another world.
build_fetch() {
    componentize_js fetch "$1" fetch-event
}

# componentize_js NAME OUTPUT FEATURE…: the features are those it is to do without.
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
    world=$1 component=$2
    shift 2
    node "$folder/build.js" "$work/$world/provider.js" "$work/$world/wit" "$world" "$component" "$@"
}

build() {
    name=polyglot-$1
    file=$out/$name.wasm
    sources=$(digest "$here/build.sh" "$here/tools.sh" "$here/javascript/build.js" "$here/$1" wit/provider)
    if [ -f "$file" ] && fresh "$work/$name.stamp" "$sources $(sha256 "$file")"; then
        return
    fi
    say "building $name"
    stage "$1"
    "build_$1" "$work/$name.wasm" || fail "$name: its compiler failed, and says above why"
    # By way of a second file, so that a test that reads meanwhile sees the old one or the new one.
    cp "$work/$name.wasm" "$file.new"
    mv "$file.new" "$file"
    printf '%s\n' "$sources $(sha256 "$file")" >"$work/$name.stamp"
}

mkdir -p "$out" "$work" "$tools"
build python
build javascript
build fetch
