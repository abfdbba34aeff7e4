#!/usr/bin/env bash
# Checks the crates of the host for systems other than this one, and runs the tests of the crates without the engine by
# qemu-user (aarch64) and wine (Windows). docs/guide/platforms.md has the results.
#
# `portability.sh check` and `portability.sh test` do one half. As root on Debian, missing compilers and emulators are
# installed; elsewhere a target without its compiler is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
fail() { printf 'portability: %s\n' "$1" >&2; exit 1; }

# need PROGRAM PACKAGE...: a program, or the packages of Debian that have it.
need() {
    local program=$1
    shift
    command -v "$program" >/dev/null && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "portability: installing $* from Debian" >&2
        { apt-get install -qq --yes --no-install-recommends "$@" ||
            { apt-get update -qq && apt-get install -qq --yes --no-install-recommends "$@"; }; } >/dev/null
    fi
    command -v "$program" >/dev/null || fail "$program is missing; install it (Debian: apt-get install $*)"
}

# Build scripts of ring, blake3 and wasmtime compile C, for the target as well when code is only checked.
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
rustup target add aarch64-unknown-linux-gnu x86_64-pc-windows-gnu aarch64-apple-darwin >/dev/null 2>&1 ||
    fail 'rustup cannot add the targets'
export CARGO_TARGET_DIR=$PWD/target/portability

check() {
    need clang clang
    # The headers of macOS that Zig redistributes; no object that is compiled with them is ever linked here.
    local headers=$PWD/.tools/macos-headers
    if ! [ -d "$headers" ]; then
        echo 'portability: fetching the headers of macOS from the package ziglang of PyPI (once, 90 MB)' >&2
        local work
        work=$(mktemp -d)
        python3 -m pip --quiet --disable-pip-version-check download --no-deps --only-binary :all: \
            --dest "$work" ziglang==0.15.2
        python3 - "$work" "$headers" <<'PYTHON'
import glob, os, sys, zipfile
work, headers = sys.argv[1:]
prefix = "ziglang/lib/libc/include/any-macos-any/"
with zipfile.ZipFile(glob.glob(work + "/*.whl")[0]) as wheel:
    for name in wheel.namelist():
        if name.startswith(prefix) and not name.endswith("/"):
            path = os.path.join(work, "headers", name[len(prefix):])
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(wheel.read(name))
os.makedirs(os.path.dirname(headers), exist_ok=True)
os.rename(os.path.join(work, "headers"), headers)
PYTHON
        rm -rf "$work"
    fi
    # cc asks xcrun for the SDK unless it is named.
    export CC_aarch64_apple_darwin=clang SDKROOT=$headers
    export CFLAGS_aarch64_apple_darwin="-nostdlibinc -isystem $headers"
    for target in aarch64-unknown-linux-gnu x86_64-pc-windows-gnu aarch64-apple-darwin; do
        echo "portability: clippy for $target"
        cargo clippy --quiet --locked --target "$target" --lib --bins --package tollgate-policy \
            --package tollgate-component --package tollgate-capability --package tollgate --package tollgate-cli \
            -- --deny warnings
    done
}

run_tests() {
    need qemu-aarch64 qemu-user
    need wine wine wine64
    # An emulated processor is slow: fewer cases of each property, and none of the chains of decodings, which are many
    # and depend on no system.
    export TOLLGATE_CASES=5000 PROPTEST_CASES=32
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu'
    export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER=wine WINEDEBUG=-all
    # Rust draws random numbers from a library that wine has only since its version 9.
    local shim=$CARGO_TARGET_DIR/wine
    mkdir -p "$shim"
    printf '%s\n' '#include <windows.h>' '#include <ntsecapi.h>' \
        '__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return RtlGenRandom(data, size); }' \
        >"$shim/bcryptprimitives.c"
    x86_64-w64-mingw32-gcc -shared -o "$shim/bcryptprimitives.dll" "$shim/bcryptprimitives.c" -ladvapi32
    WINEPATH="Z:$(printf %s "$shim" | tr / '\\')"
    export WINEPATH
    local failed=0
    for target in aarch64-unknown-linux-gnu x86_64-pc-windows-gnu; do
        echo "portability: tests for $target"
        cargo test --quiet --locked --no-fail-fast --target "$target" --lib --tests --package tollgate-policy \
            --package tollgate-component --package tollgate-capability -- --skip decodings:: || failed=$?
    done
    return $failed
}

case $part in
check) check ;;
test) run_tests ;;
all) check && run_tests ;;
*) fail "$part is neither check nor test" ;;
esac
