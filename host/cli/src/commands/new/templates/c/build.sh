#!/bin/sh
# Makes the component {{component}} of {{source}}, with clang and the wasi-libc of Debian.
set -eu
.tools/bin/wit-bindgen c wit --world tollgate:provider/provider --out-dir generated >/dev/null
# The linker that makes a component of a core module comes with Rust.
linker=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin/wasm-component-ld
options="--target=wasm32-wasi -Os -Wall -Wextra"
mkdir -p build
clang $options -c generated/provider.c -o build/bindings.o
{{compiler}} -c {{source}} -o build/provider.o
{{compiler}} -mexec-model=reactor -fuse-ld="$linker" -Wl,--strip-debug -o {{component}} \
    build/provider.o build/bindings.o generated/provider_component_type.o
